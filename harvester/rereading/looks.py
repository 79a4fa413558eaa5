"""A look at a page that is kept: what it says of its story today."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar

from harvester import judge
from harvester.findings import Finding, Kept
from harvester.model import SITE, Capture, Decision, Draft, Evidence, Verdict, Visit, VisitState
from harvester.store import Archive
from harvester.visitor import OUT_OF_SCOPE

T = TypeVar("T")


WRITTEN = frozenset({Verdict.NEW, Verdict.REVISED, Verdict.UNCHANGED, Verdict.DUPLICATE})
"""The end states of a page whose text is in the archive."""

CHUNK = 50
"""So many pages, or stories, are read at once."""

Find = Callable[[Sequence[Kept]], Awaitable[list[Finding]]]
"""Reads pages of the raw archive, as `findings.find_kept` does."""


class Observer(Protocol):
    """Who watches."""

    def ended(self, url: str, decision: Decision) -> None:
        """Hear of the end state of an address."""


async def kept(archive: Archive, capture: Capture) -> Kept:
    """Return a page with the record that holds its body."""
    body = await archive.body_of(capture)
    if body is None:
        raise ValueError(f"{capture.url}: a page without a place")
    return Kept(capture, body)


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
    return None if was.verdict in WRITTEN or _is_other(draft, capture) else was


def _is_other(draft: Draft, capture: Capture) -> bool:
    """Say whether a page that was not passed by is another text to this reader."""
    passed_by = capture.decision.verdict is Verdict.SKIPPED
    return not passed_by and draft.content_hash != capture.content_hash


def evidence_of(capture: Capture, finding: Finding) -> Evidence:
    """Return what is told of a page: its text, or the end state that it keeps without one."""
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
