"""The catalogue file: refused when it is not ours, and every failure of it has a type."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from harvester.errors import Busy, DatabaseUnusable, DiskError, HarvesterError
from harvester.model import Counts, HostState, Poll, Scope, VisitState, Watch
from harvester.store import Archive, Kind, Reader, open_archive, verify
from harvester.store.database import (
    connect_reader,
    connect_writer,
    durability,
    migrate,
    open_database,
)
from harvester.store.schema import APPLICATION_ID, MIGRATIONS
from tests.store.support import (
    NOON,
    TODAY,
    StillClock,
    make_draft,
    make_evidence,
    make_ref,
    make_visit,
    open_store,
)
from tests.warc.records import look


async def first_page(archive: Archive) -> None:
    """Ask for work once."""
    async for _ in archive.work(Scope()):
        return


async def snapshot(archive: Archive) -> None:
    """Copy the catalogue."""
    with tempfile.TemporaryDirectory() as folder:
        await archive.snapshot(Path(folder), 1)


# Every public method that touches the catalogue, whatever the files are, stands here; a new one is
# added.
WRITES: dict[str, Callable[[Archive], Awaitable[Any]]] = {
    "put": lambda archive: archive.put(make_draft("2", "other")),
    "note": lambda archive: archive.note(make_visit()),
    "record": lambda archive: archive.record([make_ref("1")]),
    "save_host": lambda archive: archive.save_host("host", HostState()),
    "begin_poll": lambda archive: archive.begin_poll(Watch("w"), NOON, NOON),
    "end_poll": lambda archive: archive.end_poll(Poll("w", NOON, NOON), Watch("w"), []),
    "release": lambda archive: archive.release("doubtful", NOON),
    "hold": lambda archive: archive.hold(make_evidence(), make_visit(reason="doubtful")),
    "keep": lambda archive: archive.keep(make_evidence()),
    "approve": lambda archive: archive.approve([], "reader 2"),
    "begin_merge": lambda archive: archive.begin_merge("/x.warc.gz", "1"),
    "merged": lambda archive: archive.merged("/x.warc.gz", "1", "", 1),
    "bury": lambda archive: archive.bury(make_visit()),
    "write_note": lambda archive: archive.write_note("heartbeat", "text"),
    "snapshot": snapshot,
    "begin_run": lambda archive: archive.begin_run("daemon"),
    "end_run": lambda archive: archive.end_run(1, Counts(), "done"),
}
READS: dict[str, Callable[[Archive], Awaitable[Any]]] = {
    "work": first_page,
    "count": lambda archive: archive.count(Scope()),
    "visit": lambda archive: archive.visit("1"),
    "visits": lambda archive: archive.visits(["1", "3"]),
    "known": lambda archive: archive.known("1"),
    "expect": lambda archive: archive.expect(make_draft("2", "other")),
    "expect_all": lambda archive: archive.expect_all([make_draft("2", "other")]),
    "aliases": lambda archive: archive.aliases(make_draft("2", "other"), NOON),
    "source": lambda archive: archive.source("url"),
    "sources": lambda archive: archive.sources(),
    "load_host": lambda archive: archive.load_host("host"),
    "set_aside": lambda archive: archive.set_aside("2021-11-01-a.md"),
    "watches": lambda archive: archive.watches(),
    "hours": lambda archive: archive.hours("w", NOON, NOON),
    "last_fresh": lambda archive: archive.last_fresh("w"),
    "due": lambda archive: archive.due(NOON, Scope(), 1),
    "unseen": lambda archive: archive.unseen([make_ref("1")]),
    "captures": lambda archive: archive.captures("1"),
    "captured": lambda archive: archive.captured("", 1),
    "captures_after": lambda archive: archive.captures_after(0, 1),
    "body_of": lambda archive: archive.body_of(look()[0]),
    "last_shown": lambda archive: archive.last_shown("1", "sha"),
    "page_of": lambda archive: archive.page_of("1", "sha"),
    "holds": lambda archive: archive.holds("2021-11-01-a.md"),
    "is_merged": lambda archive: archive.is_merged("/x.warc.gz", "1"),
    "post": lambda archive: archive.post("1"),
    "kept_page": lambda archive: archive.kept_page("1"),
    "read_note": lambda archive: archive.read_note("heartbeat"),
    "last_change": lambda archive: archive.last_change(),
    "publish_manifest": lambda archive: archive.publish_manifest(),
}
READERS: dict[str, Callable[[Reader], Any]] = {
    "articles": lambda reader: list(reader.articles()),
    "article": lambda reader: reader.article("1209230"),
    "post": lambda reader: reader.post("1209230"),
    "post-revision": lambda reader: reader.post("1209230", 1),
    "revisions": lambda reader: reader.revisions("1209230"),
    "changes": lambda reader: list(reader.changes()),
    "counts": lambda reader: reader.counts(),
    "watches": lambda reader: reader.watches(),
    "polls": lambda reader: reader.polls(NOON),
    "coverage": lambda reader: reader.coverage(TODAY, TODAY),
    "note": lambda reader: reader.note("heartbeat"),
    "stories": lambda reader: list(reader.stories()),
    "latest": lambda reader: reader.latest(1),
    "sections": lambda reader: reader.sections(),
    "manifest": lambda reader: list(reader.manifest()),
    "last_change": lambda reader: reader.last_change(),
}


# Rows of the first release: a story, one that failed, one not visited, one passed by.
VERSION_1 = """
INSERT INTO stories VALUES ('1', 'u1', 's', 't', '2021-11-01T12:00:00Z', 'json-ld', '', '[]',
    'full', 'sg-2019', 'v1:a', 'a.md', 'a.md', 'sha', 1, 1, '2021-11-01T12:00:00Z',
    '2021-11-01T12:00:00Z', '2021-11-01T12:00:00Z');
