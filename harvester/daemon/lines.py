"""The ways to the site within the daemon: one that never waits, one that has patience."""

from __future__ import annotations

from collections.abc import Callable

from harvester.clock import Clock
from harvester.errors import FetchFailed, HostResting, NetworkDown
from harvester.fetch import PAGE_CAP, Getter
from harvester.model import Page, Validators

# So often our own network is tried while it is down: nothing of it reaches the site.
OFFLINE_PAUSE = 30.0
# A longer pause ends an order, as it ends a run without a daemon.
_PATIENCE = 3600.0
# An order waits in steps so short that a stop is not waited for.
_STEP = 5.0
_NOTHING = Validators()


class Outage:
    """Whether our own network is down, and when it is worth another try."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: float | None = None

    @property
    def is_on(self) -> bool:
        """Return whether the last try found no network."""
        return self._until is not None

    def left(self) -> float:
        """Return the seconds until the next try."""
        return max((self._until or 0.0) - self._clock.monotonic(), 0.0) if self.is_on else 0.0

    def begin(self) -> None:
        """Note a try that found no network."""
        self._until = self._clock.monotonic() + OFFLINE_PAUSE

    def end(self) -> None:
        """Note an answer."""
        self._until = None


class Line:
    """A getter that tells our own network from the site: without one, everything rests.

    No story and no list is charged with it.
    """

    def __init__(self, getter: Getter, outage: Outage) -> None:
        self._getter = getter
        self._outage = outage

    async def get(self, url: str, validators: Validators = _NOTHING, cap: int = PAGE_CAP) -> Page:
        """Fetch as the getter does; raise HostResting while there is no network."""
        if left := self._outage.left():
            raise HostResting(url, "our own network is down", retry_after=left)
        try:
            page = await self._getter.get(url, validators, cap)
        except NetworkDown as error:
            self._outage.begin()
            raise HostResting(url, error.problem, retry_after=OFFLINE_PAUSE) from error
        except FetchFailed:
            self._outage.end()
            raise
        self._outage.end()
        return page


class PatientLine:
    """A getter for orders: waits while the site, our network or the daemon rests.

    `is_cut` ends the wait, `is_paused` prolongs it.
    """

    def __init__(
        self,
        getter: Getter,
        clock: Clock,
        is_cut: Callable[[], bool],
        is_paused: Callable[[], bool],
    ) -> None:
        self._getter = getter
        self._clock = clock
        self._is_cut = is_cut
        self._is_paused = is_paused

    async def get(self, url: str, validators: Validators = _NOTHING, cap: int = PAGE_CAP) -> Page:
        """Fetch as the getter does; raise HostResting only for a pause too long, or when cut."""
        while True:
            try:
                if not self._is_paused():
                    return await self._getter.get(url, validators, cap)
                pause, why = _STEP, HostResting(url, "the daemon has paused")
            except HostResting as error:
                pause, why = error.retry_after or OFFLINE_PAUSE, error
            if self._is_cut() or pause > _PATIENCE:
                raise why
            await self._clock.sleep(min(pause, _STEP))
