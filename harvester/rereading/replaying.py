"""The raw archive into a catalogue made anew: what posts do not tell, and posts that are lost."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from harvester import judge, post
from harvester.drafts import draft_of_post
from harvester.errors import BadPost, NotAStory
from harvester.findings import Finding
from harvester.model import Capture, Decision, Draft, Evidence, Verdict, Visit, VisitState
from harvester.rereading.looks import CHUNK, Find, Observer, evidence_of, kept, visit_of, waves
from harvester.store import Archive
from harvester.zaobao import story_ref

# The note of the last page that a replay has taken.
_REPLAYED = "replayed"


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

    async def left_over(self, posts: Sequence[Path], seeds: Path) -> list[Path]:
        """Return the posts of the tree `seeds` that are no story's file, though all was taken."""
        named = [(path, path.relative_to(seeds).as_posix()) for path in posts]
        return [path for path, name in named if not await self._archive.holds(name)]

    async def run(self, stopping: asyncio.Event) -> None:
        """Take every page; one that was cut short goes on behind the last chunk that it ended."""
        last = int(await self._archive.read_note(_REPLAYED) or 0)
        while numbered := await self._archive.captures_after(last, CHUNK):
            if stopping.is_set():
                return
            captures = [capture for _, capture in numbered]
            await self._archive.record([story_ref(each.url, each.lastmod) for each in captures])
            findings = await self._find([await kept(self._archive, each) for each in captures])
            looks = [*zip(captures, findings, strict=True)]
            for capture, finding in looks:
                if finding.lost and finding.decision:  # what was told of it stays told
                    self._count(capture.url, finding.decision)
            there = (look for look in looks if not look[1].lost)
            for wave in waves(there, lambda look: look[0].story_id):
                plans = [await self._planned(*look) for look in wave]
                # Each begins with a write, so they are judged in the order of the pages.
                decisions = await asyncio.gather(*map(self._take, plans))
                for (capture, _), decision in zip(wave, decisions, strict=True):
                    self._count(capture.url, decision)
            last = numbered[-1][0]
            await self._archive.write_note(_REPLAYED, str(last))

    def _count(self, url: str, decision: Decision) -> None:
        self.tally[decision.verdict] += 1
        self._observer.ended(url, decision)

    async def _is_of_page(self, path: Path) -> bool:
        try:
            data = await asyncio.to_thread(path.read_bytes)
            story_id = story_ref(post.read_post(data).url).story_id
        except (OSError, BadPost, NotAStory):
            return False  # told by the import
        return await self._archive.page_of(story_id, hashlib.sha256(data).hexdigest()) is not None

    async def _planned(self, capture: Capture, finding: Finding) -> list[_Step]:
        """Return what is to be written of a page; nothing is written yet."""
        evidence = evidence_of(capture, finding)
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
            await archive.bury(visit, step.stored_at)
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

    Where that was made of it by another reader, the page is read again and its text no edit.
    """
    draft = step.draft
    if draft is None or draft.sha256 == sha256 or capture.sha256 != sha256:
        return step
    observed_at = max(observed_at, draft.observed_at)
    return replace(step, draft=replace(draft, observed_at=observed_at, reread_of=sha256))
