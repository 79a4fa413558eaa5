"""Rows of the raw archive: which page lies where, and what was made of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from harvester.model import BodyMode, Capture, Decision, Place, Verdict
from harvester.store.rows import further, instant, stamp, word

SITE = "site"
"""Who showed a page that was asked for itself; the others showed it at addresses of their own."""

_PAGE = 500
_COLUMNS = (
    "story_id, url, final_url, status, seen_at, stored_at, source, verdict, reason, archival, "
    "content_hash, sha256, mode, parser, path, digest, lastmod"
)
_JOINED = (
    f"SELECT {_COLUMNS}, name, offset, length "  # noqa: S608
    "FROM captures JOIN warc_files AS files ON files.id = file"
)


def grow(connection: sqlite3.Connection, name: str, size: int) -> int:
    """Note how far a file is known, in bytes; return its number."""
    (number,) = connection.execute(
        "INSERT INTO warc_files (name, size) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET size = max(size, excluded.size) RETURNING id",
        (name, size),
    ).fetchone()
    return int(number)


def size_of(connection: sqlite3.Connection, name: str) -> int:
    """Return how far a file is known, in bytes; 0 if it is not."""
    row = connection.execute("SELECT size FROM warc_files WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def sizes(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    """Return the files of the raw archive and how far they are known, in bytes."""
    return connection.execute("SELECT name, size FROM warc_files ORDER BY name").fetchall()


def places_in(connection: sqlite3.Connection, name: str) -> set[tuple[int, int, str, str]]:
    """Return offset, length, story and digest of all captures in a file."""
    rows = connection.execute(
        "SELECT offset, length, story_id, digest FROM captures "
        "WHERE file = (SELECT id FROM warc_files WHERE name = ?)",
        (name,),
    )
    return set(rows.fetchall())


def insert(connection: sqlite3.Connection, capture: Capture) -> None:
    """Write the row of a capture, unless its record has one."""
    place = capture.place
    if place is None:
        raise ValueError("a capture without a place")
    number = grow(connection, place.file, place.offset + place.length)
    values = (
        capture.story_id,
        capture.url,
        capture.final_url,
        capture.status,
        stamp(capture.seen_at),
        stamp(capture.stored_at),
        capture.source,
        capture.decision.verdict,
        capture.decision.reason,
        int(capture.decision.archival),
        capture.content_hash,
        capture.sha256,
        capture.mode,
        capture.parser,
        capture.path,
        capture.digest,
        capture.lastmod,
    )
    connection.execute(
        f"INSERT OR IGNORE INTO captures ({_COLUMNS}, file, offset, length) "  # noqa: S608
        f"VALUES ({', '.join('?' * (len(values) + 3))})",
        (*values, number, place.offset, place.length),
    )


def with_body(connection: sqlite3.Connection, digest: str) -> Capture | None:
    """Return the capture in a file of ours whose record holds a body: the first that had it.

    One of the site itself, for a revisit names it by address and time.
    """
    # `digest <> ''` is the condition of the index: without it every row would be looked at.
    row = connection.execute(
        f"{_JOINED} WHERE digest = ? AND digest <> '' AND source = ? AND instr(name, '/') = 0 "
        "ORDER BY stored_at, captures.id LIMIT 1",
        (digest, SITE),
    ).fetchone()
    return _capture(row) if row else None


def of_story(connection: sqlite3.Connection, story_id: str) -> list[Capture]:
    """Return the captures of a story in the order in which the site showed them."""
    rows = connection.execute(
        f"{_JOINED} WHERE story_id = ? ORDER BY seen_at, captures.id", (story_id,)
    )
    return [_capture(row) for row in rows]


def story_ids(connection: sqlite3.Connection) -> Iterator[list[str]]:
    """Yield the ids of the stories that have captures, some hundred at a time."""
    last = ""
    while True:
        rows = connection.execute(
            "SELECT DISTINCT story_id FROM captures WHERE story_id > ? ORDER BY story_id LIMIT ?",
            (last, _PAGE),
        ).fetchall()
        if not rows:
            return
        yield [story_id for (story_id,) in rows]
        last = further(last, rows[-1][0])


def reread(
    connection: sqlite3.Connection, place: Place, content_hash: str, sha256: str, parser: str
) -> None:
    """Note what another reader made of a page."""
    connection.execute(
        "UPDATE captures SET (content_hash, sha256, parser) = (?, ?, ?) "
        "WHERE file = (SELECT id FROM warc_files WHERE name = ?) AND offset = ?",
        (content_hash, sha256, parser, place.file, place.offset),
    )


def _capture(row: tuple[Any, ...]) -> Capture:
    story_id, url, final_url, status, seen_at, stored_at, source, verdict, *rest = row
    reason, archival, content_hash, sha256, mode, parser, path, digest, lastmod, *place = rest
    return Capture(
        story_id,
        url,
        final_url,
        status,
        instant(seen_at),
        instant(stored_at),
        source,
        Decision(word(Verdict, verdict), reason, bool(archival)),
        content_hash,
        sha256,
        word(BodyMode, mode),
        parser,
        path,
        digest,
        lastmod,
        Place(*place),
    )
