"""Values of the model to rows of the catalogue and back: visits, sources, hosts, runs.

The functions run inside the caller's transaction. Instants are texts `YYYY-MM-DDTHH:MM:SSZ`, so
their order as text is their order in time; microseconds are dropped.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from harvester.model import (
    Access,
    Counts,
    HostState,
    Known,
    SourceState,
    Validators,
    Visit,
    VisitState,
)

PAGE = 1000
_SECONDS = len("YYYY-MM-DDTHH:MM:SS")

VISIT = (
    "story_id, url, state, checked_at, reason, failures, next_check_at, etag, last_modified, "
    "lastmod, published, missing_since"
)
_Word = TypeVar("_Word", bound=StrEnum)
_Key = TypeVar("_Key", str, int, tuple[str, int], tuple[str, str])


def stamp(at: datetime) -> str:
    """Return an aware instant as text. Raises ValueError for a naive one."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    there = at if at.tzinfo is UTC else at.astimezone(UTC)
    return f"{there.isoformat()[:_SECONDS]}Z"


def instant(text: str) -> datetime:
    """Return the instant of a text. Raises sqlite3.DataError: the row is damaged."""
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise sqlite3.DataError(f"{text!r} is no instant") from error


def word(kind: type[_Word], text: str) -> _Word:
    """Return a member of an enumeration. Raises sqlite3.DataError: the row is damaged."""
    try:
        return kind(text)
    except ValueError as error:
        raise sqlite3.DataError(f"{text!r} is no {kind.__name__}") from error


def further(last: _Key, found: _Key) -> _Key:
    """Return the key after which to read on. Raises sqlite3.DataError: rows lie out of order.

    A damaged index could give the same rows again and again.
    """
    if not found > last:
        raise sqlite3.DataError(f"{found!r} comes after {last!r}: rows out of order")
    return found


def stamp_or_none(at: datetime | None) -> str | None:
    """Return an aware instant as text, None as NULL."""
    return stamp(at) if at else None


def _stamp_after(at: datetime | None) -> str | None:
    """Return the next whole second: a pause must not be shortened by being written down."""
    return stamp(at + timedelta(microseconds=999_999)) if at else None


def instant_or_none(text: str | None) -> datetime | None:
    """Return the instant of a text, None for NULL. Raises as `instant`."""
    return instant(text) if text is not None else None


# --- what a verdict needs ---


def known(connection: sqlite3.Connection, story_id: str) -> Known | None:
    """Return what is held of a story."""
    row = connection.execute(
        "SELECT content_hash, observed_at, access, sha256 FROM stories WHERE story_id = ?",
        (story_id,),
    ).fetchone()
    if row is None:
        return None
    hashes = connection.execute(
        "SELECT content_hash FROM revisions WHERE story_id = ?", (story_id,)
    )
    held = frozenset(hash_ for (hash_,) in hashes)
    return Known(row[0], instant(row[1]), held, word(Access, row[2]), row[3])


def twin(connection: sqlite3.Connection, content_hash: str, story_id: str) -> str | None:
    """Return another story whose current text has this hash, the smallest id of several."""
    row = connection.execute(
        "SELECT min(story_id) FROM stories WHERE content_hash = ? AND story_id <> ?",
        (content_hash, story_id),
    ).fetchone()
    return None if row[0] is None else str(row[0])


# --- visits ---


def write_visit(connection: sqlite3.Connection, visit: Visit) -> None:
    """Replace what is known of the last look at a story; say whether it still waits for one."""
    connection.execute(
        f"INSERT OR REPLACE INTO visits ({VISIT}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
        (
            visit.story_id,
            visit.url,
            visit.state,
            stamp(visit.checked_at),
            visit.reason,
            visit.failures,
            stamp_or_none(visit.next_check_at),
            visit.validators.etag,
            visit.validators.last_modified,
            visit.lastmod,
            stamp_or_none(visit.published),
            stamp_or_none(visit.missing_since),
        ),
    )
    waiting = visit.state is VisitState.PENDING and visit.next_check_at is None
    connection.execute(
        "UPDATE sightings SET waiting = :waiting WHERE story_id = :story AND waiting <> :waiting",
        {"waiting": int(waiting), "story": visit.story_id},
    )


def read_visit(connection: sqlite3.Connection, story_id: str) -> Visit | None:
    """Return the last look at a story."""
    row = connection.execute(
        f"SELECT {VISIT} FROM visits WHERE story_id = ?",  # noqa: S608
        (story_id,),
    ).fetchone()
    return visit_of(row) if row else None