INSERT INTO changes VALUES (1, 'new', '1', 1, 'a.md', 'sha', 'v1:a', 'u1', 't',
    '2021-11-01T12:00:00Z', 'full', '2021-11-01T12:00:00Z');
INSERT INTO sightings VALUES
    ('u1', '1', 's', '2021-11-01', NULL, '2021-11-01T12:00:00Z'),
    ('u2', '2', 's', '2021-11-01', NULL, '2021-11-01T12:00:00Z'),
    ('u3', '3', 's', '2021-11-01', NULL, '2021-11-01T12:00:00Z'),
    ('u4', '4', 's', '2021-11-01', NULL, '2021-11-01T12:00:00Z'),
    ('u5', '5', 's', '2021-11-01', NULL, '2021-11-01T12:00:00Z');
INSERT INTO visits VALUES
    ('1', 'u1', 'held', '2021-11-01T12:00:00Z', '', 0, NULL, NULL, NULL, '2021-11-01',
        '2021-11-01T12:00:00Z'),
    ('2', 'u2', 'failed', '2021-11-01T11:00:00Z', 'x', 1, '2021-11-01T12:00:00Z',
        NULL, NULL, NULL, NULL),
    ('3', 'u3', 'failed', '2021-11-01T11:00:00Z', 'x', 3, '2021-11-01T13:00:00Z',
        NULL, NULL, NULL, NULL),
    ('5', 'u5', 'pending', '2021-11-01T11:00:00Z', '', 0, NULL, NULL, NULL, NULL, NULL);
INSERT INTO hosts VALUES ('www.zaobao.com.sg', 'robots', NULL, NULL, NULL);
"""


def catalogue(root: Path) -> Path:
    """Return the place of the catalogue."""
    return root / "state" / "harvester.db"


async def fill(root: Path) -> None:
    """Make an archive of one story."""
    async with open_store(root) as archive:
        await archive.put(make_draft(), make_visit())


def ruin(path: Path) -> None:
    """Overwrite a database with something else of the same size."""
    path.write_bytes(b"\xa5" * path.stat().st_size)


def test_every_public_method_is_held_to_its_errors() -> None:
    """A new method of the archive or the reader cannot be forgotten here."""

    def names(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    without = {"open", "orphans", "adopted", "linger", "orphan", "orphan_sha256", "index_pages"}
    assert names(Archive) - without == {*WRITES, *READS}
    assert names(Reader) == {*READERS} - {"post-revision"}


@pytest.mark.parametrize("call", [*WRITES.values(), *READS.values()], ids=[*WRITES, *READS])
async def test_damaged_database(tmp_path: Path, call: Callable[[Archive], Awaitable[Any]]) -> None:
    """Every method of the writer reports a database that was ruined under it."""
    told = False
    clock = StillClock()
    with suppress(DatabaseUnusable):  # closing finds it as well
        async with open_store(tmp_path, clock) as archive:
            await archive.put(make_draft())
            await clock.sleep(3600)
            ruin(catalogue(tmp_path))
            with pytest.raises(DatabaseUnusable, match=r"harvester\.db: .*harvester rebuild"):
                await call(archive)
            told = True
    assert told


@pytest.mark.parametrize("call", READERS.values(), ids=READERS)
async def test_damaged_database_of_a_reader(
    tmp_path: Path, call: Callable[[Reader], object]
) -> None:
    """Every method of the reader reports a database that was ruined under it."""
    await fill(tmp_path)
    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        ruin(catalogue(tmp_path))
        with pytest.raises(DatabaseUnusable, match=r"harvester\.db: "):
            call(reader)


@pytest.mark.parametrize("call", WRITES.values(), ids=WRITES)
async def test_locked_database(tmp_path: Path, call: Callable[[Archive], Awaitable[Any]]) -> None:
    """Every write that a foreign lock outlasts ends as Busy, with the file's name."""
    with suppress(Busy):  # closing finds it as well
        async with open_store(tmp_path, patience=0.01) as archive:
            await archive.put(make_draft())
            with closing(sqlite3.connect(catalogue(tmp_path), isolation_level=None)) as other:
                other.execute("BEGIN EXCLUSIVE")
                with pytest.raises(Busy, match=r"harvester\.db"):
                    await call(archive)


