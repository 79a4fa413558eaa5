"""What the rows have to offer: stories due, and stories of which the sitemap tells a change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from harvester import judge
from harvester.clock import Clock
from harvester.daemon.workload import Task, Workload
from harvester.model import Lane, Scope, StoryRef, Visit, VisitState
from harvester.store import Archive
from harvester.zaobao.urls import singapore_day

Visiting = Callable[[StoryRef, Visit | None, Lane], Callable[[], Awaitable[None]]]

# The rows are asked so often, and whenever something has come.
_ASK = 30.0
# The sightings are looked through for hints so often at most.
_ASK_HINTS = 60.0
# So many stories of a lane wait at a time: the rest stands in its rows.
_WAITING = 100
_ROWS = 500
# Sitemaps tell of changes of stories up to so old; older ones are a backfill's.
HINTED = timedelta(days=40)


class Offers:
    """Offers stories to the workload. `is_resting` tells of a host that must not be asked now."""

    def __init__(
        self,
        archive: Archive,
        load: Workload,
        clock: Clock,
        scope: Scope,
        is_resting: Callable[[str], bool],
        visiting: Visiting,
    ) -> None:
        self._archive = archive
        self._load = load
        self._clock = clock
        self._scope = scope
        self._is_resting = is_resting
        self._visiting = visiting
        self._ask_at = 0.0
        self._hints_at: float | None = 0.0

    def something_came(self) -> None:
        """Ask the rows at the next chance."""
        self._ask_at = 0.0

    def hints_came(self) -> None:
        """Look through the sightings for hints at the next chance."""
        self._hints_at = self._hints_at or self._clock.monotonic()

    async def offer(self) -> None:
        """Offer what is due, the newest first."""
        now, steady = self._clock.now(), self._clock.monotonic()
        if self._hints_at is not None and steady >= self._hints_at:
            self._hints_at = None
            if not await self._offer_hinted(now):
                self._hints_at = steady + _ASK_HINTS
        if steady >= self._ask_at:
            due = await self._archive.due(now, self._scope, _ROWS)
            left = [self._offer(ref, visit) for ref, visit in due].count(False)
            self._ask_at = steady if left and len(due) == _ROWS else steady + _ASK

    async def _offer_hinted(self, now: datetime) -> bool:
        """Offer held stories of which the sitemap tells a change; False if some must wait."""
        since = singapore_day(now) - HINTED
        offered = True
        async for page in self._archive.work(Scope(since, sections=self._scope.sections)):
            for ref, visit in page:
                if visit and visit.state is VisitState.HELD and judge.is_heard_of(ref, visit, now):
                    offered &= self._offer(ref, visit)
        return offered

    def _offer(self, ref: StoryRef, visit: Visit | None) -> bool:
        """Offer a story; return False if it must wait."""
        lane = Lane.AGAIN if visit and visit.state is VisitState.HELD else Lane.LIVE
        if self._load.sizes[lane] >= _WAITING or self._is_resting(urlsplit(ref.url).hostname or ""):
            return False
        work, rank = self._visiting(ref, visit, lane), -float(ref.day.toordinal())
        self._load.offer(Task(lane, rank, f"story {ref.story_id}", work))
        return True
