"""The way of one article, wired. It has no rules of its own.

    refs | due? | fetch | read | draft | judge + store | count
          one    N in flight, paced per host   batched      one

Each address ends in exactly one counted state. `concurrency` workers fetch side by side; reading a
page leaves the event loop, so that a slow page holds up no other; the archive judges and stores in
batches. A known error ends that address alone; a bug is logged with its traceback, counted as
failed, and the run goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from harvester import judge
from harvester.clock import Clock
from harvester.drafts import draft_of_page, read_page
from harvester.errors import (
    FetchFailed,
    HarvesterError,
    HostResting,
    HostUnreachable,
    NotAStory,
    RedirectedAway,
    RobotsDenied,
    SiteUnreachable,
    Unreadable,
)
from harvester.fetch.client import Fetcher
from harvester.model import (
    BodyMode,
    Counts,
    Decision,
    Page,
    Scope,
    StoryRef,
    Validators,
    Verdict,
    Visit,
    VisitState,
)
from harvester.store import Archive
from harvester.zaobao import gate
from harvester.zaobao.urls import PRINT_LEAD, singapore_day

log = logging.getLogger(__name__)

Work = tuple[StoryRef, Visit | None]

# So many stories in a row without any connection: the network or the site is down.
_UNREACHABLE_LIMIT = 3
_UNCONDITIONAL = Validators()


class Observer(Protocol):
    """Who watches a run: a progress display, a log, a test."""

    def ended(self, url: str, decision: Decision) -> None:
        """Hear of the end state of an address."""


@dataclass(slots=True)
class Tally:
    """The counts of a run while it goes."""

    by_verdict: Counter[Verdict] = field(default_factory=Counter)

    def counts(self, seconds: float) -> Counts:
        """Return the summary."""
        return Counts(dict(self.by_verdict), seconds)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run goes about its work.

    `scope` is applied to the day of publication once it is known. `again` asks for pages that are
    not due too. `limit` is the greatest number of pages to ask for.
    """

    scope: Scope = field(default_factory=Scope)
    mode: BodyMode = BodyMode.CLEAN
    concurrency: int = 1
    limit: int | None = None
    again: bool = False