def visit_of(row: Sequence[Any]) -> Visit:
    """Return the visit in the columns `VISIT`."""
    story_id, url, state, checked_at, reason, failures, next_check_at, etag, *rest = row
    last_modified, lastmod, published, missing_since = rest
    return Visit(
        story_id,
        url,
        word(VisitState, state),
        instant(checked_at),
        reason,
        failures,
        instant_or_none(next_check_at),
        Validators(etag, last_modified),
        lastmod,
        instant_or_none(published),
        instant_or_none(missing_since),
    )


def release(connection: sqlite3.Connection, reason: str, now: datetime) -> int:
    """Make all stories due whose last visit has a reason that begins so; return how many."""
    return connection.execute(
        "UPDATE visits SET next_check_at = :now WHERE substr(reason, 1, length(:reason)) = :reason",
        {"now": stamp(now), "reason": reason},
    ).rowcount


# --- sources, hosts, runs ---


def write_source(connection: sqlite3.Connection, source: SourceState) -> None:
    """Replace what is remembered of a sitemap or a listing."""
    connection.execute(
        "INSERT OR REPLACE INTO sources (url, etag, last_modified, checked_at, lastmod, newest) "
        "VALUES (?,?,?,?,?,?)",
        (
            source.url,
            source.validators.etag,
            source.validators.last_modified,
            stamp_or_none(source.checked_at),
            source.lastmod,
            source.newest.isoformat() if source.newest else None,
        ),
    )


def read_sources(connection: sqlite3.Connection, url: str | None = None) -> list[SourceState]:
    """Return what is remembered of one source, or of all in the order of their addresses."""
    rows = connection.execute(
        "SELECT url, etag, last_modified, checked_at, lastmod, newest FROM sources "
        "WHERE :url IS NULL OR url = :url ORDER BY url",
        {"url": url},
    )
    return [
        SourceState(
            address,
            Validators(etag, modified),
            instant_or_none(checked_at),
            lastmod,
            date.fromisoformat(newest) if newest else None,
        )
        for address, etag, modified, checked_at, lastmod, newest in rows
    ]


def write_host(connection: sqlite3.Connection, host: str, state: HostState) -> None:
    """Replace what is remembered of a host."""
    connection.execute(
        "INSERT OR REPLACE INTO hosts (host, robots, robots_at, rest_until, asked_at, failures) "
        "VALUES (?,?,?,?,?,?)",
        (
            host,
            state.robots,
            stamp_or_none(state.robots_at),
            _stamp_after(state.rest_until),
            _stamp_after(state.asked_at),
            state.failures,
        ),
    )


def read_host(connection: sqlite3.Connection, host: str) -> HostState:
    """Return what is remembered of a host; an empty state if nothing is."""
    row = connection.execute(
        "SELECT robots, robots_at, rest_until, asked_at, failures FROM hosts WHERE host = ?",
        (host,),
    ).fetchone()
    if row is None:
        return HostState()
    robots, robots_at, rest_until, asked_at, failures = row
    return HostState(
        robots,
        instant_or_none(robots_at),
        instant_or_none(rest_until),
        instant_or_none(asked_at),
        failures,
    )


def begin_run(connection: sqlite3.Connection, command: str, now: datetime) -> int:
    """Note the start of a run and return its number."""
    cursor = connection.execute(
        "INSERT INTO runs (command, started_at) VALUES (?, ?)", (command, stamp(now))
    )
    return int(cursor.lastrowid or 0)


def end_run(
    connection: sqlite3.Connection, run_id: int, counts: Counts, outcome: str, now: datetime
) -> None:
    """Note the end of a run."""
    connection.execute(
        "UPDATE runs SET ended_at = ?, counts = ?, outcome = ? WHERE id = ?",
        (stamp(now), json.dumps(counts.as_json()), outcome, run_id),
    )


# --- folders that a killed writer may have left half done ---


def dirty_folders(connection: sqlite3.Connection) -> list[str]:
    """Return the folders into which the last writers put files without a clean end."""
    return [folder for (folder,) in connection.execute("SELECT folder FROM dirty_folders")]


def mark_dirty(connection: sqlite3.Connection, folders: Iterable[str]) -> None:
    """Record folders into which files are about to be put."""
    connection.executemany(
        "INSERT OR IGNORE INTO dirty_folders (folder) VALUES (?)",
        [(folder,) for folder in sorted(folders)],
    )


def clear_dirty(connection: sqlite3.Connection) -> None:
    """Record that every file has its row."""
    # Without a condition SQLite empties the table as a whole, and writes even where there is none.
    connection.execute("DELETE FROM dirty_folders WHERE folder IS NOT NULL")
