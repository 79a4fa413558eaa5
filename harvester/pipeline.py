"""Many addresses through to the archive. It has no rules of its own.

    refs | due? | ask | read, judge + store | count        revisions | mass? | store | count
          one    N in flight, N and more on their way       at the end

Each address ends in exactly one counted state. Workers visit stories side by side; the archive
judges and stores in batches. A known error ends that address alone; a bug is logged with its
traceback, counted as failed, and the run goes on. Other texts of held stories wait until the end
of the run: a mass of them is no edits, none of it is written and the pages are kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol

from harvester import judge
from harvester.clock import Clock
from harvester.errors import (
    HarvesterError,
    HostUnreachable,
    NetworkDown,
    RobotsDenied,
    SiteUnreachable,
    Unreadable,
)
from harvester.fetch import Getter
from harvester.model import (
    BodyMode,
    Decision,
    Draft,
    Page,
    Scope,
    StoryRef,
    Verdict,
    Visit,
    VisitState,
)
from harvester.readers import Read, in_thread
from harvester.store import Archive
from harvester.visitor import (
    OUT_OF_SCOPE,
    Course,
    Ending,
    Opinion,
    Reading,
    Scrutiny,
    Visitor,
    is_in_scope,
)
from harvester.zaobao.urls import PRINT_LEAD

log = logging.getLogger(__name__)

_WRITE = Opinion(Course.WRITE)
# So many other texts wait with their pages, of so many bytes at most.
_REVISIONS_WAITING = 200
_BYTES_WAITING = 64 * 2**20
_WAY_OUT = "look at some of them; --all-revisions writes them if they are right"

# Of so many stories the run itself knows that they were seen: their visits may have been read
# before. What was seen earlier is told by its visit, unless all are asked for `again`.
_REMEMBERED = 5_000

Work = tuple[StoryRef, Visit | None]

# So many stories in a row that the site refused, failed or hid behind another page.
_TROUBLE_LIMIT = 10
_LIMITS: Mapping[type[object], int] = {
    HostUnreachable: 3,  # the site is down
    NetworkDown: 3,
    Unreadable: 20,  # the site has changed
    RobotsDenied: 100,  # costs no request, and may be one section
}


class Observer(Protocol):
    """Who watches a run: a progress display, a log, a test."""

    def ended(self, url: str, decision: Decision) -> None:
        """Hear of the end state of an address."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run goes about its work.

    `scope` is applied to the day of publication once it is known. `again` asks for pages that are
    not due too. `limit` is the greatest number of pages to ask for. `all_revisions` writes other
    texts of held stories however many they are. `read` reads the pages. `concurrency` stories are
    asked for at once, `workers` are on their way: what was fetched is read and stored meanwhile.
    """

    scope: Scope = field(default_factory=Scope)
    mode: BodyMode = BodyMode.CLEAN
    concurrency: int = 1
    workers: int = 1
    limit: int | None = None
    again: bool = False
    all_revisions: bool = False
    read: Read = in_thread


class _Deferring:
    """The scrutiny of a run: what replaces a text waits until all has been seen.

    `guard` is asked first; what it holds back is held back.
    """

    def __init__(self, guard: Scrutiny | None) -> None:
        self._guard = guard
        self.looked = 0

    def weigh(self, reading: Reading) -> Opinion:
        self.looked += reading.of_held
        opinion = self._guard.weigh(reading) if self._guard else _WRITE
        return Opinion(Course.LATER) if opinion == _WRITE and reading.replaces else opinion

    def unmodified(self, ref: StoryRef) -> None:
        self.looked += 1
        if self._guard:
            self._guard.unmodified(ref)

    def missed(self, ref: StoryRef, before: Visit | None, verdict: Verdict, reason: str) -> bool:
        return bool(self._guard and self._guard.missed(ref, before, verdict, reason))


class Pipeline:
    """Takes addresses through to the archive. One instance serves one run.

    Once `stopping` is set no more addresses are begun; those in flight are finished. `guard` may
    hold texts back besides.
    """

    def __init__(
        self,
        archive: Archive,
        fetcher: Getter,
        clock: Clock,
        plan: Plan,
        observer: Observer,
        stopping: asyncio.Event,
        *,
        guard: Scrutiny | None = None,
    ) -> None:
        self._archive = archive
        self._scrutiny = _Deferring(guard)
        self._visitor = Visitor(
            archive, fetcher, clock, self._scrutiny, plan.mode, plan.scope, plan.read
        )
        self._clock = clock
        self._plan = plan
        self._observer = observer
        self._stopping = stopping
        self._asking = asyncio.Semaphore(plan.concurrency)
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._troubles = 0
        self._revised = 0
        self._revisions: list[tuple[StoryRef, Visit | None, Page, Draft, Visit]] = []
        self.tally: Counter[Verdict] = Counter()
        self.halt: Exception | None = None

    async def run(self, work: AsyncIterator[Work]) -> None:
        """Take every address of `work` to its end state.

        Where going on is of no use (the site is down or asks for a long pause, disk or catalogue
        fail), no more are begun and `halt` says why; what was not finished is not counted.
        """
        workers = max(self._plan.concurrency, self._plan.workers)
        queue: asyncio.Queue[Work | None] = asyncio.Queue(workers)
        async with asyncio.TaskGroup() as tasks:
            for number in range(workers):
                tasks.create_task(self._worker(queue), name=f"worker-{number}")
            try:
                await self._feed(work, queue)
            except HarvesterError as error:
                self._stop_for(error)
            for _ in range(workers):
                await queue.put(None)
        await self._settle_revisions()

    async def _feed(self, work: AsyncIterator[Work], queue: asyncio.Queue[Work | None]) -> None:
        begun = 0
        async for ref, visit in work:
            if self._stopping.is_set() or begun == self._plan.limit:
                return
            if decision := await self._settled(ref, visit):
                self.count(ref.url, decision)
                continue
            begun += 1
            await queue.put((ref, visit))

    async def _settled(self, ref: StoryRef, visit: Visit | None) -> Decision | None:
        """Return the end state of an address that needs no fetch, or None."""
        if ref.story_id in self._seen:
            return Decision(Verdict.SKIPPED, "the story was seen at another address")
        self._seen[ref.story_id] = None
        if len(self._seen) > _REMEMBERED and not self._plan.again:
            self._seen.popitem(last=False)
        known = visit is not None and visit.state is not VisitState.PENDING
        if known and not (self._plan.again or judge.is_due(ref, visit, self._clock.now())):
            return Decision(Verdict.SKIPPED, "nothing new was heard of it")
        if visit and visit.published and not is_in_scope(self._plan.scope, visit.published):
            return Decision(Verdict.SKIPPED, OUT_OF_SCOPE)
        return await self._visitor.refused(ref, visit)

    async def _worker(self, queue: asyncio.Queue[Work | None]) -> None:
        while work := await queue.get():
            if not self._stopping.is_set():
                await self._take(*work)

    async def _take(self, ref: StoryRef, visit: Visit | None) -> None:
        """Take one address to its end state, whatever happens."""
        try:
            try:
                decision = await self._one(ref, visit)
            except HarvesterError:
                raise  # the site asked for a long pause, or disk or catalogue failed
            except Exception as error:
                log.exception("%s: a defect of the program; the run goes on", ref.url)
                why = f"defect: {error!r}"
                decision = await self._visitor.miss(ref, visit, Verdict.FAILED, why)
        except Exception as error:  # noqa: BLE001 - known, or the archive refuses after a defect
            self._stop_for(error)
        else:
            if decision:
                self.count(ref.url, decision)

    def _stop_for(self, error: Exception) -> None:
        self.halt = self.halt or error
        self._stopping.set()

    def count(self, url: str, decision: Decision) -> None:
        """Count an end state and tell who watches."""
        self.tally[decision.verdict] += 1
        self._observer.ended(url, decision)

    async def _one(self, ref: StoryRef, visit: Visit | None) -> Decision | None:
        """Return the end state of an address, or None if that is told later, or at the next run."""
        async with self._asking:
            if self._stopping.is_set():
                return None
            answer = await self._visitor.ask(ref, visit)
        if isinstance(answer, Ending):
            ending = answer
        else:
            ending = await self._visitor.see(ref, visit, answer)
        self._weigh(ending.trouble)
        if ending.pending:
            self._revised += 1
            self._revisions.append((ref, visit, *ending.pending))
            waiting = sum(len(page.body) for _, _, page, _, _ in self._revisions)
            if len(self._revisions) >= _REVISIONS_WAITING or waiting >= _BYTES_WAITING:
                await self._settle_revisions()
            return None
        return ending.decision

    def _weigh(self, trouble: Exception | None) -> None:
        """Count troubles in a row: many of them are the site's, not the stories'."""
        self._troubles = self._troubles + 1 if trouble else 0
        if self._troubles >= _LIMITS.get(type(trouble), _TROUBLE_LIMIT):
            told = f"{self._troubles} stories in a row could not be had; the last: {trouble}"
            self._stop_for(SiteUnreachable(told))

    async def _settle_revisions(self) -> None:
        """Write the other texts of held stories; of a mass of them keep the pages instead."""
        revisions, self._revisions = self._revisions, []
        looked = self._scrutiny.looked
        mass = judge.is_mass(self._revised, looked) and not self._plan.all_revisions
        why = f"held back: {self._revised} of {looked} held stories looked at show another text"
        try:
            for ref, before, page, draft, seen in revisions:
                if mass:
                    decision = await self._visitor.hold(ref, before, page, why, draft)
                else:
                    decision = await self._replaced(ref, before, page, draft, seen)
                self.count(ref.url, decision)
        except HarvesterError as error:
            self._stop_for(error)
        if mass and revisions:
            self._stop_for(
                SiteUnreachable(f"{why}; {len(revisions)} were not written ({_WAY_OUT})")
            )

    async def _replaced(
        self, ref: StoryRef, before: Visit | None, page: Page, draft: Draft, seen: Visit
    ) -> Decision:
        try:
            return await self._visitor.write(ref, page, draft, seen)
        except Unreadable as error:  # text that no file can hold
            return await self._visitor.miss(ref, before, Verdict.FAILED, error.problem, page)


def address_scope(scope: Scope) -> Scope:
    """Return the scope of addresses: a story's issue day may lie days after its publication.

    A day before is allowed for as well, as `zaobao.urls.issue_day_fits` does.
    """
    return replace(
        scope,
        since=scope.since - timedelta(days=1) if scope.since else None,
        until=scope.until + PRINT_LEAD if scope.until else None,
    )
