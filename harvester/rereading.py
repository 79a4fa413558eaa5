"""The raw archive read again by today's reader: for a reader that was mended, for a lost catalogue.

    captures | choose | find (elsewhere, side by side) | judge + store     one story at a time

No page is asked for. What was kept says when the site showed it and what was made of it then; only
where today's reader makes something else of it is anything written.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Protocol, TypeVar

from harvester import judge, post
from harvester.drafts import draft_of_post
from harvester.errors import BadPost, NotAStory
from harvester.findings import Finding, Kept
from harvester.model import (
    SITE,
    Capture,
    Decision,
    Draft,
    Evidence,
    Known,
    Verdict,
    Visit,
    VisitState,
)
from harvester.store import Archive
from harvester.visitor import OUT_OF_SCOPE
from harvester.zaobao import story_ref

T = TypeVar("T")

_CHUNK = 50
# The note of the last page that a replay has taken.
_REPLAYED = "replayed"
_WRITTEN = frozenset({Verdict.NEW, Verdict.REVISED, Verdict.UNCHANGED, Verdict.DUPLICATE})
_SAMPLES = 3
_READ_BY_THIS = Decision(Verdict.SKIPPED, "read by this very reader")
_SAME_AS_BEFORE = Decision(Verdict.UNCHANGED, "read as before")

Find = Callable[[Sequence[Kept]], Awaitable[list[Finding]]]
"""Reads pages of the raw archive, as `findings.find_kept` does."""


class Observer(Protocol):
    """Who watches."""

    def ended(self, url: str, decision: Decision) -> None:
        """Hear of the end state of an address."""


@dataclass(slots=True)
class Changes:
    """What another reader changes: stories by layout and field, and some of them shown.

    A `field` is `new`, `title`, `published`, `body`, or `details` (author, tags, access).
    """

    fields: Counter[tuple[str, str]] = field(default_factory=Counter)
    stories: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def add(self, finding: Finding, before: bytes | None) -> None:
        """Count a story whose text is another now; `before` is its post until then."""
        if finding.draft is None or finding.era is None:
            return
        era, data = finding.era.value, finding.draft.data
        self.stories[era] += 1
        self.fields.update((era, name) for name in _differing(before, data))
        shown = self.samples.setdefault(era, [])
        if before is not None and len(shown) < _SAMPLES:
            shown.append((finding.ref.url, post.diff_posts(before, data)))


def _differing(before: bytes | None, after: bytes) -> list[str]:
    if before is None:
        return ["new"]
    old, new = post.read_post(before), post.read_post(after)
    pairs = {
        "title": (old.title, new.title),
        "published": (post.published(old).at, post.published(new).at),
        "body": (old.body, new.body),
    }
    return [name for name, (one, other) in pairs.items() if one != other] or ["details"]


@dataclass(frozen=True, slots=True)
class Choice:
    """The pages of a story that are worth reading again.

    `current` shows the text that is held; `others` gave no text when they came, or none that was
    written.
    """

    current: Capture | None
    others: tuple[Capture, ...]

    @property
    def pages(self) -> tuple[Capture, ...]:
        """Return them in the order in which they are taken."""
        return (self.current, *self.others) if self.current else self.others


def choose(captures: Sequence[Capture], known: Known | None, parser: str) -> Choice:
    """Return which pages another reader than `parser` may read otherwise. Pure.

    Of a story that is held: the last that showed its text, and those whose text was not written.
    """
    pages = (each for each in captures if each.status == HTTPStatus.OK)
    new = [p for p in pages if p.parser != parser and p.decision.verdict is not Verdict.SKIPPED]
    if known is None:
        return Choice(None, tuple(new))
    showing = [each for each in captures if each.content_hash == known.content_hash]
    current = showing[-1] if showing and showing[-1].parser != parser else None
    return Choice(current, tuple(each for each in new if each.decision.verdict not in _WRITTEN))


async def kept(archive: Archive, capture: Capture) -> Kept:
    """Return a page with the record that holds its body."""
    body = await archive.body_of(capture)
    if body is None:
        raise ValueError(f"{capture.url}: a page without a place")
    return Kept(capture, body)


class Renormaliser:
    """Reads what is kept again and stores what comes out otherwise, as `renormalised`.

    `parser` is today's reader. Only looks with `dry`; `changes` tells what it saw.
    """

    def __init__(
        self, archive: Archive, find: Find, parser: str, observer: Observer, *, dry: bool
    ) -> None:
        self._archive = archive
        self._find = find
        self._parser = parser
        self._observer = observer
        self._dry = dry
        self.tally: Counter[Verdict] = Counter()
        self.changes = Changes()

    async def run(self, since: date | None, stopping: asyncio.Event) -> None:
        """Take every story of which pages are kept, those with an issue day from `since` on."""
        last = ""
        while ids := await self._archive.captured(last, _CHUNK):
            if stopping.is_set():
                return
            await self._take(ids, since)
            last = ids[-1]

    async def _take(self, ids: Sequence[str], since: date | None) -> None:
        chosen: list[tuple[Known | None, Choice, list[Kept]]] = []
        for story_id in ids:
            captures = await self._archive.captures(story_id)
            if since and story_ref(captures[-1].url).day < since:
                continue
            known = await self._archive.known(story_id)
            choice = choose(captures, known, self._parser)
            if not choice.pages:
                self._count(captures[-1].url, _READ_BY_THIS)
                continue
            chosen.append(
                (known, choice, [await kept(self._archive, each) for each in choice.pages])
            )
        findings = iter(await self._find([page for _, _, pages in chosen for page in pages]))
        reads = [
            (known, choice, [(page.capture, next(findings)) for page in pages])
            for known, choice, pages in chosen
        ]
        await asyncio.gather(*[self._story(*each) for each in reads])

    async def _story(
        self, known: Known | None, choice: Choice, read: Sequence[tuple[Capture, Finding]]
    ) -> None:
        decisions = []
        for capture, finding in read:
            if capture is choice.current and known:
                decisions.append(await self._again(known, capture, finding))
            else:
                decisions.append(await self._unwritten(capture, finding))
        told = [each for each in decisions if each is not _SAME_AS_BEFORE]
        self._count(read[-1][0].url, (told or decisions)[-1])
        places = [
            capture.place
            for (capture, _), decision in zip(read, decisions, strict=True)
            if decision is _SAME_AS_BEFORE and capture.place
        ]
        if places and not self._dry:
            await self._archive.approve(places, self._parser)

    async def _again(self, known: Known, capture: Capture, finding: Finding) -> Decision:
        """Take the page of the text that is held: what is lost to today's reader stays."""
        if finding.draft is None:
            why = finding.decision.reason if finding.decision else ""
            return Decision(Verdict.FAILED, f"could be read before, and is kept: {why}")
        observed = max(known.observed_at, capture.seen_at)
        draft = replace(finding.draft, observed_at=observed, reread_of=capture.sha256)
        return await self._stored(capture, replace(finding, draft=draft), None)

    async def _unwritten(self, capture: Capture, finding: Finding) -> Decision:
        draft = finding.draft
        if draft is None or draft.content_hash == capture.content_hash:
            return _SAME_AS_BEFORE  # or read as it was when it was held back
        before = await self._archive.visit(finding.ref.story_id)
        return await self._stored(capture, finding, visit_of(capture, finding, before))

    async def _stored(self, capture: Capture, finding: Finding, visit: Visit | None) -> Decision:
        """Store what was found, or tell what would be; count it if it is another text."""
        draft = finding.draft
        if draft is None:
            raise ValueError(f"{capture.url}: nothing was found")
        expected = await self._archive.expect(draft)
        if expected.verdict in {Verdict.NEW, Verdict.REVISED}:
            self.changes.add(finding, await self._archive.post(finding.ref.story_id))
        if self._dry:
            return expected
        evidence = _evidence(capture, finding)
        return (await self._archive.put(draft, visit, evidence)).decision

    def _count(self, url: str, decision: Decision) -> None:
        self.tally[decision.verdict] += 1
        self._observer.ended(url, decision)


