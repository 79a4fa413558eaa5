"""What each consumer has had: one number by name, in a small database of its own.

The catalogue has one writer, and consumers come and go beside it, so theirs is another file:
`state/consumers.db`. Losing it costs nothing but hearing everything again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from harvester import store
from harvester.errors import DatabaseUnusable
from harvester.store import Change

CONSUMERS = "consumers.db"
# What is told where the change log is another one, and what to do then.
REPLACED = "the catalogue was restored from an older copy or built anew"
AGAIN = "begin again with --since 0"
_PATIENCE = 10.0
_WAY_OUT = "remove it, and consumers begin anew, hooks with what comes then"
TABLES = """
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
    """The change log is not the one that was read: an older copy, or built anew (exit 65)."""


@dataclass(frozen=True, slots=True)
class Position:
    """The place of an entry, such as the last one that a consumer has had.

    Story and time tell it from an entry of another log that has the same number.
    """

    seq: int
    story_id: str
    at: datetime

    @classmethod
    def of(cls, entry: Change) -> Position:
        """Return the place of an entry."""
        return cls(entry.seq, entry.story_id, entry.at)


class Consumers:
    """The positions of all consumers. Made by `open_consumers`.

    Every method raises Busy, DiskError and DatabaseUnusable.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def position(self, name: str) -> Position | None:
        """Return the last entry a consumer has had, None if it has had none."""
        with guarded(self._path):
            row = self._connection.execute(
                "SELECT seq, story_id, at FROM consumers WHERE name = ?", (name,)
            ).fetchone()
            return Position(row[0], row[1], store.instant(row[2])) if row else None

    def remember(self, name: str, last: Change) -> None:
        """Note durably that a consumer has had an entry and all before it."""
        with guarded(self._path):
            self._connection.execute(
                "INSERT OR REPLACE INTO consumers (name, seq, story_id, at) VALUES (?,?,?,?)",
                (name, last.seq, last.story_id, last.at.isoformat()),
            )

    def forget(self, name: str) -> None:
        """Let a consumer begin anew."""
        with guarded(self._path):
            self._connection.execute("DELETE FROM consumers WHERE name = ?", (name,))


def begin_after(archive: Log, who: str, position: Position | None, way_out: str = AGAIN) -> int:
    """Return the number after which a consumer goes on that has had all up to `position`.

    Raises `ConsumerLost`, which names `who` and the `way_out`, where the log does not have that
    entry: going on by the number alone could leave out changes.
    """
    if position is None:
        return 0
    if holds(archive, position):
        return position.seq
    raise ConsumerLost(
        f"{who} has had entry {position.seq} of another change log: {REPLACED}; {way_out}"
    )


def holds(archive: Log, position: Position) -> bool:
    """Return whether the change log has this very entry."""
    entry = entry_at(archive, position.seq)
    return entry is not None and Position.of(entry) == position


def entry_before(archive: Log, since: int) -> Change | None:
    """Return the entry after which somebody wants to go on; None at the beginning (0).

    Raises `ConsumerLost` where the log has no such entry: what came before it would be left out.
    """
    entry = entry_at(archive, since)
    if since and entry is None:
        raise ConsumerLost(
            f"the change log has no entry {since}: a wrong number, or {REPLACED}; {AGAIN}"
        )
    return entry


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
    with connected(path, TABLES, patience) as connection:
        yield Consumers(connection, path)


@contextmanager
def connected(
    path: Path, tables: str, patience: float, *, make: bool = True
) -> Iterator[sqlite3.Connection]:
    """Open the file, with `tables` made where they are missing; durable. Raises as `guarded`.

    Without `make` a missing file stays missing, and an empty one is seen.
    """
    place = path if make or path.exists() else ":memory:"
    with guarded(path):
        connection = sqlite3.connect(place, isolation_level=None, timeout=patience)
    with closing(connection):
        with guarded(path):
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(tables)
        yield connection


def guarded(path: Path) -> AbstractContextManager[None]:
    """Turn what SQLite reports into Busy, DiskError and DatabaseUnusable."""
    return store.guarded(path, _WAY_OUT)
