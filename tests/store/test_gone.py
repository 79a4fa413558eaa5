"""Stories that leave the site and come back, and raw pages whose text was held back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from harvester.errors import DatabaseUnusable
from harvester.model import Era, Verdict, Visit, VisitState
from harvester.store import open_archive, pages, verify
from harvester.store.database import migrate, seal
from harvester.store.schema import MIGRATIONS
from tests.store.support import (
    NOON,
    StillClock,
    files,
    make_draft,
    make_evidence,
    make_page,
    make_visit,
    open_store,
)

LATER, EARLIER = NOON + timedelta(hours=1), NOON - timedelta(hours=1)
MISSING = replace(make_visit(), reason="missing", missing_since=EARLIER)


def log(root: Path) -> list[str]:
    """Return the operations of the change log."""
    with open_archive(root / "seeds", root / "state") as reader:
        return [change.op for change in reader.changes()]


def gone(root: Path) -> int:
    """Return how many stories are gone."""
    with open_archive(root / "seeds", root / "state") as reader:
        return reader.counts().gone


async def test_bury(tmp_path: Path) -> None:
    """A story that is gone is told of once; its file, its texts and its row stay."""
    draft = make_draft()
    async with open_store(tmp_path) as archive:
        await archive.put(draft, make_visit())
        assert await archive.bury(MISSING)
        assert not await archive.bury(MISSING)
        assert await archive.visit("1209230") == MISSING

    assert (log(tmp_path), gone(tmp_path)) == (["new", "gone"], 1)
    assert {draft.name: draft.data} == files(tmp_path)
    assert verify(tmp_path / "seeds", tmp_path / "state").differences == ()
    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        *_, change = reader.changes()
        row = reader.article("1209230")
    assert row is not None
    assert (change.revision, change.path, change.sha256) == (1, draft.name, row.sha256)


async def test_bury_what_was_never_stored(tmp_path: Path) -> None:
    """A visit to a story that has no text is recorded, and nothing is told."""
    async with open_store(tmp_path) as archive:
        assert not await archive.bury(MISSING)
        assert await archive.visit("1209230") == MISSING

    assert log(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "at", "era", "ops", "left"),
    [
        ("text", LATER, Era.SG_2024, ["new", "gone", "revised"], 0),
        ("other", LATER, Era.SG_2024, ["new", "gone", "revised"], 0),
        ("text", EARLIER, Era.SG_2019, ["new", "gone"], 1),
        ("other", EARLIER, Era.SG_2019, ["new", "gone"], 1),
    ],
    ids=["unchanged", "revised", "unchanged-old", "archival"],
)
async def test_a_text_that_is_back(
    tmp_path: Path, text: str, at: datetime, era: Era, ops: list[str], left: int
) -> None:
    """A page seen after the end takes the mark off, and is told of; an old capture does not."""
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft(), make_visit())
        await archive.bury(MISSING)
        await archive.put(make_draft(text=text, observed_at=at, era=era), make_visit())

    assert (ops, left) == (log(tmp_path), gone(tmp_path))


async def test_gone_a_second_time(tmp_path: Path) -> None:
    """A story can go and come back again and again; each time is told of."""
    clock = StillClock()
    async with open_store(tmp_path, clock) as archive:
        await archive.put(make_draft(), make_visit())
        for _ in range(2):
            clock.at += timedelta(days=4)
            assert await archive.bury(MISSING)
            clock.at += timedelta(days=4)
            stored = await archive.put(make_draft(observed_at=clock.at), make_visit())
            assert stored.decision.verdict is Verdict.UNCHANGED

    assert log(tmp_path) == ["new", "gone", "revised", "gone", "revised"]


@pytest.mark.parametrize(
    ("visit", "left"),
    [
        (make_visit(), 0),
        (MISSING, 1),
        (make_visit(reason="soft-404"), 1),
        (make_visit("2"), 1),
        (replace(make_visit(), checked_at=EARLIER), 1),
    ],
    ids=["not-modified", "missing-still", "rejected", "another", "before"],
)
async def test_a_story_that_is_not_modified(tmp_path: Path, visit: Visit, left: int) -> None:
    """A look that finds the story as it was (304) takes the mark off and is told of."""
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft(), make_visit())
        await archive.bury(MISSING)
        for _ in range(2):
            await archive.note(visit)

    assert left == gone(tmp_path)
    assert ["new", "gone", *["revised"] * (1 - left)] == log(tmp_path)


async def test_hold(tmp_path: Path) -> None:
    """The last doubtful page of a story is kept as it came, together with its visit."""
    visit = make_visit(reason="doubtful: no text")
    async with open_store(tmp_path) as archive:
        await archive.hold(make_evidence(make_page(body=b"first")), visit)
        await archive.hold(make_evidence(make_page(body=b"\xff\0" * 1000)), visit)
        assert await archive.kept_page("1209230") == make_page(body=b"\xff\0" * 1000)
        assert None is await archive.kept_page("2")
        assert visit == await archive.visit("1209230")

    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        assert reader.counts().kept_pages == 1


async def test_a_kept_page_is_let_go_with_its_text(tmp_path: Path) -> None:
    """Only a good visit to that story, or its rejection, ends the stay of its page."""
    bad = replace(make_visit(), state=VisitState.FAILED, failures=1)
    async with open_store(tmp_path) as archive:
        await archive.hold(make_evidence(make_page()), bad)
        await archive.put(make_draft(), bad)
        await archive.put(make_draft())
        await archive.put(make_draft("2", "other"), make_visit("2"))
        assert await archive.kept_page("1209230") == make_page()
        await archive.put(make_draft(), make_visit())
        assert None is await archive.kept_page("1209230")


def test_so_many_pages_are_kept() -> None:
    """Of more than 2,000 pages the oldest are dropped, whenever they were put in."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.create_function("seal", -1, seal)
        migrate(connection, 0, MIGRATIONS)
        for number in range(2000):
            pages.keep(connection, str(number), make_page(at=NOON + timedelta(seconds=number)))
        pages.keep(connection, "0", make_page(at=LATER))
        assert pages.read(connection, "1") is not None
        pages.keep(connection, "new", make_page(at=LATER))
        pages.keep(connection, "old", make_page(at=EARLIER))
        kept = {each for (each,) in connection.execute("SELECT story_id FROM kept_pages")}

    assert {"new", *map(str, range(2000))} - {"1"} == kept


async def test_a_kept_page_that_is_damaged(tmp_path: Path) -> None:
    """A page whose bytes were lost is reported, not given out."""
    async with open_store(tmp_path) as archive:
        await archive.hold(make_evidence(make_page()), make_visit(reason="doubtful"))
        with closing(sqlite3.connect(tmp_path / "state" / "harvester.db")) as other, other:
            other.execute("UPDATE kept_pages SET body = x'00'")
        with pytest.raises(DatabaseUnusable, match="kept page of story 1209230"):
            await archive.kept_page("1209230")
