"""One host: its pace, the rest it needs, its robots.txt, and the memory of all three."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Final

from harvester.clock import Clock
from harvester.errors import HostResting
from harvester.fetch import breaker
from harvester.fetch.breaker import Gate
from harvester.fetch.pace import Pace
from harvester.fetch.retry import LONGEST_REST
from harvester.fetch.robots import LIFETIME, Robots
from harvester.fetch.settings import FetchSettings, HostMemory
from harvester.model import HostState, Lane

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
# What those are told to wait who ask while a probe is under way.
_PROBE_WAIT: Final = 5.0
# What is sent a second apart can arrive a little closer together.
_JITTER: Final = 0.01


class Host:
    """What the fetcher knows of one host. `learning` is held while robots.txt is being read."""

    def __init__(
        self,
        name: str,
        state: HostState,
        settings: FetchSettings,
        clock: Clock,
        memory: HostMemory,
        dice: Random,
    ) -> None:
        self.name = name
        self.learning = asyncio.Lock()
        self._state = state
        self._clock = clock
        self._memory = memory
        self._dice = dice
        self._breaker = settings.breaker
        self._max_rest = settings.max_rest
        self._throttled = settings.throttled
        self._gap = _spaced(1 / settings.rate)
        idle = 0.0 if self._throttled else max(-self._seconds_until(state.asked_at), 0.0)
        self._pace = Pace(clock, self._gap, settings.concurrency, idle)
        rest = min(self._seconds_until(state.rest_until), LONGEST_REST)
        self._rest_ends = clock.monotonic() + rest
        self._probing = False
        self._robots: Robots | None = None

    @property
    def state(self) -> HostState:
        """Return what is to be remembered of the host."""
        idle = self._pace.idle()
        if idle > LONGEST_REST:
            return self._state
        return replace(self._state, asked_at=self._clock.now() - timedelta(seconds=idle))

    @asynccontextmanager
    async def turn(self, asked: str, lane: Lane, rate: float) -> AsyncIterator[None]:
        """Wait for, and hold, the right to send one request of a kind with this `rate`.

        Raises HostResting, on entry, while the host must be left alone for too long.
        """
        probe = self._gate() is Gate.PROBE
        if probe:
            self._probing = True
        try:
            rest = partial(self.check_rest, asked, let_in=probe)
            async with self._pace.slot(rest, lane, _spaced(1 / rate)):
                yield
        finally:
            if probe:
                self._probing = False

    def check_gate(self, asked: str) -> None:
        """Raise HostResting while the breaker lets nobody through."""
        if self._gate() is Gate.SHUT:
            raise self._resting(asked)

    def check_rest(self, asked: str, *, let_in: bool = False) -> float:
        """Return `rest_left`; raise HostResting if it is longer than a run should wait.

        Who was `let_in` as a probe passes a gate that is shut to all others.
        """
        if not let_in:
            self.check_gate(asked)
        left = self.rest_left()
        if left > self._max_rest:
            raise self._resting(asked)
        return left

    def rest_left(self) -> float:
        """Return the seconds for which the host must still be left alone; at most a day.

        By the monotonic clock: a wall clock set back must not prolong a rest.
        """
        return max(self._rest_ends - self._clock.monotonic(), 0.0)

    @property
    def is_broken(self) -> bool:
        """Return whether the host failed so often that it gets one probe at a time."""
        return self._gate() is not Gate.OPEN

    async def rest(self, seconds: float) -> None:
        """Leave the host alone for so long, also after a restart; never shorten a rest."""
        await self._rest(seconds, self._state.failures)

    async def failed(self) -> None:
        """Hear that an exchange failed in the host's own way."""
        if self._is_counted():
            failures = self._state.failures + 1
            await self._rest(breaker.pause(failures, self._dice), failures)

    def throttled(self, pause: float | None = None) -> float:
        """Count that we asked too much, to be remembered with the rest; return how long that is.

        It is the `pause` that the host asked for, or one that grows.
        """
        self._state = replace(self._state, failures=self._state.failures + 1)
        return pause or breaker.penance(self._state.failures)

    async def unreachable(self) -> None:
        """Hear that no connection was made, by which a host may show that it shuts us out."""
        if self._throttled:
            await self.rest(self.throttled())
        else:
            await self.failed()

    async def answered(self) -> None:
        """Hear that the host answered."""
        if self._state.failures and (self._throttled or self._is_counted()):
            await self._remember(replace(self._state, failures=0))

    async def leave(self) -> None:
        """Remember when the host was last asked, so that the next run keeps the pace."""
        await self._remember(self.state)

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

    def _gate(self) -> Gate:
        failures = self._state.failures if self._breaker else 0
        return breaker.gate(failures, self.rest_left(), probing=self._probing)

    def _is_counted(self) -> bool:
        """Return whether an outcome counts: none of a straggler sent before the breaker tripped."""
        return self._breaker and (self._probing or not self.is_broken)

    def _resting(self, asked: str) -> HostResting:
        left = self.rest_left()
        until = f"until {self._clock.now() + timedelta(seconds=left):%Y-%m-%d %H:%M} UTC"
        text = f"{self.name} asked to be left alone {until}"
        if self.is_broken:
            then = f"rests {until}" if left else "is being tried"
            text = f"{self.name} failed {self._state.failures} times in a row and {then}"
        return HostResting(asked, text, retry_after=left or _PROBE_WAIT)

    async def _rest(self, seconds: float, failures: int) -> None:
        state = replace(self._state, failures=failures)
        if seconds > self.rest_left():
            self._rest_ends = self._clock.monotonic() + seconds
            state = replace(state, rest_until=self._clock.now() + timedelta(seconds=seconds))
        await self._remember(state)

    def _seconds_until(self, at: datetime | None) -> float:
        return ((at or _LONG_AGO) - self._clock.now()).total_seconds()

    async def _remember(self, state: HostState) -> None:
        self._state = state
        await self._memory.save_host(self.name, state)


def _spaced(gap: float) -> float:
    return gap + min(_JITTER, gap * _JITTER)
