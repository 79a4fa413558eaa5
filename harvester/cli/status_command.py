"""`harvester status`: one screen that tells whether all is well and what to do."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from harvester.cli.console import Results
from harvester.cli.hooks_view import hook_advice, hook_statuses, status_line
from harvester.cli.output import stdout_line
from harvester.cli.text import printable
from harvester.model import VisitState, Watch
from harvester.settings import Address, Settings
from harvester.store import Coverage, Figures, Run, open_archive
from harvester.zaobao.urls import singapore_day

if TYPE_CHECKING:
    from harvester.handoff.hooks import HookStatus

_MONTHS = 6
_WEEKS = 5
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# The daemon answers from memory; a daemon that takes longer is as good as none.
_PATIENCE = 1.0
_MOST = 2**20


@dataclass(frozen=True, slots=True)
class View:
    """What there is to show: the catalogue's figures, the hooks, and what a running daemon says.

    `daemon` is None where none answers.
    """

    figures: Figures
    coverage: Sequence[Coverage]
    watches: Sequence[Watch]
    hooks: Sequence[HookStatus]
    daemon: Mapping[str, Any] | None


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Show the figures of the archive, and the daemon's state if one is running."""
    now = datetime.now(UTC)
    today = singapore_day(now)
    daemon = ask_daemon(settings.http, settings.state)
    with open_archive(settings.seeds, settings.state) as archive:
        coverage = archive.coverage(_first_day(today), today)
        hooks = hook_statuses(settings.hooks, archive, settings.state)
        view = View(archive.counts(), coverage, archive.watches(), hooks, daemon)
    if chosen.json:
        stdout_line(json.dumps(as_json(view, now), ensure_ascii=False))
    else:
        show(view, settings, now)
    return 0


def ask_daemon(address: Address | None, state: Path) -> dict[str, Any] | None:
    """Return what the daemon of this archive tells of itself at an address; None if it does not."""
    if address is None:
        return None
    try:
        with closing(HTTPConnection(*_reachable(address), timeout=_PATIENCE)) as connection:
            connection.request("GET", "/api/status")
            told = json.loads(connection.getresponse().read(_MOST))
    except (OSError, HTTPException, ValueError, RecursionError):
        return None
    # Some other program may have the port, or the daemon of another archive.
    if not (isinstance(told, dict) and isinstance(told.get("status"), str)):
        return None
    of = told.get("details", {}).get("state") if isinstance(told.get("details"), dict) else None
    return told if of in (None, str(state.resolve())) else None


def _reachable(address: Address) -> tuple[str, int]:
    """Return host and port to connect to; what listens everywhere is found on loopback."""
    try:
        ip = ip_address(address.host)
    except ValueError:
        return address.host, address.port
    loopback = "127.0.0.1" if ip.version == 4 else "::1"
    return loopback if ip.is_unspecified else address.host, address.port


def as_json(view: View, now: datetime) -> dict[str, object]:
    """Return the figures as one object."""
    figures = view.figures
    return {
        "stories": figures.stories,
        "revisions": figures.revisions,
        "duplicates": figures.aliases,
        "gone": figures.gone,
        "kept_pages": figures.kept_pages,
        "addresses": figures.sightings,
        "by_era": dict(figures.by_era),
        "by_access": dict(figures.by_access),
        "by_month": dict(figures.by_month),
        "visits": [
            {"state": v.state, "reason": v.reason, "count": v.count, "example": v.example}
            for v in figures.visits
        ],
        "resting": {
            host: state.rest_until.isoformat()
            for host, state in figures.hosts.items()
            if state.rest_until and state.rest_until > now
        },
        "last_change": figures.last_change,
        "database_bytes": figures.database_bytes,
        "pages": figures.captures,
        "warc_bytes": figures.warc_bytes,
        "runs": [_run_json(run) for run in figures.runs],
        "coverage": [{**asdict(day), "day": day.day.isoformat()} for day in view.coverage],
        "watches": [_watch_json(watch) for watch in view.watches],
        "hooks": [hook.as_json() for hook in view.hooks],
        "daemon": view.daemon,
    }


def show(view: View, settings: Settings, now: datetime) -> None:
    """Print the figures for a person."""
    console = Results()
    _show_figures(console, view.figures, settings)
    for line in calendar(view.coverage):
        console.print(line)
    for line in (
        *map(_watch_line, view.watches),
        *(f"hook {status_line(hook)}" for hook in view.hooks),
        *map(_run_line, view.figures.runs),
        *_daemon_lines(view.daemon, settings.http),
    ):
        console.print(escape(printable(line)))
    for advice in (*_advice(view.figures, now), *hook_advice(view.hooks)):
        console.print(f"[bold]→[/] {escape(advice)}")


