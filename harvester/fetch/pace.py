"""Slots of one host: never more than so many in flight, starts never closer than the gap."""

from __future__ import annotations

import asyncio
import math
from bisect import insort
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from harvester.clock import Clock
from harvester.model import Lane


@dataclass(frozen=True, order=True, slots=True)
class _Ticket:
    """A place in the queue: by lane, then by arrival."""

    lane: Lane
    number: int
    called: asyncio.Event = field(default_factory=asyncio.Event, compare=False)


class Pace:
    """Hands out the right to send one request.

    There are no bursts: time that passed unused is not saved up. `gap` is in seconds of the
    monotonic clock and may be raised at any time; `idle` is how long ago the last request before
    this program's start was.
    """

    def __init__(self, clock: Clock, gap: float, concurrency: int, idle: float = math.inf) -> None:
        self.gap = gap
        self._clock = clock
        self._free = concurrency
        self._waiting: list[_Ticket] = []
        self._numbers = count()
        self._started_at = clock.monotonic() - idle

    @asynccontextmanager
    async def slot(
        self, rest: Callable[[], float], lane: Lane = Lane.BACKFILL, gap: float = 0.0
    ) -> AsyncIterator[None]:
        """Wait for a slot and hold it.

        `gap` is kept to the request before, of whatever kind, if it is longer than the usual one.
        Until the very start of a request one of a better lane goes first. `rest` returns the
        seconds for which the host must still be left alone; it is asked again after every wait,
        because another request may meanwhile have been told to pause. What it raises ends the wait.
        """
        await self._turn(_Ticket(lane, next(self._numbers)), rest, gap)
        try:
            yield
        finally:
            self._free += 1
            self._call_first()

    def idle(self) -> float:
        """Return the seconds since the last request; infinite if there was none."""
        return self._clock.monotonic() - self._started_at

    async def _turn(self, ticket: _Ticket, rest: Callable[[], float], gap: float) -> None:
        """Wait in the queue and take a slot."""
        insort(self._waiting, ticket)
        try:
            await self._first(ticket)
            while (wait := max(rest(), self._gap_left(gap))) > 0:
                await self._clock.sleep(wait)
                await self._first(ticket)
            # No await between the check above and these lines: two tasks cannot take one slot.
            self._free -= 1
            self._started_at = self._clock.monotonic()
        finally:
            self._waiting.remove(ticket)
            self._call_first()

    async def _first(self, ticket: _Ticket) -> None:
        """Wait until `ticket` is the first in the queue and a slot is free."""
        while not self._free or self._waiting[0] is not ticket:
            ticket.called.clear()
            await ticket.called.wait()

    def _call_first(self) -> None:
        """Let the first in the queue look whether it may go."""
        if self._waiting:
            self._waiting[0].called.set()

    def _gap_left(self, gap: float) -> float:
        return self._started_at + max(gap, self.gap) - self._clock.monotonic()
