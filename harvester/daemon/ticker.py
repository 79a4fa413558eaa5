"""The pulse of the daemon: APScheduler, run on a time that never jumps.

The scheduler only ticks. When a thing is due stands in its row, by the wall clock; so a restart,
an outage or a clock that is set lose nothing, and there is nothing here to rebuild.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, tzinfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from harvester.clock import Clock


class _SteadyZone(tzinfo):
    """UTC, in which it is always as late as the steady clock says.

    APScheduler asks the wall clock (`datetime.now(zone)`): set back by an hour, it would run
    nothing for an hour. What it asks goes through the zone's `fromutc`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start = datetime(2000, 1, 1, tzinfo=self)
        self._began = clock.monotonic()

    def fromutc(self, _: datetime) -> datetime:
        """Return now, whatever was asked."""
        return self._start + timedelta(seconds=self._clock.monotonic() - self._began)

    def utcoffset(self, _: datetime | None) -> timedelta:
        """Return zero."""
        return timedelta()

    def dst(self, _: datetime | None) -> timedelta:
        """Return zero."""
        return timedelta()

    def tzname(self, _: datetime | None) -> str:
        """Return a name for logs."""
        return "steady"


class _Every(BaseTrigger):  # type: ignore[misc]  # the library is untyped
    """Fires each so many seconds; what was missed is not made up for."""

    def __init__(self, seconds: float) -> None:
        self._interval = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """Return the next time: at once in the beginning."""
        return now + self._interval if previous else now


@asynccontextmanager
async def ticking(
    seconds: float, tick: Callable[[], Awaitable[None]], clock: Clock
) -> AsyncIterator[asyncio.Future[None]]:
    """Call `tick` every so many seconds while the block runs, never two at a time.

    The future that is yielded fails with the error of a tick: a daemon without its pulse must not
    go on as if it were alive.
    """
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    ticks = asyncio.Lock()

    async def job() -> None:
        try:
            async with ticks:
                await tick()
        except Exception as error:  # noqa: BLE001 - handed on
            if not failed.done():
                failed.set_exception(error)

    # No grace time: APScheduler would compare it with the wall clock.
    defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    scheduler = AsyncIOScheduler(timezone=_SteadyZone(clock), job_defaults=defaults)
    scheduler.add_job(job, _Every(seconds), id="tick")
    scheduler.start()
    try:
        yield failed
    finally:
        scheduler.pause()
        async with ticks:  # a shutdown would cut the tick that runs
            scheduler.shutdown(wait=False)
        failed.cancel()