class Pipeline:
    """Takes addresses through to the archive. One instance serves one run.

    Once `stopping` is set no more addresses are begun; those in flight are finished.
    """

    def __init__(
        self,
        archive: Archive,
        fetcher: Fetcher,
        clock: Clock,
        plan: Plan,
        observer: Observer,
        stopping: asyncio.Event,
    ) -> None:
        self._archive = archive
        self._fetcher = fetcher
        self._clock = clock
        self._plan = plan
        self._observer = observer
        self._seen: set[str] = set()
        self._unreachable = 0
        self._halt: HarvesterError | None = None
        self._stopping = stopping
        self.tally = Tally()

    async def run(self, work: AsyncIterator[Work]) -> None:
        """Take every address of `work` to its end state.

        Raises `SiteUnreachable` or `HostResting` when going on is of no use; what was finished
        is kept, what was not begun is not counted.
        """
        queue: asyncio.Queue[Work | None] = asyncio.Queue(self._plan.concurrency)
        async with asyncio.TaskGroup() as tasks:
            for number in range(self._plan.concurrency):
                tasks.create_task(self._worker(queue), name=f"worker-{number}")
            try:
                await self._feed(work, queue)
            except HarvesterError as error:
                self._stop_for(error)
            for _ in range(self._plan.concurrency):
                await queue.put(None)
        if self._halt is not None:
            raise self._halt

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
        self._seen.add(ref.story_id)
        known = visit is not None and visit.state is not VisitState.PENDING
        if known and not (self._plan.again or judge.is_due(ref, visit, self._clock.now())):
            return Decision(Verdict.SKIPPED, "nothing new was heard of it")
        if visit is not None and visit.published and not self._in_scope(visit.published):
            return Decision(Verdict.SKIPPED, "published outside of the days asked for")
        try:
            gate.check_address(ref)
        except NotAStory as error:
            return await self._missed(ref, visit, Verdict.REJECTED, error.reason)
        return None

    async def _worker(self, queue: asyncio.Queue[Work | None]) -> None:
        while work := await queue.get():
            if self._stopping.is_set():
                continue
            ref, visit = work
            try:
                decision = await self._one(ref, visit)
            except HarvesterError as error:
                # The site asked for a long pause, or disk or catalogue failed: no use going on.
                self._stop_for(error)
                continue
            except Exception as error:
                log.exception("%s: a defect of the program; the run goes on", ref.url)
                decision = await self._missed(ref, visit, Verdict.FAILED, f"defect: {error!r}")
            self.count(ref.url, decision)

    def _stop_for(self, error: HarvesterError) -> None:
        self._halt = self._halt or error
        self._stopping.set()

    def count(self, url: str, decision: Decision) -> None:
        """Count an end state and tell who watches."""
        self.tally.by_verdict[decision.verdict] += 1
        self._observer.ended(url, decision)

    async def _one(self, ref: StoryRef, visit: Visit | None) -> Decision:
        try:
            page = await self._fetch(ref, visit)
            if page.status == 304:
                return await self._unchanged(ref, visit, page)
            if page.status != 200:
                return await self._missed(ref, visit, Verdict.REJECTED, "missing")
            return await self._store(ref, page)
        except (NotAStory, RobotsDenied, RedirectedAway) as error:
            return await self._missed(ref, visit, Verdict.REJECTED, _reason(error))
        except HostResting:
            raise
        except (FetchFailed, Unreadable) as error:
            return await self._missed(ref, visit, Verdict.FAILED, error.problem)

    async def _fetch(self, ref: StoryRef, visit: Visit | None) -> Page:
        held = visit is not None and visit.state is VisitState.HELD and visit.url == ref.url
        validators = visit.validators if visit is not None and held else _UNCONDITIONAL
        try:
            page = await self._fetcher.get(ref.url, validators)
        except HostUnreachable as error:
            self._unreachable += 1
            if self._unreachable >= _UNREACHABLE_LIMIT:
                self._stop_for(SiteUnreachable(f"the site cannot be reached: {error}"))
            raise
        self._unreachable = 0
        return page

    async def _store(self, ref: StoryRef, page: Page) -> Decision:
        landed = gate.check_landing(ref, page.final_url)
        article = await asyncio.to_thread(
            read_page, page.body, landed, page.fetched_at, self._plan.mode, page.charset
        )
        validators = Validators(page.etag, page.last_modified)
        visit = _visit(ref, VisitState.HELD, page.fetched_at, validators)
        visit = replace(visit, published=article.published.at)
        if not self._in_scope(article.published.at):
            await self._archive.note(replace(visit, state=VisitState.PENDING))
            return Decision(Verdict.SKIPPED, "published outside of the days asked for")
        stored = await self._archive.put(draft_of_page(article, page.fetched_at), visit)
        return stored.decision

    async def _unchanged(self, ref: StoryRef, visit: Visit | None, page: Page) -> Decision:
        if visit is not None:
            lastmod = ref.lastmod or visit.lastmod
            again = replace(visit, checked_at=page.fetched_at, lastmod=lastmod, next_check_at=None)
            await self._archive.note(again)
        return Decision(Verdict.UNCHANGED, "not modified")

    async def _missed(
        self, ref: StoryRef, visit: Visit | None, verdict: Verdict, reason: str
    ) -> Decision:
        """Note an address that gave no text. A story that is held stays held."""
        now = self._clock.now()
        state = VisitState(verdict.value)
        failures = 1 + (visit.failures if visit else 0)
        held = visit if visit is not None and visit.state is VisitState.HELD else None
        note = replace(
            held or _visit(ref, state, now),
            checked_at=now,
            reason=reason,
            failures=failures,
            next_check_at=judge.next_check(state, reason, failures, now),
        )
        await self._archive.note(note)
        return Decision(verdict, reason)

    def _in_scope(self, published: datetime) -> bool:
        day = singapore_day(published)
        since, until = self._plan.scope.since, self._plan.scope.until
        return (since is None or day >= since) and (until is None or day <= until)


def _reason(error: NotAStory | RobotsDenied | RedirectedAway) -> str:
    if isinstance(error, NotAStory):
        return error.reason
    return "robots" if isinstance(error, RobotsDenied) else "redirected"


def address_scope(scope: Scope) -> Scope:
    """Return the scope of addresses: a story's issue day may lie after its publication."""
    until = scope.until + PRINT_LEAD if scope.until else None
    return replace(scope, until=until)


def _visit(
    ref: StoryRef, state: VisitState, at: datetime, validators: Validators = _UNCONDITIONAL
) -> Visit:
    return Visit(
        ref.story_id, ref.url, state, checked_at=at, validators=validators, lastmod=ref.lastmod
    )