class Replay:
    """Takes the raw archive into a catalogue that is made anew, in the order in which it grew.

    Posts that lie in the tree stay as they are.
    """

    def __init__(self, archive: Archive, find: Find, observer: Observer) -> None:
        self._archive = archive
        self._find = find
        self._observer = observer
        self.tally: Counter[Verdict] = Counter()

    async def without_pages(self, posts: Sequence[Path]) -> list[Path]:
        """Return the posts that are not known to be made of a page in the raw archive."""
        return [path for path in posts if not await self._is_of_page(path)]

    async def run(self, stopping: asyncio.Event) -> None:
        """Take every page; one that was cut short goes on behind the last chunk that it ended."""
        last = int(await self._archive.read_note(_REPLAYED) or 0)
        while numbered := await self._archive.captures_after(last, _CHUNK):
            if stopping.is_set():
                return
            captures = [capture for _, capture in numbered]
            await self._archive.record([story_ref(each.url, each.lastmod) for each in captures])
            findings = await self._find([await kept(self._archive, each) for each in captures])
            looks = zip(captures, findings, strict=True)
            for wave in waves(looks, lambda look: look[0].story_id):
                plans = [await self._planned(*look) for look in wave]
                # Each begins with a write, so they are judged in the order of the pages.
                decisions = await asyncio.gather(*[self._take(steps) for steps in plans])
                for (capture, _), decision in zip(wave, decisions, strict=True):
                    self.tally[decision.verdict] += 1
                    self._observer.ended(capture.url, decision)
            last = numbered[-1][0]
            await self._archive.write_note(_REPLAYED, str(last))

    async def _is_of_page(self, path: Path) -> bool:
        try:
            data = await asyncio.to_thread(path.read_bytes)
            story_id = story_ref(post.read_post(data).url).story_id
        except (OSError, BadPost, NotAStory):
            return False  # told by the import
        return await self._archive.page_of(story_id, hashlib.sha256(data).hexdigest()) is not None

    async def _planned(self, capture: Capture, finding: Finding) -> list[_Step]:
        """Return what is to be written of a page; nothing is written yet."""
        evidence = _evidence(capture, finding)
        before = await self._archive.visit(capture.story_id)
        step = _Step(visit_of(capture, finding, before), evidence, stored_at=capture.stored_at)
        draft = finding.draft
        if draft is None or evidence.decision:
            return [step]
        step = replace(step, draft=replace(draft, name=capture.path or draft.name))
        if known := await self._archive.known(capture.story_id):
            return [_of_held(step, capture, known.sha256, known.observed_at)]
        return await self._adopting(step, capture) if capture.path else [step]

    async def _adopting(self, step: _Step, first: Capture) -> list[_Step]:
        """Return the steps that take up the file of a story, where it lies, before its pages.

        It has the last of the texts: those before it become earlier ones, and no file is written
        over. One of which today's reader makes another is made anew when its page comes.
        """
        sha256 = await self._archive.orphan_sha256(first.path)
        shown = sha256 and await self._archive.page_of(first.story_id, sha256)
        again = shown and shown.place != first.place  # so texts between are earlier ones, too
        if step.draft and step.draft.sha256 == sha256 and not again:
            return [replace(step, draft=replace(step.draft, in_place=True))]
        if not sha256 or not shown:
            return [step]
        (finding,) = await self._find([await kept(self._archive, shown)])
        draft = finding.draft
        if draft and draft.sha256 == sha256:
            old = replace(draft, name=first.path, in_place=True)
        else:
            data = await self._archive.orphan(first.path)
            old = replace(draft_of_post(data, in_place=first.path), observed_at=shown.seen_at)
        taken_up = _Step(draft=old, stored_at=first.stored_at)
        return [taken_up, _of_held(step, first, sha256, old.observed_at)]

    async def _take(self, steps: Sequence[_Step]) -> Decision:
        """Write the steps of a page; its end state is that of the last."""
        for step in steps:
            decision = await self._written(step)
        return decision

    async def _written(self, step: _Step) -> Decision:
        archive, evidence, visit = self._archive, step.evidence, step.visit
        if step.draft:
            return (await archive.put(step.draft, visit, evidence, step.stored_at)).decision
        if evidence is None or evidence.decision is None:
            raise ValueError("a step that writes nothing")
        if visit is None:
            await archive.keep(evidence)
            return evidence.decision
        await archive.note(visit, evidence)
        if visit.state is VisitState.HELD and judge.is_gone(visit):
            await archive.bury(visit)
        return evidence.decision


