"""Drafts, a simple judge and a clock that stands still, for the tests of the store."""

from __future__ import annotations

import hashlib
import unicodedata
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from harvester import warc
from harvester.model import (
    Access,
    Article,
    Decision,
    Draft,
    Era,
    Evidence,
    Exchange,
    Instant,
    Known,
    Page,
    StoryRef,
    Verdict,
    Visit,
    VisitState,
)
from harvester.store import MANIFEST, Archive, Raw

RAW = Raw(warc, "harvester", "reader 1")
"""How the pages are kept by a store of the tests."""
UNKEPT = replace(RAW, keep=False)
"""How they are by a store that keeps no new ones."""
NOON = datetime(2021, 11, 1, 12, 0, 0, tzinfo=UTC)
TODAY = NOON.date()


class StillClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        """Return the instant it was set to."""
        return self.at

    def monotonic(self) -> float:
        """Return the seconds since noon."""
        return (self.at - NOON).total_seconds()

    async def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.at += timedelta(seconds=seconds)


def decide(known: Known | None, twin: str | None, draft: Draft) -> Decision:
    """Judge by the hash, then by which text the site showed later."""
    if known is None:
        return Decision(Verdict.DUPLICATE if twin else Verdict.NEW)
    if draft.content_hash in known.hashes:
        return Decision(Verdict.UNCHANGED)
    return Decision(Verdict.REVISED, archival=draft.observed_at < known.observed_at)


def name_key(path: str) -> str:
    """Return what other systems make of a path."""
    return unicodedata.normalize("NFC", path).casefold()


def make_draft(
    story_id: str = "1209230",
    text: str = "text",
    *,
    name: str | None = None,
    title: str = "title",
    observed_at: datetime = NOON,
    in_place: bool = False,
    access: Access = Access.FULL,
    era: Era = Era.SG_2019,
) -> Draft:
    """Return a draft whose bytes, hash and names follow from its text and title."""
    article = Article(
        story_id=story_id,
        url=f"https://www.zaobao.com.sg/realtime/china/story20211101-{story_id}",
        section="realtime/china",
        title=title,
        published=Instant(NOON, "json-ld"),
        body=f"<p>{text}</p>",
        blocks=(text,),
        era=era,
        access=access,
        tags=("中国",),
    )
    content_hash = "v1:" + hashlib.sha256(text.encode()).hexdigest()
    wished = f"2021/11/2021-11-01-{title}.md" if name is None else name
    return Draft(
        article=article,
        content_hash=content_hash,
        data=f"---\nid {story_id}\n---\n{text}\n".encode(),
        name=wished,
        reserve=wished.replace(".md", f"-{story_id}.md"),
        observed_at=observed_at,
        in_place=in_place,
    )


def make_visit(story_id: str = "1209230", *, reason: str = "") -> Visit:
    """Return a visit that held a story, or rejected it for a reason."""
    state = VisitState.REJECTED if reason else VisitState.HELD
    return Visit(story_id, make_draft(story_id).article.url, state, NOON, reason)


def make_page(story_id: str = "1209230", body: bytes = b"<html>", at: datetime = NOON) -> Page:
    """Return the page of a story as the site sent it."""
    url = make_draft(story_id).article.url
    return Page(url, f"{url}?x", 200, body, at, "utf-8", '"e"', "Mon, 01 Nov 2021", 60.5)


def make_sent_page(story_id: str = "1209230", body: bytes = b"<html>", at: datetime = NOON) -> Page:
    """Return the page of a story with what went over the wire."""
    page = make_page(story_id, body, at)
    request = f"GET {page.url} HTTP/1.1\r\nHost: www.zaobao.com.sg\r\n\r\n".encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    return replace(page, final_url=page.url, exchange=Exchange(page.url, request, head, body))


def make_evidence(page: Page | None = None, *, written: bool = False) -> Evidence:
    """Return a page whose text was not written, or one that is judged with its draft."""
    page = page or make_page()
    decision = None if written else Decision(Verdict.FAILED, "doubtful")
    return Evidence(make_ref(page.url.rpartition("-")[2]), page, decision=decision)


def make_ref(story_id: str, section: str = "realtime/china", day: date = TODAY) -> StoryRef:
    """Return an address of a story."""
    url = f"https://www.zaobao.com.sg/{section}/story{day:%Y%m%d}-{story_id}"
    return StoryRef(story_id, url, section, day)


def open_store(
    root: Path,
    clock: StillClock | None = None,
    patience: float = 60.0,
    raw: Raw = UNKEPT,
) -> AbstractAsyncContextManager[Archive]:
    """Open `root/seeds` and `root/state` for writing; `raw` is how pages are kept."""
    return Archive.open(
        root / "seeds",
        root / "state",
        decide=decide,
        name_key=name_key,
        clock=clock or StillClock(),
        patience=patience,
        raw=raw,
    )


def files(root: Path) -> dict[str, bytes]:
    """Return every file of the post tree but the manifest, temporary ones too, by its path."""
    tree = root / "seeds"
    return {
        path.relative_to(tree).as_posix(): path.read_bytes()
        for path in tree.rglob("*")
        if path.is_file() and path.name != MANIFEST
    }
