"""An archive of real posts for the tests of those who keep up with it."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harvester import judge, post
from harvester.drafts import draft_of_page
from harvester.model import Access, Article, Draft, Era, Instant, Visit, VisitState
from harvester.store import CATALOGUE, WRITER_PATIENCE, Archive
from tests.store.support import StillClock

NOON = datetime(2021, 11, 1, 4, 0, tzinfo=UTC)


@contextmanager
def quick_folder() -> Iterator[Path]:
    """Make a folder where durability costs nothing, if the machine has such a place."""
    memory = Path("/dev/shm")  # noqa: S108
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="harvester-", dir=place) as folder:
        yield Path(folder)


def open_writer(
    root: Path, patience: float = WRITER_PATIENCE
) -> AbstractAsyncContextManager[Archive]:
    """Open `root/seeds` and `root/state` for writing, judged as the program judges.

    Its clock stands before all that was seen: a text seen later brings a story back that was gone.
    """
    clock = StillClock()
    clock.at = NOON - timedelta(days=30)
    return Archive.open(
        root / "seeds",
        root / "state",
        decide=judge.decide,
        name_key=post.name_key,
        clock=clock,
        patience=patience,
    )


def real_draft(number: int, version: int = 1, *, access: Access = Access.FULL) -> Draft:
    """Return a text of a story as a page would bring it; a higher version was seen later."""
    text = f"第{number}篇新闻的第{version}稿，王毅与布林肯在罗马会面。"
    published = NOON + timedelta(hours=number)
    article = Article(
        story_id=str(1_200_000 + number),
        url=f"https://www.zaobao.com.sg/realtime/china/story20211101-{1_200_000 + number}",
        section="realtime/china",
        title=f"新闻 {number % 700}：《会面》",
        published=Instant(published, "json-ld"),
        body=f"<p>{text}</p><p>{'各方都说，结果要等明天才知道。' * (number % 40)}</p>",
        blocks=(text,),
        era=Era.SG_2019,
        access=access,
    )
    return draft_of_page(article, published + timedelta(minutes=version))


def missing(number: int) -> Visit:
    """Return the visit that finds a story gone for good."""
    draft = real_draft(number)
    at = draft.observed_at + timedelta(days=9)
    url = draft.article.url
    story_id = draft.article.story_id
    return Visit(story_id, url, VisitState.REJECTED, at, judge.MISSING, missing_since=at)


def add_entries(state: Path, count: int, *, of: int = 1) -> None:
    """Add so many entries to a change log, in one commit beside the store; all tell of entry `of`.

    The log needs no more than its rows, and thousands of them are there at once.
    """
    copied = "story_id, revision, path, sha256, content_hash, url, title, published, access, at"
    insert = f"""
        WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number LIMIT ?)
        INSERT INTO changes (op, {copied})
            SELECT 'revised', {copied} FROM changes, number WHERE seq = ?
    """  # noqa: S608
    with closing(sqlite3.connect(state / CATALOGUE)) as catalogue, catalogue:
        catalogue.execute("PRAGMA synchronous = OFF")
        catalogue.execute(insert, (count, of))