@dataclass(frozen=True, slots=True)
class _Step:
    """One thing to write; without a draft the evidence says how the look ended."""

    visit: Visit | None = None
    evidence: Evidence | None = None
    draft: Draft | None = None
    stored_at: datetime | None = None


def _of_held(step: _Step, capture: Capture, sha256: str, observed_at: datetime) -> _Step:
    """Return the step for a page of a story that is held as the post with this sum.

    Where the reader makes the same of the page again, what was told of it when it came stays told.
    Where the post was made of it by another reader, it is read again and no edit.
    """
    draft, evidence = step.draft, step.evidence
    if draft is None or evidence is None:
        return step
    if draft.sha256 == capture.sha256:
        return replace(step, evidence=replace(evidence, decision=capture.decision))
    if capture.sha256 != sha256:
        return step
    observed_at = max(observed_at, draft.observed_at)
    return replace(step, draft=replace(draft, observed_at=observed_at, reread_of=sha256))


def visit_of(capture: Capture, finding: Finding, before: Visit | None) -> Visit | None:
    """Return the mark that a look at a page leaves today; None where a later one stands.

    What another archive showed says nothing of the site as it is.
    """
    ref, at = finding.ref, capture.seen_at
    if capture.source != SITE:
        return None if before else held(finding, at)
    if before and before.checked_at > at:
        return None
    published = finding.draft.article.published.at if finding.draft else None
    visited = partial(judge.visited, ref, before, at=at, published=published)
    decision = _ending(capture, finding)
    match decision:
        case Decision(verdict=Verdict.REJECTED | Verdict.FAILED as verdict, reason=reason):
            missed = visited(VisitState(verdict.value), reason=reason)
            return before if before and _is_same_look(before, missed) else missed
        case Decision(reason=reason) if reason == OUT_OF_SCOPE:
            pending = visited(VisitState.PENDING)
            return replace(pending, next_check_at=None)
        case Decision(verdict=Verdict.SKIPPED):
            return visited(VisitState.HELD, reason=judge.CHANGED)
    return visited(VisitState.HELD, validators=finding.page.validators)


