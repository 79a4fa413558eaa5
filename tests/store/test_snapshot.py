"""Copies of the catalogue, and the room there is for them."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from harvester.errors import DatabaseUnusable, DiskError
from harvester.store import Kind, free_bytes, open_archive, verify
from tests.store.support import StillClock, make_draft, make_visit, open_store


def names(folder: Path) -> list[str]:
    """Return what lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


async def test_a_snapshot_is_a_catalogue(tmp_path: Path) -> None:
    """A snapshot put in the place of the catalogue is one: all of its time is there.

    Only the manifest tells of what came later.
    """
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft(), make_visit())
        taken = await archive.snapshot(tmp_path / "copies" / "daily", 3)
        await archive.put(make_draft("2", "later", title="later"))

    assert taken == tmp_path / "copies" / "daily" / "harvester-20211101T120000Z.db"
    (tmp_path / "seeds" / "2021/11/2021-11-01-later.md").unlink()
    shutil.copy(taken, tmp_path / "state" / "harvester.db")
    (tmp_path / "state" / "harvester.db-wal").unlink(missing_ok=True)
    (difference,) = verify(tmp_path / "seeds", tmp_path / "state").differences
    assert difference.kind is Kind.MANIFEST
    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        assert [article.story_id for article in reader.articles()] == ["1209230"]


async def test_only_so_many_are_kept(tmp_path: Path) -> None:
    """The newest stay, the one just made among them; what is not ours is not touched."""
    clock, folder = StillClock(), tmp_path / "copies"
    folder.mkdir()
    for name in ("harvester-mine.db", "harvester.db", "notes.txt", ".other.tmp"):
        (folder / name).write_text("theirs")
    (folder / ".harvester-20211031T120000Z.db.tmp").write_text("left by a killed writer")
    (folder / "harvester-20300101T000000Z.db").write_text("of a clock that was wrong")
    async with open_store(tmp_path, clock) as archive:
        for _ in range(4):
            clock.at += timedelta(days=1)
            await archive.snapshot(folder, 3)

    assert names(folder) == [
        ".other.tmp",
        "harvester-20211104T120000Z.db",
        "harvester-20211105T120000Z.db",
        "harvester-20300101T000000Z.db",
        "harvester-mine.db",
        "harvester.db",
        "notes.txt",
    ]


async def test_a_damaged_catalogue_is_not_copied(tmp_path: Path) -> None:
    """One row that was changed is enough: good copies must not give way to bad ones."""
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft())
        good = await archive.snapshot(tmp_path / "copies", 1)
        with closing(sqlite3.connect(tmp_path / "state" / "harvester.db")) as other, other:
            other.execute("UPDATE stories SET author = 'x'")
        with pytest.raises(DatabaseUnusable, match="does not say what was written"):
            await archive.snapshot(tmp_path / "copies", 1)

    assert names(tmp_path / "copies") == [good.name]


async def test_the_same_second_again(tmp_path: Path) -> None:
    """A second snapshot in one second takes the place of the first; one is enough to keep."""
    async with open_store(tmp_path) as archive:
        first = await archive.snapshot(tmp_path / "copies", 1)
        await archive.note(make_visit("7"))
        assert first == await archive.snapshot(tmp_path / "copies", 1)

    assert names(tmp_path / "copies") == [first.name]
    with closing(sqlite3.connect(first)) as copy:
        assert copy.execute("SELECT story_id FROM visits").fetchall() == [("7",)]


async def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    """A snapshot that cannot be written is a disk error and harms nothing."""
    (tmp_path / "copies").write_text("a file")
    async with open_store(tmp_path) as archive:
        with pytest.raises(DiskError, match="copies"):
            await archive.snapshot(tmp_path / "copies", 1)
        await archive.put(make_draft())


def test_free_bytes(tmp_path: Path) -> None:
    """Of several folders the one with the least room counts; one not yet made is its parent."""
    figures = os.statvfs("/proc")
    proc = figures.f_bavail * figures.f_frsize
    here = free_bytes(tmp_path / "not" / "yet")

    assert here > 0
    assert proc == free_bytes(Path("/proc"))
    assert free_bytes(tmp_path, Path("/proc")) == min(proc, here)
