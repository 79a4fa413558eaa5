"""Slots of one host: never more than so many in flight, starts never closer than the gap."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from harvester.clock import Clock


class Pace:
    """Hands out the right to send one request.

    There are no bursts: time that passed unused is not saved up. `gap` is in seconds of the
    monotonic clock and may be raised at any time; `idle` is how long ago the last request before
    this program's start was.
    """

    def __init__(self, clock: Clock, gap: float, concurrency: int, idle: float = math.inf) -> None:
        self.gap = gap
        self._clock = clock
        self._in_flight = asyncio.Semaphore(concurrency)
        self._started_at = clock.monotonic() - idle

    @asynccontextmanager
    async def slot(self, rest: Callable[[], float]) -> AsyncIterator[None]:
        """Wait for a slot and hold it.

        `rest` returns the seconds for which the host must still be left alone; it is asked again
        after every wait, because another request may meanwhile have been told to pause. What it
        raises ends the wait.
        """
        async with self._in_flight:
            while (wait := max(rest(), self._gap_left())) > 0:
                await self._clock.sleep(wait)
            # No await between the check above and this line: two tasks cannot take one slot.
            self._started_at = self._clock.monotonic()
            yield

    def idle(self) -> float:
        """Return the seconds since the last request; infinite if there was none."""
        return self._clock.monotonic() - self._started_at

    def _gap_left(self) -> float:
        return self._started_at + self.gap - self._clock.monotonic()
