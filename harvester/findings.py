"""What today's reader makes of a page that is kept: a text, or why there is none. No network.

A pure map over pages, so that it runs in threads, in processes and on other machines alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harvester.drafts import article_in, draft_of_page
from harvester.errors import BadRecord, NotAStory, Unreadable
from harvester.model import BodyMode, Capture, Decision, Draft, Era, Page, Place, StoryRef, Verdict
from harvester.warc import found_at
from harvester.zaobao import gate, story_ref


@dataclass(frozen=True, slots=True)
class Finding:
    """A page without its body, and either the text it shows or the decision that it shows none."""

    ref: StoryRef
    page: Page
    draft: Draft | None = None
    decision: Decision | None = None

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
    """Read a page; `ref` was asked for. Never raises for what a page may hold."""
    bare = replace(page, body=b"", exchange=None)
    try:
        gate.check_address(ref)
        draft = draft_of_page(article_in(page, ref, mode), page.fetched_at)
    except NotAStory as error:
        return Finding(ref, bare, decision=Decision(Verdict.REJECTED, error.reason))
    except Unreadable as error:
        return Finding(ref, bare, decision=Decision(Verdict.FAILED, error.problem))
    return Finding(ref, bare, draft)


def find_kept(folder: Path, kept: Sequence[Kept]) -> list[Finding]:
    """Read pages of the raw archive in `folder`; a record that is damaged is a failure."""
    return [_find_kept(folder, each) for each in kept]


def _find_kept(folder: Path, kept: Kept) -> Finding:
    capture = kept.capture
    ref = story_ref(capture.url, capture.lastmod)
    bare = Page(capture.url, capture.final_url, capture.status, b"", capture.seen_at)
    try:
        body = found_at(folder / kept.body.file, kept.body)
        place = capture.place or kept.body
        # The same bytes at a later look: what the site said of them then is in a head of its own.
        sent = body if place == kept.body else found_at(folder / place.file, place)
        page = sent.page(body=body.body)
    except (BadRecord, OSError) as error:
        return Finding(ref, bare, decision=Decision(Verdict.FAILED, f"the page is lost: {error}"))
    page = replace(page, url=capture.url, final_url=capture.final_url, fetched_at=capture.seen_at)
    return find(page, ref, capture.mode)
