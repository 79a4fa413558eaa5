"""Rows of what the daemon does again and again: watches and the polls of them, and its notes."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from harvester.model import Poll, Validators, Watch
from harvester.store.rows import instant, instant_or_none, stamp, stamp_or_none

_WATCH = (
    "name, url, etag, last_modified, checked_at, next_check_at, pause, failures, newest, problem"
)
# A poll that has been begun, and for ever one that a kill cut off.
_UNFINISHED = "not finished"
_KEPT = timedelta(days=60)
_HOURS = 24


def write_watch(connection: sqlite3.Connection, watch: Watch) -> None:
    """Replace what is remembered of a watch."""
    connection.execute(
        f"INSERT OR REPLACE INTO watches ({_WATCH}) VALUES (?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
        (
            watch.name,
            watch.url,
            watch.validators.etag,
            watch.validators.last_modified,
            stamp_or_none(watch.checked_at),
            stamp_or_none(watch.next_check_at),
            watch.pause,
            watch.failures,
            stamp_or_none(watch.newest),
            watch.problem,
        ),
    )


def read_watches(connection: sqlite3.Connection) -> list[Watch]:
    """Return all watches, by name."""
    rows = connection.execute(f"SELECT {_WATCH} FROM watches ORDER BY name")  # noqa: S608
    return [_watch(row) for row in rows]


def _watch(row: Sequence[Any]) -> Watch:
    name, url, etag, last_modified, checked_at, next_check_at, pause, failures, *rest = row
    newest, problem = rest
    return Watch(
        name,
        url,
        Validators(etag, last_modified),
        instant_or_none(checked_at),
        instant_or_none(next_check_at),
        pause,
        failures,
        instant_or_none(newest),
        problem,
    )


def claim(connection: sqlite3.Connection, watch: str, slot: datetime, at: datetime) -> bool:
    """Note that a poll of this slot has begun; return False if one had begun before."""
    cursor = connection.execute(
        "INSERT OR IGNORE INTO polls (watch, slot, at, cards, fresh, problem) VALUES (?,?,?,0,0,?)",
        (watch, stamp(slot), stamp(at), _UNFINISHED),
    )
    return cursor.rowcount == 1


def write_poll(connection: sqlite3.Connection, poll: Poll) -> None:
    """Note how a poll ended; forget those of its watch that are older than 60 days."""
    connection.execute(
        "INSERT OR REPLACE INTO polls (watch, slot, at, cards, fresh, problem) "
        "VALUES (?,?,?,?,?,?)",
        (poll.watch, stamp(poll.slot), stamp(poll.at), poll.cards, poll.fresh, poll.problem),
    )
    connection.execute(
        "DELETE FROM polls WHERE watch = ? AND at < ?", (poll.watch, stamp(poll.at - _KEPT))
    )


def read_polls(connection: sqlite3.Connection, since: datetime) -> list[Poll]:
    """Return the polls of all watches made since then, oldest first."""
    rows = connection.execute(
        "SELECT watch, slot, at, cards, fresh, p.problem FROM watches JOIN polls p ON watch = name "
        "WHERE at >= ? ORDER BY at, watch",
        (stamp(since),),
    )
    return [Poll(watch, instant(slot), instant(at), *rest) for watch, slot, at, *rest in rows]


def hours(
    connection: sqlite3.Connection, watch: str, since: datetime, now: datetime
) -> tuple[float, ...]:
    """Return how many fresh stories each hour of the Singapore day (UTC+8) brought on average.

    24 means over the days on which a list was read in that hour; NaN where it never was. Looks
    after a pause of more than two hours are left out: what they found had gathered meanwhile.
    """
    means = [math.nan] * _HOURS
    for hour, mean in connection.execute(
        "SELECT CAST(strftime('%H', at, '+8 hours') AS INTEGER), "
        "CAST(sum(fresh) AS REAL) / count(DISTINCT date(at, '+8 hours')) "
        "FROM (SELECT at, fresh, lag(at) OVER (ORDER BY at) AS before FROM polls "
        "WHERE watch = ? AND at BETWEEN ? AND ? AND problem = '') "
        "WHERE julianday(at) - julianday(before) <= 2 / 24.0 GROUP BY 1",
        (watch, stamp(since), stamp(now)),
    ):
        means[hour] = mean
    return tuple(means)


def last_fresh(connection: sqlite3.Connection, watch: str) -> datetime | None:
    """Return when a watch last brought something."""
    row = connection.execute(
        "SELECT at FROM polls WHERE watch = ? AND fresh > 0 ORDER BY at DESC LIMIT 1", (watch,)
    ).fetchone()
    return instant(row[0]) if row else None


def write_note(connection: sqlite3.Connection, name: str, text: str, now: datetime) -> None:
    """Replace a note."""
    connection.execute(
        "INSERT OR REPLACE INTO notes (name, value, at) VALUES (?,?,?)", (name, text, stamp(now))
    )


def read_note(connection: sqlite3.Connection, name: str) -> str | None:
    """Return the text of a note."""
    row = connection.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def take_notes(connection: sqlite3.Connection, prefix: str) -> list[str]:
    """Remove the notes whose names begin so; return the names, in order."""
    condition, values = "WHERE substr(name, 1, ?) = ?", (len(prefix), prefix)
    found = connection.execute(f"SELECT name FROM notes {condition} ORDER BY name", values)  # noqa: S608
    names = [str(name) for (name,) in found]
    connection.execute(f"DELETE FROM notes {condition}", values)  # noqa: S608
    return names
