"""A snapshot for Datasette and the like: one SQLite file with full-text search."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

from harvester.errors import DiskError
from harvester.handoff.export.about import About
from harvester.handoff.export.fields import FIELDS, Kind, cells
from harvester.handoff.record import Record
from harvester.handoff.search.segment import segment

APPLICATION_ID = 0x48415258  # "HARX": a snapshot is never taken for a catalogue
USER_VERSION = 1

_NUMBERS = frozenset({Kind.COUNT, Kind.NUMBER})
_COLUMNS = ", ".join(
    f"{field.name} "
    + ("INTEGER" if field.kind in _NUMBERS else "TEXT")
    + ("" if field.optional else " NOT NULL")
    + (" PRIMARY KEY" if field.name == "story_id" else "")
    for field in FIELDS
)
# The index holds parted characters, the table the text as it is: it is told of each row here, and
# Datasette finds it by the words `content="articles"`.
_TABLES = f"""
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA application_id = {APPLICATION_ID};
    PRAGMA user_version = {USER_VERSION};
    CREATE TABLE articles ({_COLUMNS});
    CREATE VIRTUAL TABLE articles_fts
        USING fts5(title, text, content="articles", tokenize="unicode61");
    CREATE TABLE meta (
        last_seq INTEGER NOT NULL,
        version TEXT NOT NULL,
        exported_at TEXT NOT NULL,
        selection TEXT NOT NULL
    );
"""
_FINISH = """
    CREATE INDEX articles_by_published ON articles (published);
    CREATE INDEX articles_by_section ON articles (section);
    INSERT INTO articles_fts (articles_fts) VALUES ('optimize');
    VACUUM;
"""
_INSERT = f"INSERT INTO articles VALUES ({', '.join('?' for _ in FIELDS)})"  # noqa: S608
_INDEX = "INSERT INTO articles_fts (rowid, title, text) VALUES (?, ?, ?)"


def write(records: Iterable[Record], sink: BinaryIO, about: About, scratch: Path) -> None:
    """Write stories as an SQLite file.

    It is made in the folder `scratch`, and SQLite needs as much room again in its temporary folder.
    Raises OSError as the sink does, and DiskError where one of these has no room.
    """
    with _disk_errors(scratch):
        file, connection = _nameless(scratch)
    with file:
        with closing(connection), _disk_errors(scratch):
            _fill(connection, records, about)
        shutil.copyfileobj(file, sink)


def _nameless(folder: Path) -> tuple[BinaryIO, sqlite3.Connection]:
    """Return a new file and a connection to it; it has no name, so nothing of it is ever left."""
    handle, name = tempfile.mkstemp(prefix=".harvester-", suffix=".tmp", dir=folder)
    try:
        return os.fdopen(handle, "rb"), sqlite3.connect(name, isolation_level=None)
    finally:
        Path(name).unlink()


def _fill(connection: sqlite3.Connection, records: Iterable[Record], about: About) -> None:
    connection.executescript(_TABLES)
    connection.execute("BEGIN")
    for record in records:
        row = connection.execute(_INSERT, cells(record)).lastrowid
        connection.execute(_INDEX, (row, segment(record.title), segment(record.text)))
    connection.execute(
        "INSERT INTO meta (version, last_seq, exported_at, selection) VALUES (?,?,?,?)",
        tuple(about.texts().values()),
    )
    connection.execute("COMMIT")
    connection.executescript(_FINISH)


@contextmanager
def _disk_errors(scratch: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.OperationalError, OSError) as problem:
        raise DiskError(
            f"{scratch}: the snapshot cannot be made here ({problem}); it needs room here and in "
            "the temporary folder (SQLITE_TMPDIR)"
        ) from problem