async def test_locked_database_of_a_reader(tmp_path: Path) -> None:
    """A reader that a foreign lock outlasts ends as Busy."""
    await fill(tmp_path)
    with closing(sqlite3.connect(catalogue(tmp_path), isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Busy, match=r"harvester\.db"):
            connect_reader(catalogue(tmp_path), patience=0.01)


async def test_commit_waits_for_a_reader(tmp_path: Path) -> None:
    """A reader that holds a snapshot delays a put and does not fail it."""
    await fill(tmp_path)
    async with open_store(tmp_path) as archive:
        with closing(sqlite3.connect(catalogue(tmp_path), isolation_level=None)) as other:
            other.execute("BEGIN")
            other.execute("SELECT * FROM stories").fetchall()
            waiting = asyncio.ensure_future(archive.put(make_draft("2", "two")))
            await asyncio.sleep(0)
            other.execute("COMMIT")
        assert (await waiting).story_id == "2"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("CREATE TABLE theirs (x)", "another program"),
        ("PRAGMA application_id = 7", "another program"),
        (f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 99", "newer version"),
    ],
)
async def test_not_our_database(tmp_path: Path, script: str, message: str) -> None:
    """A foreign or newer database is refused by writer, reader and verify, and left as it is."""
    catalogue(tmp_path).parent.mkdir()
    with closing(sqlite3.connect(catalogue(tmp_path))) as other:
        other.executescript(script)
    before = catalogue(tmp_path).read_bytes()

    with pytest.raises(DatabaseUnusable, match=message):
        async with open_store(tmp_path):
            pass
    with pytest.raises(DatabaseUnusable, match=message):
        verify(tmp_path / "seeds", tmp_path / "state")
    assert before == catalogue(tmp_path).read_bytes()


@pytest.mark.parametrize("size", [1, 100, 5000, 30_000])
async def test_truncated_database(tmp_path: Path, size: int) -> None:
    """A database that was cut off is refused by the writer's start or by verify."""
    await fill(tmp_path)
    with catalogue(tmp_path).open("r+b") as file:
        file.truncate(size)

    with pytest.raises(DatabaseUnusable):
        verify(tmp_path / "seeds", tmp_path / "state")


