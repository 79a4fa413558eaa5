"""Values of the model to rows of the catalogue and back: every statement the archive runs.

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
    Scope,
    SourceState,
    StoryRef,
    Validators,
    Visit,
    VisitState,
)

PAGE = 1000

_VISIT = (
    "story_id, url, state, checked_at, reason, failures, next_check_at, etag, last_modified, "
    "lastmod, published"
)
_Word = TypeVar("_Word", bound=StrEnum)


def stamp(at: datetime) -> str:
    """Return an aware instant as text. Raises ValueError for a naive one."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


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


def _stamp_or_none(at: datetime | None) -> str | None:
    return stamp(at) if at else None


def _stamp_after(at: datetime | None) -> str | None:
    """Return the next whole second: a pause must not be shortened by being written down."""
    return stamp(at + timedelta(microseconds=999_999)) if at else None


def _instant_or_none(text: str | None) -> datetime | None:
    return instant(text) if text is not None else None


# --- what a verdict needs ---


def known(connection: sqlite3.Connection, story_id: str) -> Known | None:
    """Return what is held of a story."""
    row = connection.execute(
        "SELECT content_hash, observed_at, access FROM stories WHERE story_id = ?", (story_id,)
    ).fetchone()
    if row is None:
        return None
    hashes = connection.execute(
        "SELECT content_hash FROM revisions WHERE story_id = ?", (story_id,)
    )
    held = frozenset(hash_ for (hash_,) in hashes)
    return Known(row[0], instant(row[1]), held, word(Access, row[2]))


def twin(connection: sqlite3.Connection, content_hash: str, story_id: str) -> str | None:
    """Return another story whose current text has this hash, the smallest id of several."""
    row = connection.execute(
        "SELECT min(story_id) FROM stories WHERE content_hash = ? AND story_id <> ?",
        (content_hash, story_id),
    ).fetchone()
    return None if row[0] is None else str(row[0])


# --- visits ---


def write_visit(connection: sqlite3.Connection, visit: Visit) -> None:
    """Replace what is known of the last look at a story."""
    connection.execute(
        f"INSERT OR REPLACE INTO visits ({_VISIT}) VALUES (?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
        (
            visit.story_id,
            visit.url,
            visit.state,
            stamp(visit.checked_at),
            visit.reason,
            visit.failures,
            _stamp_or_none(visit.next_check_at),
            visit.validators.etag,
            visit.validators.last_modified,
            visit.lastmod,
            _stamp_or_none(visit.published),
        ),
    )


def read_visit(connection: sqlite3.Connection, story_id: str) -> Visit | None:
    """Return the last look at a story."""
    row = connection.execute(
        f"SELECT {_VISIT} FROM visits WHERE story_id = ?",  # noqa: S608
        (story_id,),
    ).fetchone()
    return _visit(row) if row else None


def _visit(row: Sequence[Any]) -> Visit:
    story_id, url, state, checked_at, reason, failures, next_check_at, etag, *rest = row
    last_modified, lastmod, published = rest
    return Visit(
        story_id,
        url,
        word(VisitState, state),
        instant(checked_at),
        reason,
        failures,
        _instant_or_none(next_check_at),
        Validators(etag, last_modified),
        lastmod,
        _instant_or_none(published),
    )


# --- sightings ---


def write_sightings(connection: sqlite3.Connection, refs: Sequence[StoryRef], now: datetime) -> int:
    """Add addresses, keep the newest hint of a change; return how many were new.

    A source without hints (`lastmod` None) does not wipe out the hint of another.
    """
    seen = stamp(now)
    added = connection.executemany(
        "INSERT OR IGNORE INTO sightings (url, story_id, section, day, lastmod, first_seen) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [(r.url, r.story_id, r.section, r.day.isoformat(), r.lastmod, seen) for r in refs],
    ).rowcount
    connection.executemany(
        "UPDATE sightings SET lastmod = :hint WHERE url = :url AND lastmod IS NOT :hint",
        [{"hint": r.lastmod, "url": r.url} for r in refs if r.lastmod is not None],
    )
    return max(added, 0)  # -1 when there was nothing to add


def _in_scope(scope: Scope) -> tuple[str, list[str]]:
    """Return the condition of a scope on `s` (sightings), without outside text, and its values."""
    conditions, values = ["TRUE"], []
    if scope.since:
        conditions.append("s.day >= ?")
        values.append(scope.since.isoformat())
    if scope.until:
        conditions.append("s.day <= ?")
        values.append(scope.until.isoformat())
    if scope.sections:
        # '0' is the character after '/': the range holds all that begins with `section/`.
        one = "s.section = ? OR (s.section > ? AND s.section < ?)"
        conditions.append("(" + " OR ".join([one] * len(scope.sections)) + ")")
        for section in scope.sections:
            values += [section, f"{section}/", f"{section}0"]
    return " AND ".join(conditions), values


def count_sightings(connection: sqlite3.Connection, scope: Scope) -> int:
    """Return how many addresses are in a scope."""
    condition, values = _in_scope(scope)
    (count,) = connection.execute(
        f"SELECT count(*) FROM sightings s WHERE {condition}",  # noqa: S608
        values,
    ).fetchone()
    return int(count)


def work_page(
    connection: sqlite3.Connection, scope: Scope, after: StoryRef | None
) -> list[tuple[StoryRef, Visit | None]]:
    """Return the next page of addresses after one, the latest day first, with their visits."""
    condition, values = _in_scope(scope)
    if after:
        condition += " AND (s.day, s.url) < (?, ?)"
        values += [after.day.isoformat(), after.url]
    columns = ", ".join(f"v.{column}" for column in _VISIT.split(", "))
    rows = connection.execute(
        f"SELECT s.story_id, s.url, s.section, s.day, s.lastmod, {columns} "  # noqa: S608
        "FROM sightings s LEFT JOIN visits v USING (story_id) "
        f"WHERE {condition} ORDER BY s.day DESC, s.url DESC LIMIT {PAGE}",
        values,
    )
    return [(_ref(row[:5]), _visit(row[5:]) if row[5] else None) for row in rows]


def _ref(row: Sequence[Any]) -> StoryRef:
    story_id, url, section, day, lastmod = row
    try:
        return StoryRef(story_id, url, section, date.fromisoformat(day), lastmod)
    except ValueError as error:
        raise sqlite3.DataError(f"{day!r} is no day") from error


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
            _stamp_or_none(source.checked_at),
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
            _instant_or_none(checked_at),
            lastmod,
            date.fromisoformat(newest) if newest else None,
        )
        for address, etag, modified, checked_at, lastmod, newest in rows
    ]


def write_host(connection: sqlite3.Connection, host: str, state: HostState) -> None:
    """Replace what is remembered of a host."""
    connection.execute(
        "INSERT OR REPLACE INTO hosts (host, robots, robots_at, rest_until, asked_at) "
        "VALUES (?,?,?,?,?)",
        (
            host,
            state.robots,
            _stamp_or_none(state.robots_at),
            _stamp_after(state.rest_until),
            _stamp_after(state.asked_at),
        ),
    )


def read_host(connection: sqlite3.Connection, host: str) -> HostState:
    """Return what is remembered of a host; an empty state if nothing is."""
    row = connection.execute(
        "SELECT robots, robots_at, rest_until, asked_at FROM hosts WHERE host = ?", (host,)
    ).fetchone()
    if row is None:
        return HostState()
    robots, *times = row
    return HostState(robots, *map(_instant_or_none, times))


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
    connection.execute("DELETE FROM dirty_folders")
