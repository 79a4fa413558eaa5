"""Work is done the most urgent first, once for each key, and not begun after the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from harvester.clock import SystemClock
from harvester.daemon.workload import Task, Workload
from harvester.errors import DiskError
from harvester.model import Lane


def _noting(done: list[str], key: str) -> Callable[[], Awaitable[None]]:
    async def work() -> None:
        done.append(key)

    return work


async def test_the_most_urgent_goes_first() -> None:
    """A better lane before a worse one, a lower rank before a higher, whatever came first."""
    load, done, last = Workload(SystemClock()), list[str](), asyncio.Event()
    ranked = [(Lane.AGAIN, -9.0), (Lane.LIVE, 5.0), (Lane.LIVE, float("-inf")), (Lane.LIVE, -1.0)]
    for lane, rank in ranked:
        key = f"{lane.name} {rank}"
        load.offer(Task(lane, rank, key, _noting(done, key)))

    async def end() -> None:
        last.set()

    load.offer(Task(Lane.BACKFILL, 0.0, "end", end))
    async with load.workers(1, grace=1.0):
        await last.wait()

    assert done == ["LIVE -inf", "LIVE -1.0", "LIVE 5.0", "AGAIN -9.0"]


async def test_a_key_waits_once() -> None:
    """What is offered again while it waits is done once; the sizes of the lanes are told."""
    load, done, last = Workload(SystemClock()), list[str](), asyncio.Event()
    for _ in range(3):
        load.offer(Task(Lane.LIVE, 0.0, "a", _noting(done, "a")))
    assert (len(load), load.sizes[Lane.LIVE]) == (1, 1)

    async def end() -> None:
        last.set()

    load.offer(Task(Lane.AGAIN, 0.0, "end", end))
    async with load.workers(1, grace=1.0):
        await last.wait()

    assert done == ["a"]
    assert load.sizes[Lane.LIVE] == 0


async def test_nothing_is_begun_after_the_end() -> None:
    """Closed while one is in flight, that one is finished and the others are not begun."""
    load, done = Workload(SystemClock()), list[str]()
    begun, finish = asyncio.Event(), asyncio.Event()

    async def long() -> None:
        begun.set()
        await finish.wait()
        done.append("long")

    load.offer(Task(Lane.LIVE, 0.0, "long", long))
    load.offer(Task(Lane.LIVE, 1.0, "late", _noting(done, "late")))
    async with load.workers(1, grace=5.0):
        await begun.wait()
        load.close()
        load.offer(Task(Lane.LIVE, -1.0, "later", _noting(done, "later")))
        finish.set()

    assert done == ["long"]


async def test_what_does_not_end_is_cut_after_the_grace() -> None:
    """The block ends all the same."""
    load, begun, cut = Workload(SystemClock()), asyncio.Event(), list[bool]()

    async def endless() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cut.append(True)

    load.offer(Task(Lane.LIVE, 0.0, "endless", endless))
    async with load.workers(1, grace=0.0):
        await begun.wait()

    assert cut == [True]


async def test_an_error_of_a_task_is_told() -> None:
    """What a task does not handle itself fails the future of the workers."""
    load = Workload(SystemClock())

    async def failing() -> None:
        raise DiskError("full")

    load.offer(Task(Lane.LIVE, 0.0, "failing", failing))
    async with load.workers(1, grace=1.0) as worked:
        with pytest.raises(DiskError, match="full"):
            await worked
