"""What each consumer has had: one number by name, in a small database of its own.

The catalogue has one writer, and consumers come and go beside it, so theirs is another file:
`state/consumers.db`. Losing it costs nothing but hearing everything again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from harvester.errors import Busy, DatabaseUnusable, DiskError
from harvester.store import Change

CONSUMERS = "consumers.db"
_PATIENCE = 10.0
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_TABLES = """
    CREATE TABLE IF NOT EXISTS consumers (
        name TEXT PRIMARY KEY,
        seq INTEGER NOT NULL,
        story_id TEXT NOT NULL,
        at TEXT NOT NULL
    ) STRICT;
"""


class Log(Protocol):
    """What is asked of an archive here."""

    def changes(self, since: int = 0) -> Iterator[Change]:
        """Return the entries of the change log after `since`, oldest first."""


class ConsumerLost(DatabaseUnusable):
    """The change log is not the one a consumer has read: an older copy, or built anew (exit 65)."""


@dataclass(frozen=True, slots=True)
class Position:
    """The last entry that a consumer has had; story and time tell it from one of another log."""

    seq: int
    story_id: str
    at: datetime


class Consumers:
    """The positions of all consumers. Made by `open_consumers`.

    Every method raises Busy, DiskError and DatabaseUnusable.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def position(self, name: str) -> Position | None:
        """Return the last entry a consumer has had, None if it has had none."""
        with _guarded(self._path):
            row = self._connection.execute(
                "SELECT seq, story_id, at FROM consumers WHERE name = ?", (name,)
            ).fetchone()
            return Position(row[0], row[1], datetime.fromisoformat(row[2])) if row else None

    def remember(self, name: str, last: Change) -> None:
        """Note durably that a consumer has had an entry and all before it."""
        with _guarded(self._path):
            self._connection.execute(
                "INSERT OR REPLACE INTO consumers (name, seq, story_id, at) VALUES (?,?,?,?)",
                (name, last.seq, last.story_id, last.at.isoformat()),
            )

    def forget(self, name: str) -> None:
        """Let a consumer begin anew."""
        with _guarded(self._path):
            self._connection.execute("DELETE FROM consumers WHERE name = ?", (name,))


def begin_after(archive: Log, name: str, position: Position | None) -> int:
    """Return the number after which a consumer goes on.

    Raises `ConsumerLost` where the log does not have the entry that it has had: going on by the
    number alone could leave out changes.
    """
    if position is None:
        return 0
    entry = entry_at(archive, position.seq)
    if entry and Position(entry.seq, entry.story_id, entry.at) == position:
        return position.seq
    raise ConsumerLost(
        f"consumer {name!r} has had entry {position.seq} of another change log: the catalogue was "
        "restored from an older copy or built anew; begin again with --since 0"
    )


def entry_at(archive: Log, seq: int) -> Change | None:
    """Return the entry of the change log with this number, if there is one."""
    entry = next(archive.changes(seq - 1), None)
    return entry if entry and entry.seq == seq else None


@contextmanager
def open_consumers(state: Path, patience: float = _PATIENCE) -> Iterator[Consumers]:
    """Open `state/consumers.db`; it is made where it is missing, its folder is not.

    `patience` is how long each step waits for other consumers, in seconds.
    """
    path = state / CONSUMERS
    with _guarded(path):
        connection = sqlite3.connect(path, isolation_level=None, timeout=patience)
    with closing(connection):
        with _guarded(path):
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(_TABLES)
        yield Consumers(connection, path)


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as problem:
        kind = Busy if problem.sqlite_errorcode & 0xFF in _BUSY else DiskError
        raise kind(f"{path}: {problem}") from problem
    except (sqlite3.DatabaseError, ValueError) as problem:
        raise DatabaseUnusable(
            f"{path}: {problem}; remove it, and consumers begin anew"
        ) from problem
