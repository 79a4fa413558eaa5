"""What was found in captures of others into the archive: one judge, in one place."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from harvester.bulk.reading import Located
from harvester.findings import Finding
from harvester.model import (
    BodyMode,
    Decision,
    Evidence,
    Scope,
    Validators,
    Verdict,
    Visit,
)
from harvester.rereading import held, waves
from harvester.store import Archive
from harvester.visitor import OUT_OF_SCOPE, is_in_scope


class Observer(Protocol):
    """Who watches."""

    def ended(self, url: str, decision: Decision) -> None:
        """Hear of the end state of an address."""


class Merger:
    """Takes findings of one source to their end states.

    `scope` is applied to the day of publication. What another archive shows says nothing of the
    site as it is: a story that was visited keeps its mark.
    """

    def __init__(
        self, archive: Archive, observer: Observer, scope: Scope, mode: BodyMode, source: str
    ) -> None:
        self._archive = archive
        self._observer = observer
        self._scope = scope
        self._mode = mode
        self._source = source
        self.tally: Counter[Verdict] = Counter()

    async def take(self, found: Sequence[Located]) -> None:
        """Take findings, in their order, to the archive."""
        await self._archive.record([each.finding.ref for each in found])
        for wave in waves(found, lambda each: each.finding.ref.story_id):
            marks = zip(wave, await self._marks(wave), strict=True)
            decisions = await asyncio.gather(*[self._one(each, mark) for each, mark in marks])
            for each, decision in zip(wave, decisions, strict=True):
                self.count(each.finding.ref.url, decision)

    def count(self, url: str, decision: Decision) -> None:
        """Count an end state and tell who watches."""
        self.tally[decision.verdict] += 1
        self._observer.ended(url, decision)

    async def _one(self, located: Located, mark: Visit | None) -> Decision:
        finding, draft = located.finding, located.finding.draft
        decision = finding.decision
        if draft and not is_in_scope(self._scope, draft.article.published.at):
            decision = Decision(Verdict.SKIPPED, OUT_OF_SCOPE)
        evidence = Evidence(
            finding.ref, finding.page, self._mode, decision, draft, self._source, located.place
        )
        if decision or draft is None:
            if decision and decision.verdict is not Verdict.SKIPPED and finding.page.status:
                await self._archive.keep(evidence)
            return decision or Decision(Verdict.FAILED)
        return (await self._archive.put(draft, mark, evidence)).decision

    async def _marks(self, wave: Sequence[Located]) -> list[Visit | None]:
        """Return the mark for each story that was never visited; a visit stands as it is.

        But where this text replaces ours, "not modified" would be said of the one before.
        """
        findings = [each.finding for each in wave]
        visits = await self._archive.visits([finding.ref.story_id for finding in findings])
        pairs = zip(findings, visits, strict=True)
        replacing = await self._replacing([finding for finding, visit in pairs if visit])
        return [
            _mark(finding, visit, replaces=finding.ref.story_id in replacing)
            for finding, visit in zip(findings, visits, strict=True)
        ]

    async def _replacing(self, findings: Sequence[Finding]) -> frozenset[str]:
        """Return the ids of the stories whose text these would replace."""
        drafts = [finding.draft for finding in findings if finding.draft]
        expected = await self._archive.expect_all(drafts)
        return frozenset(
            draft.article.story_id
            for draft, decision in zip(drafts, expected, strict=True)
            if decision.verdict is Verdict.REVISED and not decision.archival
        )


def _mark(finding: Finding, visit: Visit | None, *, replaces: bool) -> Visit | None:
    if visit is None:
        return held(finding, finding.page.fetched_at)
    return replace(visit, validators=Validators()) if replaces else None
