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
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from harvester import judge
from harvester.clock import Clock
from harvester.drafts import draft_of_page, read_page
from harvester.errors import (
    FetchFailed,
    HarvesterError,
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

# So many stories in a row that the site refused, failed or hid behind another page.
_TROUBLE_LIMIT = 10
_LIMITS: Mapping[type[object], int] = {
    HostUnreachable: 3,  # the network or the site is down
    Unreadable: 20,  # the site has changed
    RobotsDenied: 100,  # costs no request, and may be one section
}
_TROUBLES = judge.PASSING | {"robots"}


class Observer(Protocol):
    """Who watches a run: a progress display, a log, a test."""

    def ended(self, url: str, decision: Decision) -> None:
        """Hear of the end state of an address."""


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
        self._stopping = stopping
        self._seen: set[str] = set()
        self._troubles = 0
        self.tally: Counter[Verdict] = Counter()
        self.halt: Exception | None = None

    async def run(self, work: AsyncIterator[Work]) -> None:
        """Take every address of `work` to its end state.

        Where going on is of no use (the site is down or asks for a long pause, disk or catalogue
        fail), no more are begun and `halt` says why; what was not finished is not counted.
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
                decision = await self._missed(ref, visit, Verdict.FAILED, f"defect: {error!r}")
        except Exception as error:  # noqa: BLE001 - known, or the archive refuses after a defect
            self._stop_for(error)
        else:
            self.count(ref.url, decision)

    def _stop_for(self, error: Exception) -> None:
        self.halt = self.halt or error
        self._stopping.set()

    def count(self, url: str, decision: Decision) -> None:
        """Count an end state and tell who watches."""
        self.tally[decision.verdict] += 1
        self._observer.ended(url, decision)

    async def _one(self, ref: StoryRef, visit: Visit | None) -> Decision:
        try:
            decision = await self._asked(ref, visit)
        except (NotAStory, RobotsDenied, RedirectedAway) as error:
            reason = _reason(error)
            self._weigh(error if reason in _TROUBLES else None)
            return await self._missed(ref, visit, Verdict.REJECTED, reason)
        except (FetchFailed, Unreadable) as error:
            self._weigh(error)
            return await self._missed(ref, visit, Verdict.FAILED, error.problem)
        self._weigh(None)
        return decision

    def _weigh(self, trouble: Exception | None) -> None:
        """Count troubles in a row: many of them are the site's, not the stories'."""
        self._troubles = self._troubles + 1 if trouble else 0
        if self._troubles >= _LIMITS.get(type(trouble), _TROUBLE_LIMIT):
            told = f"{self._troubles} stories in a row could not be had; the last: {trouble}"
            self._stop_for(SiteUnreachable(told))

    async def _asked(self, ref: StoryRef, visit: Visit | None) -> Decision:
        held = visit is not None and visit.state is VisitState.HELD and visit.url == ref.url
        validators = visit.validators if visit is not None and held else Validators()
        page = await self._fetcher.get(ref.url, validators)
        if page.status == 304:
            await self._archive.note(_seen(ref, visit, VisitState.HELD, page))
            return Decision(Verdict.UNCHANGED, "not modified")
        if page.status != 200:
            raise NotAStory("missing", ref.url, f"answered {page.status}")
        return await self._store(ref, visit, page)

    async def _store(self, ref: StoryRef, visit: Visit | None, page: Page) -> Decision:
        landed = gate.check_landing(ref, page.final_url)
        article = await asyncio.to_thread(
            read_page, page.body, landed, page.fetched_at, self._plan.mode, page.charset
        )
        at = article.published.at
        if self._in_scope(at):
            note = replace(_seen(ref, visit, VisitState.HELD, page), published=at)
            return (await self._archive.put(draft_of_page(article, page.fetched_at), note)).decision
        if visit is None or visit.state is not VisitState.HELD:
            note = replace(_seen(ref, visit, VisitState.PENDING, page), published=at)
            await self._archive.note(note)
        return Decision(Verdict.SKIPPED, "published outside of the days asked for")

    async def _missed(
        self, ref: StoryRef, visit: Visit | None, verdict: Verdict, reason: str
    ) -> Decision:
        """Note an address that gave no text."""
        state = VisitState(verdict.value)
        await self._archive.note(judge.visited(ref, visit, state, self._clock.now(), reason=reason))
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
    """Return the scope of addresses: a story's issue day may lie days after its publication.

    A day before is allowed for as well, as `zaobao.urls.issue_day_fits` does.
    """
    return replace(
        scope,
        since=scope.since - timedelta(days=1) if scope.since else None,
        until=scope.until + PRINT_LEAD if scope.until else None,
    )


def _seen(ref: StoryRef, before: Visit | None, state: VisitState, page: Page) -> Visit:
    validators = Validators(page.etag, page.last_modified)
    return judge.visited(ref, before, state, page.fetched_at, validators=validators)
