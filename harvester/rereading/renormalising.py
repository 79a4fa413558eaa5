"""Pages of the raw archive read again by a reader that was mended.

    stories | choose | find (elsewhere, side by side) | judge + store     one story at a time

What was kept says when the site showed it and what was made of it then; only where today's reader
makes something else of it is anything written.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from http import HTTPStatus

from harvester import post
from harvester.findings import Finding, Kept
from harvester.model import Capture, Decision, Draft, Known, Verdict, Visit
from harvester.rereading.looks import CHUNK, WRITTEN, Find, Observer, evidence_of, kept, visit_of
from harvester.store import Archive
from harvester.zaobao import story_ref

_CHANGED = frozenset({Verdict.NEW, Verdict.REVISED})
_SAMPLES = 3
# Of several pages of a story, the one whose end says most: what was lost, then what was gained.
_MOST_FIRST = (
    Verdict.FAILED,
    Verdict.NEW,
    Verdict.REVISED,
    Verdict.DUPLICATE,
    Verdict.REJECTED,
    Verdict.UNCHANGED,
    Verdict.SKIPPED,
)
_READ_BY_THIS = Decision(Verdict.SKIPPED, "read by this very reader")
_SAME_AS_BEFORE = Decision(Verdict.UNCHANGED, "read as before")


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

    Of a story that is held: the last of which its post was made, or that showed its text, and those
    whose text was not written.
    """
    pages = (each for each in captures if each.status == HTTPStatus.OK)
    new = [p for p in pages if p.parser != parser and p.decision.verdict is not Verdict.SKIPPED]
    if known is None:
        return Choice(None, tuple(new))
    made = [each for each in captures if each.sha256 == known.sha256]
    showing = made or [each for each in captures if each.content_hash == known.content_hash]
    current = showing[-1] if showing and showing[-1].parser != parser else None
    return Choice(current, tuple(each for each in new if each.decision.verdict not in WRITTEN))


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
        self._texts: dict[str, str] = {}
        self.tally: Counter[Verdict] = Counter()
        self.changes = Changes()

    async def run(self, since: date | None, stopping: asyncio.Event) -> None:
        """Take every story of which pages are kept, those with an issue day from `since` on.

        Those that are held go first: what was another's text is that again when both were read.
        """
        last, unheld = "", list[str]()
        while ids := await self._archive.captured(last, CHUNK):
            known = {story_id: await self._archive.known(story_id) for story_id in ids}
            unheld += [story_id for story_id in ids if known[story_id] is None]
            if stopping.is_set():
                return
            await self._take({story_id: each for story_id, each in known.items() if each}, since)
            last = ids[-1]
        for start in range(0, len(unheld), CHUNK):
            if stopping.is_set():
                return
            await self._take(dict.fromkeys(unheld[start : start + CHUNK]), since)

    async def _take(self, stories: Mapping[str, Known | None], since: date | None) -> None:
        chosen: list[tuple[Known | None, Choice, list[Kept]]] = []
        for story_id, known in stories.items():
            captures = await self._archive.captures(story_id)
            if since and story_ref(captures[-1].url).day < since:
                continue
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
        if self._dry:  # what is foreseen of one rests on the one before it
            for each in reads:
                await self._story(*each)
        else:
            await asyncio.gather(*[self._story(*each) for each in reads])

    async def _story(
        self, known: Known | None, choice: Choice, read: Sequence[tuple[Capture, Finding]]
    ) -> None:
        before = await self._archive.post(read[0][0].story_id)
        decisions: list[Decision] = []
        for capture, finding in read:
            if capture is choice.current and known:
                decisions.append(await self._again(known, capture, finding))
            else:
                decisions.append(await self._unwritten(capture, finding))
        self._tell(before, read, decisions)
        places = [
            capture.place
            for (capture, _), decision in zip(read, decisions, strict=True)
            if decision is _SAME_AS_BEFORE and capture.place
        ]
        if places and not self._dry:
            await self._archive.approve(places, self._parser)

    def _tell(
        self,
        before: bytes | None,
        read: Sequence[tuple[Capture, Finding]],
        decisions: Sequence[Decision],
    ) -> None:
        """Count a story once, by what says most of it; `before` is the post it had."""
        changed = [
            finding
            for (_, finding), decision in zip(read, decisions, strict=True)
            if decision.verdict in _CHANGED and not decision.archival
        ]
        if changed:
            self.changes.add(changed[-1], before)
        told = min(decisions, key=lambda each: _MOST_FIRST.index(each.verdict))
        self._count(read[-1][0].url, told)

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
        if finding.lost and finding.decision:
            return finding.decision
        if draft is None or draft.content_hash == capture.content_hash:
            return _SAME_AS_BEFORE  # or read as it was when it was held back
        before = await self._archive.visit(finding.ref.story_id)
        return await self._stored(capture, finding, visit_of(capture, finding, before))

    async def _stored(self, capture: Capture, finding: Finding, visit: Visit | None) -> Decision:
        """Store what was found, or tell what would be."""
        draft = finding.draft
        if draft is None:
            raise ValueError(f"{capture.url}: nothing was found")
        if self._dry:
            return await self._foreseen(draft)
        return (await self._archive.put(draft, visit, evidence_of(capture, finding))).decision

    async def _foreseen(self, draft: Draft) -> Decision:
        """Return the verdict on a draft after all that was foreseen before it."""
        expected = await self._archive.expect(draft)
        story_id, text = draft.article.story_id, draft.content_hash
        if expected.verdict in _CHANGED and not expected.archival:
            twin = self._texts.setdefault(text, story_id)
            if expected.verdict is Verdict.NEW and twin != story_id:
                return Decision(Verdict.DUPLICATE, f"same text as story {twin}")
        return expected

    def _count(self, url: str, decision: Decision) -> None:
        self.tally[decision.verdict] += 1
        self._observer.ended(url, decision)
