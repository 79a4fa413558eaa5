"""Stories out of what other archives kept: of each the best capture, through the same judge.

index | not held, not tried | best first | fetch | find | merge
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from harvester.bulk.merging import Merger
from harvester.bulk.reading import Located
from harvester.elsewhere import Index, Seen, best_first
from harvester.errors import FetchFailed, HarvesterError
from harvester.findings import Finding, find
from harvester.model import Access, BodyMode, Decision, Evidence, Page, Scope, Verdict
from harvester.store import Archive

log = logging.getLogger(__name__)

# So many captures of a story are looked at until one shows all of its text.
_TRIES = 3
HELD = Decision(Verdict.SKIPPED, "held already")
TRIED = Decision(Verdict.SKIPPED, "its captures were looked at before")


@dataclass(slots=True)
class Gatherer:
    """Takes the stories that an index has to the archive.

    `source` names the other archive. Of stories that are held with their whole text nothing is
    asked for, unless `again`: then what a capture shows becomes an earlier revision. `limit` is
    the greatest number of stories to ask for.
    """

    archive: Archive
    index: Index
    merger: Merger
    source: str
    mode: BodyMode
    stopping: asyncio.Event
    again: bool = False
    limit: int | None = None
    halted: Exception | None = None

    async def run(self, scope: Scope) -> None:
        """Take every story of a scope (days of the address) to its end state, once.

        Where going on is of no use, `halted` says why.
        """
        done: set[str] = set()
        try:
            async for batch in self.index.seen(scope):
                for story_id, seen in _by_story(batch).items():
                    if self.stopping.is_set() or self.limit == 0:
                        return
                    if story_id not in done:
                        done.add(story_id)
                        await self._story(seen)
        except HarvesterError as error:
            self.halted = error

    async def _story(self, seen: list[Seen]) -> None:
        left = await self._worth_it(seen)
        if isinstance(left, Decision):
            self.merger.count(seen[0].ref.url, left)
            return
        if self.limit is not None:
            self.limit -= 1
        await self.merger.take([Located(await self._best(left), None)])

    async def _worth_it(self, seen: list[Seen]) -> list[Seen] | Decision:
        """Return the captures that are worth asking for, or why none is."""
        ref = seen[0].ref
        known = await self.archive.known(ref.story_id)
        if known and known.access is Access.FULL and not self.again:
            return HELD
        captures = await self.archive.captures(ref.story_id)
        tried = {each.seen_at for each in captures if each.source == self.source}
        return [each for each in best_first(seen) if each.captured_at not in tried] or TRIED

    async def _best(self, seen: list[Seen]) -> Finding:
        """Return the first finding with all of the text, else the best of those tried."""
        found: list[Finding] = []
        for each in seen[:_TRIES]:
            finding = await self._finding(each)
            found.append(finding)
            if finding.draft and finding.draft.article.access is Access.FULL:
                break
        best = min(found, key=_rank)
        for other in found:
            if other is not best:
                await self._keep(other)
        return best

    async def _keep(self, finding: Finding) -> None:
        """Keep a page that another one was better than: it was fetched, and need not be again."""
        if finding.page.exchange:
            decision = finding.decision or Decision(Verdict.SKIPPED, "another capture shows more")
            page, draft = finding.page, finding.draft
            evidence = Evidence(finding.ref, page, self.mode, decision, draft, self.source)
            await self.archive.keep(evidence)

    async def _finding(self, seen: Seen) -> Finding:
        try:
            page = await self.index.page(seen)
        except FetchFailed as error:
            nothing = Page(seen.ref.url, seen.ref.url, 0, b"", seen.captured_at)
            return Finding(seen.ref, nothing, decision=Decision(Verdict.FAILED, str(error)))
        finding = await asyncio.to_thread(find, page, seen.ref, self.mode)
        return replace(finding, page=replace(page, body=b""))


def _by_story(batch: Iterable[Seen]) -> Mapping[str, list[Seen]]:
    stories: defaultdict[str, list[Seen]] = defaultdict(list)
    for seen in batch:
        stories[seen.ref.story_id].append(seen)
    return stories


def _rank(finding: Finding) -> int:
    """Order findings: all of a text, a preview, a page without a text, a failure."""
    if finding.draft:
        return 0 if finding.draft.article.access is Access.FULL else 1
    rejected = finding.decision and finding.decision.verdict is Verdict.REJECTED
    return 2 if rejected else 3
