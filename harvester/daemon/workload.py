"""Work that waits, the most urgent first, and the workers that do it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from harvester.clock import Clock
from harvester.model import Lane

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class Task:
    """A piece of work; of one lane the one with the lowest `rank` goes first."""

    lane: Lane
    rank: float
    key: str = field(compare=False)
    work: Callable[[], Awaitable[None]] = field(compare=False)


class Workload:
    """Tasks that wait or are being done, at most one with a key.

    A task that fails with a known error of disk or catalogue ends the block of `workers`; what
    concerns one story or one list is the task's own affair.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: asyncio.PriorityQueue[Task] = asyncio.PriorityQueue()
        self._keys: set[str] = set()
        self._closed = False
        self.sizes: Counter[Lane] = Counter()

    def __len__(self) -> int:
        return len(self._keys)

    def offer(self, task: Task) -> None:
        """Take a task, unless one with its key is there or no more are taken."""
        if self._closed or task.key in self._keys:
            return
        self._keys.add(task.key)
        self.sizes[task.lane] += 1
        self._waiting.put_nowait(task)

    def close(self) -> None:
        """Begin nothing more."""
        self._closed = True

    @asynccontextmanager
    async def workers(self, number: int, grace: float) -> AsyncIterator[asyncio.Future[None]]:
        """Do what waits while the block runs; the future that is yielded fails with a worker.

        When the block ends nothing more is begun, and what is in flight has `grace` seconds; then
        it is cut, and stands in its row as before.
        """
        tasks = [asyncio.create_task(self._work(), name=f"worker-{n}") for n in range(number)]
        failed = asyncio.ensure_future(_first_failure(tasks))
        try:
            yield failed
        finally:
            self.close()
            failed.cancel()
            await self._finish(tasks, grace)

    async def _work(self) -> None:
        while not self._closed:
            task = await self._waiting.get()
            try:
                if not self._closed:
                    await task.work()
            finally:
                if task.key in self._keys:
                    self._keys.remove(task.key)
                    self.sizes[task.lane] -= 1

    async def _finish(self, tasks: list[asyncio.Task[None]], grace: float) -> None:
        """Let workers end: those that wait are woken by tasks without work.

        How they end is told by the future of `workers`.
        """
        for number in range(len(tasks)):
            self._waiting.put_nowait(Task(Lane.LIVE, float("-inf"), f"end-{number}", _nothing))
        timer = asyncio.ensure_future(self._clock.sleep(grace))
        ended = asyncio.ensure_future(asyncio.wait(tasks))
        await asyncio.wait((ended, timer), return_when=asyncio.FIRST_COMPLETED)
        timer.cancel()
        for task in tasks:
            if not task.done():
                log.warning("%s did not end in %.0f s and is cut", task.get_name(), grace)
                task.cancel()
        await ended
        for task in tasks:
            if not task.cancelled() and (problem := task.exception()):
                log.error("%s ended with %r", task.get_name(), problem)


async def _first_failure(tasks: list[asyncio.Task[None]]) -> None:
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        task.result()


async def _nothing() -> None:
    pass
