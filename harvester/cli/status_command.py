"""`harvester status`: one screen that tells whether all is well and what to do."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape

from harvester.cli.console import stdout_line
from harvester.cli.text import printable
from harvester.model import VisitState
from harvester.settings import Settings
from harvester.store import Figures, Run, open_archive

_MONTHS = 6


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Show the figures of the archive."""
    with open_archive(settings.seeds, settings.state) as archive:
        figures = archive.counts()
    now = datetime.now(UTC)
    if chosen.json:
        stdout_line(json.dumps(as_json(figures, now), ensure_ascii=False))
    else:
        show(figures, settings, now)
    return 0


def as_json(figures: Figures, now: datetime) -> dict[str, object]:
    """Return the figures as one object."""
    return {
        "stories": figures.stories,
        "revisions": figures.revisions,
        "duplicates": figures.aliases,
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
        "runs": [_run_json(run) for run in figures.runs],
    }


def show(figures: Figures, settings: Settings, now: datetime) -> None:
    """Print the figures for a person."""
    console = Console(highlight=False, soft_wrap=True)
    held = f"{figures.stories} stories held ({_listed(figures.by_access)})"
    console.print(f"[bold]{held}[/], {figures.revisions} texts, {figures.aliases} duplicates")
    console.print(escape(f"posts in {settings.seeds}, catalogue {figures.database_bytes:,} bytes"))
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
    for run in figures.runs:
        console.print(escape(printable(_run_line(run))))
    for advice in _advice(figures, now):
        console.print(f"[bold]→[/] {escape(advice)}")


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
    for host, state in figures.hosts.items():
        if state.rest_until and state.rest_until > now:
            yield f"{host} asked to be left alone until {state.rest_until:%Y-%m-%d %H:%M}Z"
    if figures.runs and figures.runs[0].ended_at is None:
        yield "the last run has no end: it is under way, or was killed; the next one goes on"
    if not figures.stories:
        yield "nothing is held yet; `harvester backfill --since 7d` begins"


def _listed(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts.items()) or "none"
