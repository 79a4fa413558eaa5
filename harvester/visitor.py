"""One story to its end state: fetch, read, judge, store.

    ref | fetch | read | draft | weigh | judge + store | ending

What is read is shown to a `Scrutiny`, which may hold a text back: a page that could not be read,
or whose text is doubtful, is kept as it came, for a mended parser.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol
from weakref import WeakValueDictionary

from harvester import judge
from harvester.clock import Clock
from harvester.errors import FetchFailed, NotAStory, RedirectedAway, RobotsDenied, Unreadable
from harvester.fetch import Getter
from harvester.model import (
    Article,
    BodyMode,
    Decision,
    Draft,
    Evidence,
    Page,
    Scope,
    StoryRef,
    Validators,
    Verdict,
    Visit,
    VisitState,
)
from harvester.readers import Read, in_thread
from harvester.store import Archive
from harvester.zaobao import gate
from harvester.zaobao.urls import singapore_day

# One text under a story and so many others within a day stands for none of them: the next ones are
# not taken for found, but looked at again.
_ALIASES = 1
_DAY = timedelta(days=1)

OUT_OF_SCOPE = "published outside of the days asked for"


class Course(Enum):
    """What is done with a text that was read."""

    WRITE = "write"
    AGAIN = "again"  # looked at once more before it is written
    LATER = "later"  # judged by the caller, together with others
    HOLD = "hold"  # odd: the page is kept, nothing is written
    DRIFT = "drift"  # one of many: the same, until the reader or the site is mended


@dataclass(frozen=True, slots=True)
class Opinion:
    """A course and, where nothing is written, the reason."""

    course: Course
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A page that was read: at which visit, and the verdict to be expected of its text."""

    ref: StoryRef
    before: Visit | None
    article: Article
    expected: Decision

    @property
    def of_held(self) -> bool:
        """Say whether the story was held before."""
        return self.before is not None and self.before.state is VisitState.HELD

    @property
    def replaces(self) -> bool:
        """Say whether the text would replace the one that is held."""
        return self.expected.verdict is Verdict.REVISED and not self.expected.archival


class Scrutiny(Protocol):
    """Who watches what is read, and may hold a text back."""

    def weigh(self, reading: Reading) -> Opinion:
        """Say what to do with a text."""

    def unmodified(self, ref: StoryRef) -> None:
        """Hear that a held story is as it was (304)."""

    def missed(self, ref: StoryRef, before: Visit | None, verdict: Verdict, reason: str) -> bool:
        """Hear that a page gave no text, rejected or unreadable; say whether it is one of many."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a visit ended.

    `trouble` is an error that may be the site's rather than the story's. `pending` is a text that
    waits for the caller (`Course.LATER`), with the page that shows it.
    """

    decision: Decision
    trouble: Exception | None = None
    pending: tuple[Page, Draft, Visit] | None = None
    published: datetime | None = None


# Reasons of a rejection that may be the site's.
_TROUBLES = judge.PASSING | {"robots"}


