"""What is done once a day: the sitemap is read whole, the database copied."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime

import structlog

from harvester.clock import Clock
from harvester.daemon.daily import RECONCILE_AT, SNAPSHOT_AT, is_wanting, latest_day
from harvester.daemon.offers import HINTED
from harvester.daemon.workload import Task, Workload
from harvester.discover import Discoverer
from harvester.errors import DiskError, HostResting, SiteUnreachable
from harvester.fetch import Getter
from harvester.model import Lane, Scope
from harvester.settings import Settings
from harvester.store import Archive

log = structlog.stdlib.get_logger(__name__)

# After the lists, before the stories.
_RANK = -1e9
# After a failure; doubles up to six hours.
_RETRY, _LONGEST_RETRY = 600.0, 21_600.0
_RECONCILED, _SNAPSHOT = "reconciled", "snapshot"


class Nightly:
    """Offers the day's work until it is done; the days done are noted in the catalogue.

    `is_ending` cuts it short, `found` hears that stories were read from the sitemap.
    """

    def __init__(
        self,
        settings: Settings,
        archive: Archive,
        fetcher: Getter,
        clock: Clock,
        is_ending: Callable[[], bool],
        found: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._archive = archive
        self._fetcher = fetcher
        self._clock = clock
        self._is_ending = is_ending
        self._found = found
        self._done: dict[str, str] = {}
        self._failures: dict[str, int] = {}
        self._not_before: dict[str, float] = {}

    async def load(self) -> None:
        """Read which days are done."""
        for name in (_RECONCILED, _SNAPSHOT):
            self._done[name] = await self._archive.read_note(name) or ""

    @property
    def reconciled(self) -> str:
        """Return the last day that was reconciled, or an empty text."""
        return self._done[_RECONCILED]

    def offer(self, load: Workload, now: datetime, *, resting: bool) -> None:
        """Offer what is to be done; while the site rests, only what needs no request."""
        if not resting:
            self._offer(load, _RECONCILED, latest_day(now, RECONCILE_AT), self._reconcile)
        if self._settings.snapshots:
            self._offer(load, _SNAPSHOT, latest_day(now, SNAPSHOT_AT), self._snapshot)

    def _offer(
        self, load: Workload, name: str, day: date, work: Callable[[date], Awaitable[str]]
    ) -> None:
        if self._clock.monotonic() < self._not_before.get(name, 0.0):
            return
        if is_wanting(self._done[name], day):
            load.offer(Task(Lane.LIVE, _RANK, name, lambda: self._do(name, day, work)))

    async def _do(self, name: str, day: date, work: Callable[[date], Awaitable[str]]) -> None:
        """Do a day's work and note it; after a failure it is tried again, ever more seldom."""
        if problem := await work(day):
            failures = self._failures[name] = self._failures.get(name, 0) + 1
            pause = min(_LONGEST_RETRY, _RETRY * 2 ** min(failures - 1, 10))
            self._not_before[name] = self._clock.monotonic() + pause
            log.warning(name, problem=problem, again_in=round(pause))
            return
        self._failures[name] = 0
        await self._archive.write_note(name, day.isoformat())
        self._done[name] = day.isoformat()

    async def _reconcile(self, day: date) -> str:
        """Read the sitemaps down to the last day reconciled; what was missed is due then.

        They are read for as long back as their hints are heeded, which costs an answer of 304 more.
        """
        noted = self._done[_RECONCILED]
        since = min(date.fromisoformat(noted) if noted else day, day - HINTED)
        scope = Scope(since, sections=self._settings.sections)
        discoverer = Discoverer(self._archive, self._fetcher)
        try:
            async for _ in discoverer.sitemap(scope):
                if self._is_ending():
                    return "cut short"
        except (SiteUnreachable, HostResting) as problem:
            return str(problem)
        finally:
            self._found()
        log.info("reconciled", day=day.isoformat(), missed=discoverer.found.fresh)
        return "; ".join(discoverer.found.problems)

    async def _snapshot(self, _: date) -> str:
        try:
            folder = self._settings.state / "snapshots"
            path = await self._archive.snapshot(folder, self._settings.snapshots)
        except DiskError as problem:
            return str(problem)
        log.info("snapshot", path=str(path))
        return ""
