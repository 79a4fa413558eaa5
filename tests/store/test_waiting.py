"""What waits for the catalogue goes to it together, and each gets what is its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from harvester.errors import DatabaseUnusable
from harvester.store.batch import Command, Outcome
from harvester.store.queue import Waves, WriteQueue
from tests.store.support import make_visit


class Slow:
    """Doubles numbers, when it is told to; refuses a wave with a zero."""

    def __init__(self) -> None:
        self.waves: list[list[int]] = []
        self.begun, self.go = asyncio.Event(), asyncio.Event()

    async def double(self, numbers: Sequence[int]) -> list[int]:
        """Return each number twice as large."""
        self.waves.append(list(numbers))
        self.begun.set()
        await self.go.wait()
        if 0 in numbers:
            raise DatabaseUnusable("zero")
        return [2 * number for number in numbers]


async def test_questions_go_in_waves() -> None:
    """What is asked while a question is under way goes in one wave, in order, each its answer."""
    slow = Slow()
    waves = Waves(slow.double)
    first = asyncio.create_task(waves.ask(1))
    await slow.begun.wait()
    others = [asyncio.create_task(waves.ask(number)) for number in (2, 3, 4)]
    await asyncio.sleep(0)
    others[1].cancel()
    slow.go.set()

    assert await first == 2
    assert [await others[0], await others[2]] == [4, 8]
    assert slow.waves == [[1], [2, 3, 4]]


async def test_a_wave_that_fails() -> None:
    """Everybody in it hears why, and the next wave is answered."""
    slow = Slow()
    slow.go.set()
    waves = Waves(slow.double)
    told = await asyncio.gather(waves.ask(0), waves.ask(1), return_exceptions=True)

    assert [type(each) for each in told] == [DatabaseUnusable, DatabaseUnusable]
    assert await waves.ask(5) == 10


@pytest.mark.parametrize(("linger", "batches"), [(0.0, [1, 1, 1]), (0.05, [3])])
async def test_a_batch_waits_for_more(linger: float, batches: list[int]) -> None:
    """Commands that come one after the other share a batch where it lingers; none is lost."""
    written: list[int] = []

    async def write(commands: Sequence[Command]) -> list[Outcome]:
        written.append(len(commands))
        return [None for _ in commands]

    async def after() -> None:
        """Do without a manifest."""

    queue = WriteQueue(write, after)
    queue.linger = linger
    putting = []
    for story in ("1", "2", "3"):
        putting.append(asyncio.create_task(queue.submit(Command(None, make_visit(story)))))
        for _ in range(10):
            await asyncio.sleep(0)
    await asyncio.gather(*putting)

    assert written == batches
    assert await queue.finish()
