"""`harvester renormalise`."""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter

from harvester.cli.console import Screen
from harvester.cli.days import parse_day
from harvester.cli.output import stdout_line
from harvester.cli.running import report, run_to_end
from harvester.cli.text import printable
from harvester.clock import SystemClock
from harvester.rereading import Changes
from harvester.runs import Outcome, Renormalised, renormalise
from harvester.settings import Settings
from harvester.zaobao.urls import singapore_day

_KEPT = "their texts are kept as they were"


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Read the raw archive again and tell what changed, or what would."""
    clock, screen = SystemClock(), Screen(verbose=chosen.verbose)
    today = singapore_day(clock.now())
    since = parse_day(chosen.since, today, "--since") if chosen.since is not None else None
    ended: list[Renormalised] = []

    async def work(stopping: asyncio.Event) -> Outcome:
        done = await renormalise(settings, since, screen, clock, stopping, dry=chosen.dry_run)
        ended.append(done)
        return done.outcome

    outcome = run_to_end(work, screen)
    changes = ended[0].changes
    if not chosen.json:
        _print(changes, dry=chosen.dry_run)
    more = {"dry_run": chosen.dry_run, "changes": _json(changes)}
    return report(outcome, screen, as_json=chosen.json, kept=_KEPT, more=more)


def _json(changes: Changes) -> dict[str, dict[str, object]]:
    return {
        era: {"stories": stories, **_fields(changes, era)}
        for era, stories in sorted(changes.stories.items())
    }


def _fields(changes: Changes, era: str) -> Counter[str]:
    return Counter(
        {name: count for (of, name), count in sorted(changes.fields.items()) if of == era}
    )


def _print(changes: Changes, *, dry: bool) -> None:
    for era, stories in sorted(changes.stories.items()):
        fields = ", ".join(f"{name} {count}" for name, count in _fields(changes, era).items())
        stdout_line(f"{era}: {stories} stories {'would change' if dry else 'changed'}: {fields}")
        for url, diff in changes.samples.get(era, ()):
            stdout_line(f"  {printable(url)}")
            for line in diff.splitlines()[2:]:
                stdout_line(f"    {printable(line)}")
