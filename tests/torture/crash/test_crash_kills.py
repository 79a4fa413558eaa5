"""Killed at any system call: nothing torn, no row without its file, nothing acknowledged lost."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.support.figures import FULL, Figures, cases
from tests.torture.crash.examine import KINDS, LOST, NO_FILE, TORN, Found
from tests.torture.crash.tracer import Call, Tracer


@dataclass(frozen=True, slots=True)
class Killed:
    """Kills of an operation: those planned, those that came, what was found after them."""

    planned: int
    came: int
    found: Found


def kill_at(
    tracer: Tracer, name: str, *, every: int = 1, variant: str = "", within: str = ""
) -> Killed:
    """Kill an operation before each of its calls, or before every so many-th, and look.

    With `within` only before those on files below that folder of the archive.
    """
    root = tracer.copy(name)
    whole = tracer.run(name, root, variant=variant)
    assert whole.status == 0, whole.error
    found, came = Found(), 0
    planned = [call for call in whole.calls if f"{root}/{within}" in call.path or not within]
    planned = planned[every - 1 :: every]
    for call in planned:
        root = tracer.copy(name)
        ended = tracer.run(name, root, variant=variant, kill=call)
        came += ended.status == -9 and _same_way(ended.calls, whole.calls, call)
        asyncio.run(found.examine(root, ended.held | ended.done))
        shutil.rmtree(root)
    return Killed(len(planned), came, found)


def _same_way(calls: Sequence[Call], whole: Sequence[Call], last: Call) -> bool:
    """Say whether the calls are those that were planned, up to the one that was the last."""
    planned = [(call.name, call.nth) for call in whole]
    here = planned.index((last.name, last.nth)) + 1
    return [(call.name, call.nth) for call in calls] == planned[:here]


@pytest.mark.gate("M1", "kill at every system call")
@pytest.mark.parametrize(
    ("name", "every"),
    [
        ("new story", 1),
        ("revision", 1),
        ("gone story", 1),
        ("group of 50", cases(20, 1)),
        ("pages", cases(3, 1)),
        ("manifest", 1),
        ("first start", cases(4, 1)),
        ("start", 1),
        ("sweep", cases(3, 1)),
    ],
)
def test_killed_at_every_call(tracer: Tracer, figures: Figures, name: str, every: int) -> None:
    """A writer killed before any call leaves what the next start puts right."""
    killed = kill_at(tracer, name, every=every)

    figures.all(f"{name}: kills that came of those planned", killed.came, of=killed.planned)
    for kind in KINDS:
        figures.none(kind, killed.found.wrong[kind], of=killed.found.archives)


@pytest.mark.gate("M1", "wrong-order control run")
@pytest.mark.parametrize(
    ("variant", "red"), [("plain write, then row", TORN), ("row, then file", NO_FILE)]
)
def test_the_wrong_order_is_seen(tracer: Tracer, figures: Figures, variant: str, red: str) -> None:
    """The same kills find what a wrong order leaves behind."""
    within = "" if FULL else "seeds"
    kills = [
        kill_at(tracer, name, variant=variant, within=within) for name in ("new story", "revision")
    ]

    planned, came = sum(each.planned for each in kills), sum(each.came for each in kills)
    figures.all(f"{variant}: kills that came of those planned", came, of=planned)
    figures.at_least(f"{variant}: {red}", sum(each.found.wrong[red] for each in kills), 1)
    assert not sum(each.found.wrong[LOST] for each in kills)