def _show_figures(console: Console, figures: Figures, settings: Settings) -> None:
    held = f"{figures.stories} stories held ({_listed(figures.by_access)})"
    gone = f", {figures.gone} gone from the site" if figures.gone else ""
    others = f"{figures.revisions} texts, {figures.aliases} duplicates{gone}"
    console.print(f"[bold]{held}[/], {others}")
    console.print(escape(f"posts in {settings.seeds}, catalogue {figures.database_bytes:,} bytes"))
    if figures.captures:
        console.print(f"raw archive: {figures.captures} pages, {figures.warc_bytes:,} bytes")
    if figures.by_era:
        console.print(f"by layout: {_listed(figures.by_era)}")
    if figures.by_month:
        newest = sorted(figures.by_month)[-_MONTHS:]
        console.print("by month: " + ", ".join(f"{m} {figures.by_month[m]}" for m in newest))
    console.print(f"{figures.sightings} addresses known; how the last visit to each story ended:")
    for visit in figures.visits:
        why = f"{visit.reason}, " if visit.reason else ""
        line = f"{visit.count:>7} {visit.state}: {why}latest {visit.example}"
        console.print(escape(printable(line)))


def calendar(coverage: Sequence[Coverage]) -> Iterator[str]:
    """Return lines with markup: a row for each week, `held/known` for each day.

    `coverage` begins with a Monday and has every day. Green: each known story has its end; yellow:
    some are still to be visited; red: some failed.
    """
    yield f"stories held/known by issue day, the last {_WEEKS} weeks:"
    yield "week of    " + "".join(f"{name:>10}" for name in _DAYS)
    for start in range(0, len(coverage), len(_DAYS)):
        week = coverage[start : start + len(_DAYS)]
        yield f"{week[0].day} " + "".join(map(_cell, week))
    waiting, failed, refused = (
        sum(getattr(day, name) for day in coverage) for name in ("waiting", "failed", "refused")
    )
    yield f"of these {waiting} wait, {failed} failed, {refused} are no articles"


def _first_day(today: date) -> date:
    return today - timedelta(days=today.weekday(), weeks=_WEEKS - 1)


def _cell(day: Coverage) -> str:
    if not day.known:
        return f"[dim]{'·':>10}[/]"
    style = "red" if day.failed else "yellow" if day.waiting else "green"
    return f"[{style}]{f'{day.held}/{day.known}':>10}[/]"


def _watch_line(watch: Watch) -> str:
    looked = f"looked {watch.checked_at:%m-%d %H:%M}Z" if watch.checked_at else "not looked at yet"
    due = f", next {watch.next_check_at:%m-%d %H:%M}Z" if watch.next_check_at else ""
    problem = f"; {watch.problem}" if watch.problem else ""
    return f"watch {watch.name}: {looked}{due}{problem}"


def _watch_json(watch: Watch) -> dict[str, object]:
    return {
        "name": watch.name,
        "checked_at": watch.checked_at.isoformat() if watch.checked_at else None,
        "next_check_at": watch.next_check_at.isoformat() if watch.next_check_at else None,
        "problem": watch.problem,
    }


def _daemon_lines(daemon: Mapping[str, Any] | None, address: Address | None) -> Iterator[str]:
    if address is None:
        yield "no daemon is asked, http is off; all this is from the catalogue"
    elif daemon is None:
        yield f"no daemon answers at http://{address}/; all this is from the catalogue"
    else:
        reason = f": {daemon['reason']}" if daemon.get("reason") else ""
        yield f"daemon at http://{address}/: {daemon['status']}{reason}"
        details = daemon.get("details")
        for name, value in details.items() if isinstance(details, dict) else ():
            if told := _told(value):
                yield f"  {name.replace('_', ' ')}: {told}"


def _told(value: object) -> str:
    """Return a text, a number, the counts above 0 or the texts of alarms; nothing of the rest."""
    match value:
        case dict():
            return ", ".join(f"{n} {name}" for name, n in value.items() if n)
        case list():
            return "; ".join(one["text"] for one in value if _has_text(one))
        case _:
            return "" if value is None else str(value)


def _has_text(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("text"), str)


def _run_line(run: Run) -> str:
    ended = run.outcome or "under way, or killed"
    counts = ", ".join(f"{n} {name}" for name, n in run.counts.items() if n and name != "seconds")
    return f"{run.started_at:%Y-%m-%d %H:%M}Z {run.command}: {ended}; {counts or 'nothing'}"


def _run_json(run: Run) -> dict[str, object]:
    return {
        "command": run.command,
        "started_at": run.started_at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "counts": dict(run.counts),
        "outcome": run.outcome,
    }


def _advice(figures: Figures, now: datetime) -> Iterator[str]:
    failed = sum(v.count for v in figures.visits if v.state is VisitState.FAILED)
    if failed:
        yield f"{failed} stories failed; `harvester backfill` tries them again"
    if figures.kept_pages:
        yield (
            f"{figures.kept_pages} pages are kept that could not be read; a new layout? Once the "
            "reader is mended, `harvester renormalise` reads them again"
        )
    for host, state in figures.hosts.items():
        if state.rest_until and state.rest_until > now:
            yield f"{host} asked to be left alone until {state.rest_until:%Y-%m-%d %H:%M}Z"
    if figures.runs and figures.runs[0].ended_at is None:
        yield "the last run has no end: it is under way, or was killed; the next one goes on"
    if not figures.stories:
        yield "nothing is held yet; `harvester backfill --since 7d` begins"


def _listed(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts.items()) or "none"
