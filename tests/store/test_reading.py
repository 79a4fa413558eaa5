"""What a reader sees of an archive."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from harvester.errors import DiskError
from harvester.model import Access, Era, HostState, SourceState, Visit, VisitState
from harvester.store import ArticleRow, Coverage, VisitFigure, open_archive
from tests.store.support import (
    NOON,
    TODAY,
    StillClock,
    make_draft,
    make_ref,
    make_visit,
    open_store,
)

VIEW = (
    "story_id, url, title, published, section, access, content_hash, path, sha256, revision, "
    "first_seen, updated_at"
)


async def test_article(tmp_path: Path) -> None:
    """A story reads as it stands; a revision moves `updated_at`, not `first_seen`."""
    clock = StillClock()
    draft = make_draft("1", "two")
    async with open_store(tmp_path, clock) as archive:
        await archive.put(make_draft("1", "one", access=Access.PREVIEW))
        clock.at += timedelta(hours=1)
        await archive.put(draft)

    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        assert ArticleRow(
            story_id="1",
            url=draft.article.url,
            title="title",
            published=NOON,
            section="realtime/china",
            access=Access.FULL,
            content_hash=draft.content_hash,
            path=draft.name,
            sha256=hashlib.sha256(draft.data).hexdigest(),
            revision=2,
            first_seen=NOON,
            updated_at=NOON + timedelta(hours=1),
        ) == reader.article("1")
        assert None is reader.article("2")
        assert draft.data == reader.post("1")


async def test_view(tmp_path: Path) -> None:
    """The view `articles` has the columns that are promised, in their order, and text instants."""
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft())
    with closing(sqlite3.connect(tmp_path / "state" / "harvester.db")) as connection:
        cursor = connection.execute("SELECT * FROM articles")
        row = cursor.fetchone()

    assert ", ".join(column[0] for column in cursor.description) == VIEW
    assert "2021-11-01T12:00:00Z" == row[3] == row[10] == row[11]


async def test_long_lists(tmp_path: Path) -> None:
    """Articles and changes come whole and in order, over many pages, from where one asks."""
    drafts = [make_draft(f"{n:04}", f"{n}", title=str(n)) for n in range(1201)]
    async with open_store(tmp_path) as archive:
        await asyncio.gather(*map(archive.put, drafts))

    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        ids = [draft.article.story_id for draft in drafts]
        assert ids == [row.story_id for row in reader.articles()]
        assert list(range(1, 1202)) == [change.seq for change in reader.changes()]
        assert [change.seq for change in reader.changes(1200)] == [1201]
        assert list(reader.changes(1201)) == []


async def test_change(tmp_path: Path) -> None:
    """A change says what a consumer needs to fetch the file and to check it."""
    draft = make_draft("1")
    async with open_store(tmp_path) as archive:
        await archive.put(draft)
    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        (change,) = reader.changes()

    data = (tmp_path / "seeds" / change.path).read_bytes()
    assert (change.op, change.story_id, change.revision) == ("new", "1", 1)
    assert change.sha256 == hashlib.sha256(data).hexdigest()
    assert (draft.article.url, "title", NOON) == (change.url, change.title, change.published)
    assert Access.FULL is change.access


async def test_post_that_is_not_the_stored_one(tmp_path: Path) -> None:
    """A reader never gets other bytes than were stored."""
    draft = make_draft("1")
    async with open_store(tmp_path) as archive:
        await archive.put(draft)
    (tmp_path / "seeds" / draft.name).write_text("edited")

    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        with pytest.raises(DiskError, match="verify --repair"):
            reader.post("1")
        assert draft.data == reader.post("1", 1)
        for missing in (("2", None), ("1", 2)):
            with pytest.raises(KeyError):
                reader.post(*missing)


async def test_coverage(tmp_path: Path) -> None:
    """Each day says of every story seen where it stands; the four ends add up to what is known."""
    yesterday = TODAY - timedelta(days=1)
    pending = Visit("6", make_visit("6").url, VisitState.PENDING, NOON)
    async with open_store(tmp_path) as archive:
        await archive.record([make_ref(story_id) for story_id in "12345678"])
        await archive.record([make_ref("1", "news/china"), make_ref("9", day=yesterday)])
        await archive.put(make_draft("1", "one"), make_visit("1"))
        await archive.put(make_draft("2", "one"), make_visit("2"))
        await archive.note(make_visit("3", reason="soft-404"))
        await archive.note(replace(make_visit("1"), state=VisitState.FAILED))
        await archive.note(replace(make_visit("4"), state=VisitState.FAILED))
        await archive.note(make_visit("5"))
        await archive.note(pending)

    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        found = reader.coverage(TODAY - timedelta(days=2), TODAY)
    assert (
        Coverage(TODAY - timedelta(days=2)),
        Coverage(yesterday, known=1, waiting=1),
        Coverage(TODAY, known=8, held=2, refused=1, failed=1, waiting=4),
    ) == found


async def test_figures(tmp_path: Path) -> None:
    """The figures of `status` add up."""
    source = SourceState("https://www.zaobao.com.sg/sitemap.xml", checked_at=NOON)
    async with open_store(tmp_path) as archive:
        await archive.record([make_ref("1"), make_ref("9")], source)
        await archive.put(make_draft("1", "one"), make_visit("1"))
        await archive.put(make_draft("1", "two"))
        await archive.put(make_draft("2", "three", access=Access.PREVIEW, era=Era.HK_2020))
        await archive.put(make_draft("3", "three"))
        for story_id in ("7", "8"):
            await archive.note(make_visit(story_id, reason="soft-404"))
        await archive.save_host("www.zaobao.com.sg", HostState(rest_until=NOON))

    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        figures = reader.counts()
    assert (
        figures.stories,
        figures.revisions,
        figures.aliases,
        figures.sightings,
    ) == (2, 3, 1, 2)
    assert figures.by_era == {Era.SG_2019: 1, Era.HK_2020: 1}
    assert figures.by_access == {Access.FULL: 1, Access.PREVIEW: 1}
    assert figures.by_month == {"2021-11": 2}
    assert (source,) == figures.sources
    assert {"www.zaobao.com.sg": HostState(rest_until=NOON)} == figures.hosts
    assert (figures.last_change, figures.runs) == (3, ())
    assert figures.database_bytes == (tmp_path / "state" / "harvester.db").stat().st_size
    held, rejected = figures.visits
    assert VisitFigure(VisitState.HELD, "", 1, make_visit("1").url) == held
    assert (
        rejected.state,
        rejected.reason,
        rejected.count,
    ) == (VisitState.REJECTED, "soft-404", 2)
