"""One host: its pace, the pause it asked for, its robots.txt, and the memory of both."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from harvester.clock import Clock
from harvester.errors import HostResting
from harvester.fetch.pace import Pace
from harvester.fetch.retry import LONGEST_REST
from harvester.fetch.robots import LIFETIME, Robots
from harvester.fetch.settings import FetchSettings, HostMemory
from harvester.model import HostState

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


# What is sent a second apart can arrive a little closer together.
_JITTER: Final = 0.01


class Host:
    """What the fetcher knows of one host. `learning` is held while robots.txt is being read."""

    def __init__(
        self, name: str, state: HostState, settings: FetchSettings, clock: Clock, memory: HostMemory
    ) -> None:
        self.name = name
        self.learning = asyncio.Lock()
        self._state = state
        self._clock = clock
        self._memory = memory
        self._max_rest = settings.max_rest
        self._gap = _spaced(1 / settings.rate)
        asked_at = state.asked_at or _LONG_AGO
        idle = max((clock.now() - asked_at).total_seconds(), 0.0)
        self._pace = Pace(clock, self._gap, settings.concurrency, idle)
        self._robots: Robots | None = None

    def slot(self, asked: str) -> AbstractAsyncContextManager[None]:
        """Return the wait for, and the hold of, the right to send one request.

        Raises HostResting, on entry, while the host must be left alone for too long.
        """
        return self._pace.slot(lambda: self.check_rest(asked))

    def rest_left(self) -> float:
        """Return the seconds for which the host must still be left alone; at most a day."""
        until = self._state.rest_until or _LONG_AGO
        return min(max((until - self._clock.now()).total_seconds(), 0.0), LONGEST_REST)

    def check_rest(self, asked: str) -> float:
        """Return `rest_left`; raise HostResting if it is longer than a run should wait."""
        left = self.rest_left()
        if left > self._max_rest:
            until = f"{self._state.rest_until:%Y-%m-%d %H:%M} UTC"
            text = f"{self.name} asked to be left alone until {until}"
            raise HostResting(asked, text, retry_after=left)
        return left

    async def rest(self, seconds: float) -> None:
        """Leave the host alone for so long, also after a restart; never shorten a pause."""
        until = self._clock.now() + timedelta(seconds=seconds)
        if until > (self._state.rest_until or _LONG_AGO):
            await self._remember(replace(self._state, rest_until=until))

    async def leave(self) -> None:
        """Remember when the host was last asked, so that the next run keeps the pace."""
        idle = self._pace.idle()
        if idle < LONGEST_REST:
            asked_at = self._clock.now() - timedelta(seconds=idle)
            await self._remember(replace(self._state, asked_at=asked_at))

    async def learn_robots(self, text: str) -> None:
        """Keep the text of robots.txt, just read."""
        await self._remember(replace(self._state, robots=text, robots_at=self._clock.now()))
        self._robots = None

    def robots(self) -> Robots | None:
        """Return the rules, or None if they were never read or are too old; set the pace."""
        if not self._is_fresh():
            return None
        if self._robots is None:
            self._robots = Robots(self._state.robots or "")
            self._pace.gap = max(self._gap, _spaced(self._robots.delay))
        return self._robots

    def _is_fresh(self) -> bool:
        """Return whether robots.txt may be used; one read in the future (clock set back) not."""
        age = self._clock.now() - (self._state.robots_at or _LONG_AGO)
        return self._state.robots is not None and timedelta() <= age < LIFETIME

    async def _remember(self, state: HostState) -> None:
        self._state = state
        await self._memory.save_host(self.name, state)


def _spaced(gap: float) -> float:
    return gap + min(_JITTER, gap * _JITTER)
