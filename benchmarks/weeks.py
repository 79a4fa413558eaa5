"""Simulated weeks: the daemon itself, on virtual time, before a newspaper that lives its days.

`python -m benchmarks.weeks [--days N] [--seed N] [--scale S] [--json FILE] [--folder DIR]`

Daemon, replica and newspaper run in one process on a loop whose time jumps to the next timer;
sockets, files and the database are real. Exits 1 if a figure is missed.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from benchmarks import weeks_figures as figures
from benchmarks.figures import Figure
from benchmarks.harness import arguments, report, scaled, workplace
from benchmarks.weeks_figures import DAY, NIGHT_ENDS, Observed, observe
from benchmarks.weeks_plan import Plan, make_plan
from harvester.daemon import logs, service
from harvester.model import BodyMode
from harvester.replica import Site
from harvester.replica.server import ReplicaServer, Request
from harvester.settings import Settings
from tests.support.virtual_time import VirtualClock, run


def main() -> int:
    """Run the weeks, print a table, write one JSON object."""
    parser = arguments(__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="kept; a temporary one in memory otherwise")
    chosen = parser.parse_args()
    days = scaled(chosen.days, chosen.scale)
    if chosen.folder:
        return _measured(days, chosen.seed, chosen.folder, chosen.json)
    with workplace() as folder:
        return _measured(days, chosen.seed, folder, chosen.json)


def _measured(days: int, seed: int, folder: Path, kept: Path | None) -> int:
    plan = make_plan(days, seed)
    begun = time.monotonic()
    seen = simulate(plan, folder)
    rows = [*results(seen), Figure("wall time of the run", (time.monotonic() - begun) / 60, "min")]
    return report(
        rows,
        kept,
        days=days,
        seed=seed,
        share_by_day=figures.shares(seen),
        requests=figures.requests_of(seen),
        alarms=[asdict(alarm) for alarm in seen.alarms],
        missing=[each.story.urls[0] for each in figures.missing(seen)],
    )


# --- the run ---


def simulate(plan: Plan, folder: Path) -> Observed:
    """Let the weeks pass; `folder` must hold no archive yet."""
    clock = VirtualClock(plan.start)
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "daemon.jsonl"
    with log.open("w", encoding="utf-8") as stream:
        logs.configure("json", "info", clock, stream)
        requests = run(_weeks(plan, folder, clock), clock)
    return observe(plan, folder / "state" / "harvester.db", log, requests)


async def _weeks(plan: Plan, folder: Path, clock: VirtualClock) -> list[Request]:
    site = Site(plan.before, now=clock.now)
    signals = service.Signals()
    async with ReplicaServer(site) as server:
        settings = _settings(folder, server.origin)
        daemon = asyncio.create_task(service.run(settings, clock, signals, {}))
        newspaper = asyncio.create_task(_live(plan, site, clock))
        await asyncio.wait({daemon, newspaper}, return_when=asyncio.FIRST_COMPLETED)
        signals.stop()
        await daemon
        newspaper.cancel()
        with suppress(asyncio.CancelledError):
            await newspaper  # whatever ended it early is told
        return server.log


async def _live(plan: Plan, site: Site, clock: VirtualClock) -> None:
    """Let everything happen at its time, and the last night pass."""
    for action in plan.actions:
        await clock.sleep((action.at - clock.now()).total_seconds())
        action.act(site)
    await clock.sleep((plan.end + NIGHT_ENDS - clock.now()).total_seconds())


def _settings(folder: Path, origin: str) -> Settings:
    return Settings(
        seeds=folder / "seeds",
        state=folder / "state",
        site_origin=origin,
        contact="benchmark",
        rate=1.0,
        concurrency=1,
        body=BodyMode.CLEAN,
        sections=(),
        http=None,
        min_free=0,
    )


# --- the figures ---


def results(seen: Observed) -> list[Figure]:
    """Return all figures of a run."""
    groups: tuple[Callable[[Observed], list[Figure]], ...] = (
        _completeness,
        _freshness,
        _edits,
        _requests,
        _alarms,
    )
    return [row for group in groups for row in group(seen)]


def _completeness(seen: Observed) -> list[Figure]:
    shares = figures.shares(seen)
    apart = figures.unreadable_days(seen.plan)
    others = [share for day, share in shares.items() if day not in apart]
    rows = [
        Figure("stories published", len(seen.plan.published)),
        Figure("stories never held", len(figures.missing(seen))),
        Figure("least share of a day held after its night", min(others) * 100, "%", least=100.0),
    ]
    of_redesign = [share for day, share in shares.items() if day in apart]
    if of_redesign:
        rows.append(Figure("  the same of the redesign's day", min(of_redesign) * 100, "%"))
    return [*rows, Figure("doubtful posts written", figures.doubtful(seen), most=0)]


def _freshness(seen: Observed) -> list[Figure]:
    rows: list[Figure] = []
    calm = (*seen.plan.outages, *seen.plan.redesigns)
    for name, spans in (("outside of troubles", calm), ("all told", ())):
        by_day, by_night = figures.delays(seen, spans)
        for when, values in (("06-24 h", by_day), ("00-06 h", by_night)):
            asked = (5.0, 15.0) if name != "all told" and when == "06-24 h" else (None, None)
            label = f"delay, {name}, {when}"
            rows += [
                Figure(f"{label}, median", figures.median(values), "min", most=asked[0]),
                Figure(f"{label}, 95 %", figures.most(values), "min", most=asked[1]),
            ]
    return rows


def _edits(seen: Observed) -> list[Figure]:
    return [
        Figure(
            f"edits held within a day, {kind} ({count})",
            100 * found / count if count else 100.0,
            "%",
            least=95.0 if kind == "all" else None,
        )
        for kind, (found, count) in figures.edits(seen).items()
    ]


def _requests(seen: Observed) -> list[Figure]:
    tally = figures.requests_of(seen)
    new = max(1, len(seen.stored))
    first = sum(tally.values()) - tally["again"]
    days = (seen.plan.end - seen.plan.start + NIGHT_ENDS) / DAY
    return [
        Figure("requests for each new story, without re-checks", first / new, most=1.6),
        Figure("requests for each new story, all", sum(tally.values()) / new, most=8.0),
        *(Figure(f"  a day: {kind}", count / days) for kind, count in tally.items()),
    ]


def _alarms(seen: Observed) -> list[Figure]:
    rows = [Figure("false alarms", len(figures.false_alarms(seen)), most=0)]
    for span in seen.plan.redesigns:
        alarm = figures.first_alarm(seen, span)
        at = alarm.at if alarm else span[1]
        minutes = (at - span[0]) / timedelta(minutes=1)
        polls = sum(span[0] <= each <= at for each in seen.polls)
        tried = sum(span[0] <= each <= at and "/story" in r.target for each, r in seen.requests)
        rows += [
            Figure("minutes from the redesign to the alarm", minutes, "min", most=60.0),
            Figure("  polls until then", polls, most=2),
            Figure("  stories asked for until then", tried),
        ]
    return rows


if __name__ == "__main__":
    sys.exit(main())
