"""What today's reader makes of a page that is kept: a text, or why there is none. No network.

A pure map over pages, so that it runs in threads, in processes and on other machines alike.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import BinaryIO

from harvester.drafts import article_in, draft_of_page
from harvester.errors import BadRecord, DiskError, NotAStory, Unreadable, UsageError
from harvester.model import BodyMode, Capture, Decision, Draft, Era, Page, Place, StoryRef, Verdict
from harvester.warc import Found, found_at
from harvester.zaobao import gate, story_ref

OpenAt = Callable[[str, int], AbstractContextManager[BinaryIO]]
"""Opens a file of the raw archive, by the name in a `Place`, from a byte on. Raises DiskError."""


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """A page without its body, and either the text it shows or the decision that it shows none.

    `lost` means that the page itself cannot be had any more, so nothing is said of it.
    """

    ref: StoryRef
    page: Page
    draft: Draft | None = None
    decision: Decision | None = None
    lost: bool = False

    @property
    def text(self) -> Draft:
        """The text of the page; raises `NotAStory` or `Unreadable` where there is none."""
        if self.draft:
            return self.draft
        reason = self.decision.reason if self.decision else ""
        if self.decision and self.decision.verdict is Verdict.REJECTED:
            raise NotAStory(reason, self.ref.url)
        raise Unreadable(self.ref.url, reason)

    @property
    def era(self) -> Era | None:
        """Return the layout of the page, where it could be read."""
        return self.draft.article.era if self.draft else None


@dataclass(frozen=True, slots=True)
class Kept:
    """A page of the raw archive that is to be read: `body` is the record that holds its body."""

    capture: Capture
    body: Place


def find(page: Page, ref: StoryRef, mode: BodyMode) -> Finding:
    """Read a page; `ref` was asked for. Never raises: a defect is that page's."""
    bare = replace(page, body=b"", exchange=None)
    try:
        gate.check_address(ref)
        draft = draft_of_page(article_in(page, ref, mode), page.fetched_at)
    except NotAStory as error:
        return Finding(ref, bare, decision=Decision(Verdict.REJECTED, error.reason))
    except Unreadable as error:
        return Finding(ref, bare, decision=Decision(Verdict.FAILED, error.problem))
    except Exception as error:
        log.exception("%s: a defect of the program; the run goes on", ref.url)
        return Finding(ref, bare, decision=Decision(Verdict.FAILED, f"defect: {error!r}"))
    return Finding(ref, bare, draft)


def find_kept(open_at: OpenAt, kept: Sequence[Kept]) -> list[Finding]:
    """Read pages of the raw archive; a record that is damaged, or gone, is a failure."""
    return [_find_kept(open_at, each) for each in kept]


def _find_kept(open_at: OpenAt, kept: Kept) -> Finding:
    capture = kept.capture
    ref = story_ref(capture.url, capture.lastmod)
    bare = Page(capture.url, capture.final_url, capture.status, b"", capture.seen_at)
    try:
        body = _body_at(open_at, kept.body)
        place = capture.place or kept.body
        # The same bytes at a later look: what the site said of them then is in a head of its own.
        sent = body if place == kept.body else _found_at(open_at, place)
        page = sent.page(body=body.body)
    except (BadRecord, DiskError, UsageError) as error:
        decision = Decision(Verdict.FAILED, f"the page is lost: {error}")
        return Finding(ref, bare, decision=decision, lost=True)
    page = replace(page, url=capture.url, final_url=capture.final_url, fetched_at=capture.seen_at)
    return find(page, ref, capture.mode)


def _body_at(open_at: OpenAt, place: Place) -> Found:
    found = _found_at(open_at, place)
    if found.revisit:
        raise BadRecord(place.file, place.offset, "a revisit, which has no body")
    return found


def _found_at(open_at: OpenAt, place: Place) -> Found:
    with open_at(place.file, place.offset) as stream:
        return found_at(stream, place)