class Visitor:
    """Takes single stories through to the archive.

    `scope` is applied to the day of publication once it is known. `read` reads the pages.
    """

    def __init__(
        self,
        archive: Archive,
        fetcher: Getter,
        clock: Clock,
        scrutiny: Scrutiny,
        mode: BodyMode = BodyMode.CLEAN,
        scope: Scope | None = None,
        read: Read = in_thread,
    ) -> None:
        self._archive = archive
        self._fetcher = fetcher
        self._clock = clock
        self._scrutiny = scrutiny
        self._mode = mode
        self._scope = scope or Scope()
        self._read = read
        self._texts: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def refused(self, ref: StoryRef, before: Visit | None) -> Decision | None:
        """Return the end state of an address that tells by itself that it leads to no article."""
        try:
            gate.check_address(ref)
        except NotAStory as error:
            return await self.miss(ref, before, Verdict.REJECTED, error.reason)
        return None

    async def visit(self, ref: StoryRef, before: Visit | None) -> Ending:
        """Take a story to its end state. Raises HostResting and the errors of the archive."""
        answer = await self.ask(ref, before)
        return answer if isinstance(answer, Ending) else await self.see(ref, before, answer)

    async def ask(self, ref: StoryRef, before: Visit | None) -> Page | Ending:
        """Fetch the page of a story, or end the visit without one. Raises as `visit`."""
        try:
            return await self._fetcher.get(ref.url, _validators(ref, before))
        except (RobotsDenied, RedirectedAway) as error:
            return await self._rejected(ref, before, error)
        except FetchFailed as error:
            return Ending(await self.miss(ref, before, Verdict.FAILED, error.problem), error)

    async def see(self, ref: StoryRef, before: Visit | None, page: Page) -> Ending:
        """Take a story whose page was fetched to its end state. Raises errors of the archive."""
        try:
            return await self._shown(ref, before, page)
        except NotAStory as error:
            return await self._rejected(ref, before, error, page)

    async def miss(
        self,
        ref: StoryRef,
        before: Visit | None,
        verdict: Verdict,
        reason: str,
        page: Page | None = None,
    ) -> Decision:
        """Note an address that gave no text; a story that is missing for days is gone."""
        state, decision = VisitState(verdict.value), Decision(verdict, reason)
        visit = judge.visited(ref, before, state, self._clock.now(), reason=reason)
        await self._archive.note(visit, self._evidence(ref, page, decision) if page else None)
        if visit.state is VisitState.HELD and judge.is_gone(visit):
            await self._archive.bury(visit)
        return decision

    async def _rejected(
        self,
        ref: StoryRef,
        before: Visit | None,
        error: NotAStory | RobotsDenied | RedirectedAway,
        page: Page | None = None,
    ) -> Ending:
        reason = _reason(error)
        self._scrutiny.missed(ref, before, Verdict.REJECTED, reason)
        decision = await self.miss(ref, before, Verdict.REJECTED, reason, page)
        return Ending(decision, error if reason in _TROUBLES else None)

    async def _shown(self, ref: StoryRef, before: Visit | None, page: Page) -> Ending:
        if page.status == 304:
            self._scrutiny.unmodified(ref)
            await self._archive.note(_seen(ref, before, page))
            return Ending(Decision(Verdict.UNCHANGED, "not modified"))
        try:
            draft = (await self._read(page, ref, self._mode)).text
            return await self._judged(ref, before, page, draft)
        except Unreadable as error:  # by the reader, or as text that no file can hold
            many = self._scrutiny.missed(ref, before, Verdict.FAILED, error.problem)
            why = f"{judge.DRIFTING if many else judge.UNREADABLE}: {error.problem}"
            return Ending(await self.hold(ref, before, page, why), error)

    async def _judged(
        self, ref: StoryRef, before: Visit | None, page: Page, draft: Draft
    ) -> Ending:
        at = draft.article.published.at
        if not is_in_scope(self._scope, at):
            return Ending(await self._pass_by(ref, before, page, at))
        # What is stored of a text tells what it is at the next address.
        async with self._texts.setdefault(draft.content_hash, asyncio.Lock()):
            return await self._settled(ref, before, page, draft)

    async def _settled(
        self, ref: StoryRef, before: Visit | None, page: Page, draft: Draft
    ) -> Ending:
        at = draft.article.published.at
        seen = _seen(ref, before, page, at)
        expected = await self._archive.expect(draft)
        opinion = self._scrutiny.weigh(Reading(ref, before, draft.article, expected))
        twin = expected.verdict is Verdict.DUPLICATE and opinion.course is not Course.DRIFT
        if twin and await self._is_everywhere(draft, before):
            opinion = Opinion(Course.HOLD, "the text of several other stories of the last day")
        match opinion.course:
            case Course.HOLD | Course.DRIFT as course:
                kind = judge.DOUBTFUL if course is Course.HOLD else judge.DRIFTING
                why = f"{kind}: {opinion.reason}"
                return Ending(await self.hold(ref, before, page, why, draft))
            case Course.AGAIN:
                decision = Decision(Verdict.SKIPPED, "changed; looked at twice")
                again = _seen(ref, before, page, at, judge.CHANGED)
                await self._archive.note(again, self._evidence(ref, page, decision, draft))
                return Ending(decision)
            case Course.LATER:
                return Ending(expected, pending=(page, draft, seen))
        return Ending(await self.write(ref, page, draft, seen), published=at)

    async def write(self, ref: StoryRef, page: Page, draft: Draft, seen: Visit) -> Decision:
        """Store the text that a page shows. Raises Unreadable for what no file can hold."""
        return (await self._archive.put(draft, seen, self._evidence(ref, page))).decision

    async def _is_everywhere(self, draft: Draft, before: Visit | None) -> bool:
        """Say whether a text new at this address is one that a site in trouble shows for many."""
        if before is not None and before.state is VisitState.HELD:
            return False
        since = self._clock.now() - _DAY
        return await self._archive.aliases(draft, since) >= _ALIASES

    async def _pass_by(
        self, ref: StoryRef, before: Visit | None, page: Page, at: datetime
    ) -> Decision:
        """Remember when a story that is not asked for was published."""
        decision = Decision(Verdict.SKIPPED, OUT_OF_SCOPE)
        if before is None or before.state is not VisitState.HELD:
            seen = _seen(ref, before, page, at)
            later = replace(seen, state=VisitState.PENDING, next_check_at=None)
            await self._archive.note(later, self._evidence(ref, page, decision))
        return decision

    async def hold(
        self,
        ref: StoryRef,
        before: Visit | None,
        page: Page,
        reason: str,
        draft: Draft | None = None,
    ) -> Decision:
        """Keep a page whose text is not written, and look at it again later."""
        decision = Decision(Verdict.FAILED, reason)
        visit = judge.visited(ref, before, VisitState.FAILED, page.fetched_at, reason=reason)
        await self._archive.hold(self._evidence(ref, page, decision, draft), visit)
        return decision

    def _evidence(
        self,
        ref: StoryRef,
        page: Page,
        decision: Decision | None = None,
        reading: Draft | None = None,
    ) -> Evidence:
        return Evidence(ref, page, self._mode, decision, reading)


def is_in_scope(scope: Scope, published: datetime) -> bool:
    """Say whether a story published then, on a Singapore day, is asked for."""
    day = singapore_day(published)
    late = scope.until is not None and day > scope.until
    return not late and (scope.since is None or day >= scope.since)


def _validators(ref: StoryRef, before: Visit | None) -> Validators:
    """Return what makes the request conditional: only where the text is held, from there."""
    if before is None or before.state is not VisitState.HELD or before.url != ref.url:
        return Validators()
    return before.validators


def _seen(
    ref: StoryRef,
    before: Visit | None,
    page: Page,
    published: datetime | None = None,
    reason: str = "",
) -> Visit:
    validators = page.validators if not reason else Validators()
    return judge.visited(
        ref,
        before,
        VisitState.HELD,
        page.fetched_at,
        reason=reason,
        validators=validators,
        published=published,
    )


def _reason(error: NotAStory | RobotsDenied | RedirectedAway) -> str:
    if isinstance(error, NotAStory):
        return error.reason
    return "robots" if isinstance(error, RobotsDenied) else "redirected"