async def test_flipped_bytes(tmp_path: Path) -> None:
    """A flipped byte makes verify refuse, report, or agree: never another kind of error."""
    await fill(tmp_path)
    whole = catalogue(tmp_path).read_bytes()
    for position in range(0, len(whole), len(whole) // 150):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        catalogue(tmp_path).write_bytes(damaged)
        with suppress(HarvesterError):
            verify(tmp_path / "seeds", tmp_path / "state")
            with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
                for call in READERS.values():
                    with suppress(KeyError):
                        call(reader)


def test_readers_never_make_a_catalogue(tmp_path: Path) -> None:
    """Reading where nothing is says so and makes nothing."""
    for repair in (False, True):
        with pytest.raises(DatabaseUnusable, match="no catalogue yet"):
            verify(tmp_path / "seeds", tmp_path / "state", repair=repair)
    with (
        pytest.raises(DatabaseUnusable, match="no catalogue yet"),
        open_archive(tmp_path / "seeds", tmp_path / "state"),
    ):
        pass

    assert list(tmp_path.iterdir()) == []


async def test_readers_cannot_write(tmp_path: Path) -> None:
    """The connection of a reader refuses to write."""
    await fill(tmp_path)
    with (
        closing(connect_reader(catalogue(tmp_path))) as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("DELETE FROM stories")


def test_older_catalogue(tmp_path: Path) -> None:
    """A reader asks for a writer to bring an older catalogue up to date; the writer does."""
    path = tmp_path / "harvester.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    with pytest.raises(DatabaseUnusable, match="older version"):
        connect_reader(path)
    connect_writer(path).close()
    connect_reader(path).close()


async def test_catalogue_of_version_1(tmp_path: Path) -> None:
    """A catalogue of the first release is brought up to date with all its data."""
    catalogue(tmp_path).parent.mkdir()
    with closing(sqlite3.connect(catalogue(tmp_path), isolation_level=None)) as connection:
        migrate(connection, 0, MIGRATIONS[:1])
        connection.executescript(VERSION_1)

    async with open_store(tmp_path) as archive:
        assert await archive.load_host("www.zaobao.com.sg") == HostState("robots", failures=0)
        due = await archive.due(NOON, Scope(), 9)
        assert [ref.story_id for ref, _ in due] == ["5", "4", "2"]
        states = [visit.state if visit else None for _, visit in due]
        assert states == [VisitState.PENDING, None, VisitState.FAILED]
        held = await archive.visit("1")
        assert held is not None
        assert (held.missing_since, held.published, held.lastmod) == (None, NOON, "2021-11-01")
        assert await archive.bury(held)
    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        assert [article.path for article in reader.articles()] == ["a.md"]
        assert [change.op for change in reader.changes()] == ["new", "gone"]
    kinds = {each.kind for each in verify(tmp_path / "seeds", tmp_path / "state").differences}
    assert Kind.CHANGED_ROW not in kinds, "rows of before are sealed as they were"


def test_migrations(tmp_path: Path) -> None:
    """A step that fails leaves the version and the tables of the step before it."""
    steps = ("CREATE TABLE a (x) STRICT", "CREATE TABLE b (x INTEGER) STRICT; SELECT nonsense")
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, 0, ("CREATE TABLE a (x INTEGER) STRICT", *steps[1:]))

        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        tables = connection.execute("SELECT name FROM sqlite_schema").fetchall()
        assert tables == [("a",)]


def test_writer_settings(tmp_path: Path) -> None:
    """The connection has the settings that are safe with this SQLite; tables are STRICT."""
    mode, _ = durability(sqlite3.sqlite_version_info)
    with closing(connect_writer(tmp_path / "harvester.db", patience=5)) as connection:
        settings = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in (
                "journal_mode",
                "synchronous",
                "foreign_keys",
                "busy_timeout",
                "application_id",
                "user_version",
            )
        }
        tables = connection.execute(
            "SELECT name, strict FROM pragma_table_list WHERE type = 'table' "
            "AND name NOT LIKE 'sqlite%'"
        ).fetchall()

    assert {
        "journal_mode": mode.lower(),
        "synchronous": 2 if mode == "WAL" else 3,
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "application_id": APPLICATION_ID,
        "user_version": len(MIGRATIONS),
    } == settings
    assert {1} == {strict for _, strict in tables}


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ((3, 40, 1), ("DELETE", "EXTRA")),
        ((3, 51, 2), ("DELETE", "EXTRA")),
        ((3, 51, 3), ("WAL", "FULL")),
        ((4, 0, 0), ("WAL", "FULL")),
    ],
)
def test_journal_mode(version: tuple[int, ...], expected: tuple[str, str]) -> None:
    """WAL is used only where it cannot corrupt."""
    assert expected == durability(version)


async def test_run_is_one_function_on_one_thread(tmp_path: Path) -> None:
    """A function runs whole, on a thread of its own, also when its caller is cancelled."""
    begun, go_on = threading.Event(), threading.Event()
    threads = []

    def slow(connection: sqlite3.Connection) -> None:
        begun.set()
        go_on.wait()
        threads.append(threading.get_ident())
        connection.execute("INSERT INTO dirty_folders VALUES ('a')")

    def count(connection: sqlite3.Connection) -> int:
        threads.append(threading.get_ident())
        return int(connection.execute("SELECT count(*) FROM dirty_folders").fetchone()[0])

    async with open_database(tmp_path / "harvester.db") as database:
        cancelled = asyncio.ensure_future(database.run(slow))
        await asyncio.to_thread(begun.wait)
        cancelled.cancel()
        counted = asyncio.ensure_future(database.run(count))
        go_on.set()
        assert await counted == 1

    assert cancelled.cancelled()
    assert len(set(threads)) == 1
    assert threading.get_ident() not in threads


async def test_unusable_state_folder(tmp_path: Path) -> None:
    """A state folder that cannot be made is a disk error with its name."""
    (tmp_path / "state").write_text("a file")

    with pytest.raises(DiskError, match="state"):
        async with open_store(tmp_path):
            pass