def _is_same_look(one: Visit, other: Visit) -> bool:
    """Say whether a look was taken before, by what was cut short then: it failed once."""
    return (one.url, one.checked_at, one.reason) == (other.url, other.checked_at, other.reason)


def held(finding: Finding, at: datetime) -> Visit | None:
    """Return the mark that a story is held of which another archive had the page."""
    if finding.draft is None:
        return None
    return Visit(
        story_id=finding.ref.story_id,
        url=finding.ref.url,
        state=VisitState.HELD,
        checked_at=at,
        reason="kept by others",
        published=finding.draft.article.published.at,
    )


def _ending(capture: Capture, finding: Finding) -> Decision | None:
    """Return the end state of a page whose text is not to be written, or None where it is."""
    was, draft = capture.decision, finding.draft
    if draft is None:
        now = finding.decision or was
        if now.verdict is was.verdict:
            return was
        unread = now.verdict is Verdict.FAILED
        return replace(now, reason=f"{judge.UNREADABLE}: {now.reason}") if unread else now
    return None if was.verdict in _WRITTEN or _is_other(draft, capture) else was


def _is_other(draft: Draft, capture: Capture) -> bool:
    """Say whether a page that was not passed by is another text to this reader."""
    passed_by = capture.decision.verdict is Verdict.SKIPPED
    return not passed_by and draft.content_hash != capture.content_hash


def _evidence(capture: Capture, finding: Finding) -> Evidence:
    decision = _ending(capture, finding)
    return Evidence(
        ref=finding.ref,
        page=finding.page,
        mode=capture.mode,
        decision=decision,
        reading=finding.draft,
        source=capture.source,
        place=capture.place,
    )


def waves(items: Iterable[T], story_of: Callable[[T], str]) -> Iterator[list[T]]:
    """Part items so that no story comes twice in one wave: a look rests on the one before it."""
    wave: list[T] = []
    seen: set[str] = set()
    for item in items:
        if story_of(item) in seen:
            yield wave
            wave, seen = [], set()
        wave.append(item)
        seen.add(story_of(item))
    if wave:
        yield wave
