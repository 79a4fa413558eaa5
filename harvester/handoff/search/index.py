"""The search index: a database of its own beside the catalogue, which has one writer.

`state/search.db` follows from the archive and may be removed at any time. The full-text table is
contentless: it holds where each word stands, and no text (what it would keep is the segmented
text, half as long again as the text itself). SQLite before 3.43 takes a row out of such a table
only by being told its old words, so the text is kept beside it, where snippets come from as well.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harvester.errors import DatabaseUnusable, DiskError
from harvester.handoff.consumers import Position
from harvester.handoff.search.segment import VERSION, segment
from harvester.store import guarded, instant

if TYPE_CHECKING:
    from harvester.handoff.record import Record

SEARCH = "search.db"
_APPLICATION_ID = 0x48415253  # "HARS"
_PATIENCE = 5.0
# Texts have a table of their own, so that filters read small rows. In `words` the text comes first:
# places in the first column take two bytes less each time, a quarter of the index. What a word is
# has been decided before: the tokenizer `ascii` parts at blanks and takes all else that comes.
_TABLES = f"""
    BEGIN IMMEDIATE;
    PRAGMA application_id = {_APPLICATION_ID};
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY,
        story_id TEXT NOT NULL UNIQUE,
        title TEXT NOT NULL,
        url TEXT NOT NULL,
        path TEXT NOT NULL,
        published INTEGER NOT NULL,
        section TEXT NOT NULL,
        access TEXT NOT NULL,
        gone_at INTEGER
    ) STRICT;
    CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
    CREATE VIRTUAL TABLE words USING fts5 (text, title, content='', tokenize='ascii');
    CREATE TABLE about (
        version TEXT NOT NULL DEFAULT '{VERSION}',
        seq INTEGER,
        story_id TEXT,
        at TEXT
    ) STRICT;
    INSERT INTO about DEFAULT VALUES;
    COMMIT;
"""


class IndexUnusable(DatabaseUnusable):
    """The index is damaged, foreign, or made by other rules or from another archive."""


@dataclass(frozen=True, slots=True)
class Index:
    """The index open for one purpose. Made by `open_index` and `open_index_for_writing`.

    Whatever goes wrong while it is open is raised as Busy, DiskError or IndexUnusable.
    """

    connection: sqlite3.Connection

    def position(self) -> Position | None:
        """Return the last entry of the change log that is in the index, None if there is none."""
        row = self.connection.execute("SELECT seq, story_id, at FROM about").fetchone()
        if row is None or row[0] is None:
            return None
        try:
            return Position(row[0], row[1], instant(row[2]))
        except (TypeError, ValueError) as problem:
            raise sqlite3.DataError(f"{row[2]!r} is no instant") from problem

    def take(self, batch: Sequence[Record], position: Position | None) -> None:
        """Take stories up as they stand now, and note how far this brings the index."""
        with self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            for record in batch:
                self._put(record)
            if position:
                self.connection.execute(
                    "UPDATE about SET seq = ?, story_id = ?, at = ?",
                    (position.seq, position.story_id, position.at.isoformat()),
                )

    def _put(self, record: Record) -> None:
        number = self._forget(record.story_id)
        (number,) = self.connection.execute(
            "INSERT INTO documents "
            "(id, story_id, title, url, path, published, section, access, gone_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            (
                number,
                record.story_id,
                record.title,
                record.url,
                record.path,
                int(record.published.timestamp()),
                record.section,
                record.access.value,
                int(record.gone_at.timestamp()) if record.gone_at else None,
            ),
        ).fetchone()
        self.connection.execute("INSERT INTO texts VALUES (?, ?)", (number, record.text))
        self.connection.execute(
            "INSERT INTO words (rowid, text, title) VALUES (?, ?, ?)",
            (number, segment(record.text), segment(record.title)),
        )

    def _forget(self, story_id: str) -> int | None:
        """Take a story out; return the number it had."""
        found = self.connection.execute(
            "SELECT id, title, text FROM documents JOIN texts USING (id) WHERE story_id = ?",
            (story_id,),
        ).fetchone()
        if found is None:
            return None
        number, title, text = found
        self.connection.execute(
            "INSERT INTO words (words, rowid, text, title) VALUES ('delete', ?, ?, ?)",
            (number, segment(text), segment(title)),
        )
        self.connection.execute("DELETE FROM texts WHERE id = ?", (number,))
        self.connection.execute("DELETE FROM documents WHERE id = ?", (number,))
        return int(number)


@contextmanager
def open_index(path: Path) -> Iterator[Index]:
    """Open the index for reading. Raises DiskError where there is none, Busy, IndexUnusable."""
    with _opened(path) as connection:
        connection.execute("PRAGMA query_only = ON")
        yield Index(connection)


@contextmanager
def open_index_for_writing(path: Path) -> Iterator[Index]:
    """Open the index for the one who may write; it is made where it is missing.

    Raises DiskError, Busy, IndexUnusable.
    """
    if not path.exists():
        _make(path)
    with _opened(path) as connection:
        # A power cut must not leave a torn file; the last batch it may take.
        connection.execute("PRAGMA synchronous = NORMAL")
        # Written pages stay in memory until the commit: only then must readers wait.
        connection.execute("PRAGMA cache_spill = OFF")
        yield Index(connection)


def remove_index(path: Path) -> None:
    """Remove the index. Those who read it go on reading what they have open."""
    try:
        # The journal first: beside a new file it would be rolled back into that one.
        path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    except OSError as problem:
        raise DiskError(f"{path}: cannot be removed: {problem.strerror}") from problem


def _make(path: Path) -> None:
    with _guarded(path), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(_TABLES)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    address = f"{path.absolute().as_uri()}?mode=rw"
    with _guarded(path):
        connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=_PATIENCE)
        with closing(connection):
            _identify(connection, path)
            yield connection


def _identify(connection: sqlite3.Connection, path: Path) -> None:
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    if owner != _APPLICATION_ID:
        raise IndexUnusable(f"{path}: no search index of this program")
    (version,) = connection.execute("SELECT version FROM about").fetchone() or (None,)
    if version != VERSION:
        raise IndexUnusable(f"{path}: made by other rules ({version}, now {VERSION})")


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    """Turn what SQLite reports about the index into our errors.

    Raises Busy, DiskError, and IndexUnusable for everything else: it can be made again.
    """
    try:
        with guarded(path, "it follows from the archive", IndexUnusable):
            yield
    except sqlite3.IntegrityError as problem:  # damage, since nothing is written twice
        raise IndexUnusable(f"{path}: {problem}") from problem
