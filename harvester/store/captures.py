"""Rows of the raw archive: which page lies where, and what was made of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from harvester.model import SITE, BodyMode, Capture, Decision, Place, Verdict
from harvester.store.rows import instant, stamp, word

_COLUMNS = (
    "story_id, url, final_url, status, seen_at, stored_at, source, verdict, reason, archival, "
    "content_hash, sha256, mode, parser, path, digest, lastmod"
)
# What a reader makes of a page; what it came to stays told where another makes the same of it.
_READ = "content_hash, sha256, parser, path"
_READ_NOW = ", ".join(f"excluded.{column}" for column in _READ.split(", "))
_SAME = (
    "captures.sha256 = excluded.sha256 "
    "AND captures.verdict IN ('new', 'revised', 'unchanged', 'duplicate')"
)
_CAME_TO = ", ".join(
    f"{column} = iif({_SAME}, captures.{column}, excluded.{column})"
    for column in ("verdict", "reason", "archival")
)
# Between the version of a file and the part of it that was taken in.
_PART = "\n"
_FROM = "FROM captures JOIN warc_files AS files ON files.id = file"
_JOINED = f"SELECT {_COLUMNS}, name, offset, length {_FROM}"
_NUMBERED = f"SELECT captures.id, {_COLUMNS}, name, offset, length {_FROM}"


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


def is_merged(connection: sqlite3.Connection, name: str, version: str, part: str) -> bool:
    """Return whether a file, or this part of it, was taken in, and is still the same."""
    row = connection.execute(
        "SELECT 1 FROM warc_files WHERE name = ? AND version IN (?, ?) AND merged_at IS NOT NULL",
        (name, version, _marked(version, part)),
    ).fetchone()
    return row is not None


def begin(connection: sqlite3.Connection, name: str, version: str) -> None:
    """Note that a file is being taken in; what another file of its name held is nowhere now."""
    number = grow(connection, name, 0)
    (known,) = connection.execute(
        "SELECT version FROM warc_files WHERE id = ?", (number,)
    ).fetchone()
    if known and known.partition(_PART)[0] != version:
        connection.execute("DELETE FROM captures WHERE file = ?", (number,))
    connection.execute(
        "UPDATE warc_files SET (version, merged_at) = (?, NULL) WHERE id = ?", (version, number)
    )


def merged(
    connection: sqlite3.Connection, name: str, version: str, part: str, size: int, now: datetime
) -> None:
    """Note that a file, or this part of it, was taken in."""
    connection.execute(
        "UPDATE warc_files SET (version, merged_at) = (?, ?) WHERE id = ?",
        (_marked(version, part), stamp(now), grow(connection, name, size)),
    )


def _marked(version: str, part: str) -> str:
    return f"{version}{_PART}{part}" if part else version


def sizes(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    """Return the files of the raw archive and how far they are known, in bytes."""
    return connection.execute("SELECT name, size FROM warc_files ORDER BY name").fetchall()


def own_bytes(connection: sqlite3.Connection) -> int:
    """Return how many bytes our own files have."""
    (size,) = connection.execute(
        "SELECT coalesce(sum(size), 0) FROM warc_files WHERE instr(name, '/') = 0"
    ).fetchone()
    return int(size)


def places_in(connection: sqlite3.Connection, name: str) -> set[tuple[int, int, str, str]]:
    """Return offset, length, story and digest of all captures in a file."""
    rows = connection.execute(
        "SELECT offset, length, story_id, digest FROM captures "
        "WHERE file = (SELECT id FROM warc_files WHERE name = ?)",
        (name,),
    )
    return set(rows.fetchall())


def insert(connection: sqlite3.Connection, capture: Capture) -> None:
    """Write the row of a capture; of one that was read again, what is made of it now."""
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
        f"INSERT INTO captures ({_COLUMNS}, file, offset, length) "  # noqa: S608
        f"VALUES ({', '.join('?' * (len(values) + 3))}) "
        f"ON CONFLICT (file, offset) DO UPDATE SET {_CAME_TO}, ({_READ}) = ({_READ_NOW})",
        (*values, number, place.offset, place.length),
    )


def with_body(connection: sqlite3.Connection, digest: str) -> Iterator[Capture]:
    """Yield the captures in files of ours that showed a body, in the order they were written.

    Those of the site itself, for a revisit names one by address and time. The first was written
    with its body; so was one whose body was lost by then.
    """
    # `digest <> ''` is the condition of the index: without it every row would be looked at.
    found = connection.execute(
        f"{_JOINED} WHERE digest = ? AND digest <> '' AND source = ? AND instr(name, '/') = 0 "
        "ORDER BY captures.id",
        (digest, SITE),
    )
    return map(_capture, found)


def of_story(connection: sqlite3.Connection, story_id: str) -> list[Capture]:
    """Return the captures of a story in the order in which the site showed them."""
    rows = connection.execute(
        f"{_JOINED} WHERE story_id = ? ORDER BY seen_at, captures.id", (story_id,)
    )
    return [_capture(row) for row in rows]


def story_ids(connection: sqlite3.Connection, last: str, limit: int) -> list[str]:
    """Return the ids of stories that have captures, in their order as text, after one."""
    rows = connection.execute(
        "SELECT DISTINCT story_id FROM captures WHERE story_id > ? ORDER BY story_id LIMIT ?",
        (last, limit),
    )
    return [story_id for (story_id,) in rows]


def after(connection: sqlite3.Connection, last: int, limit: int) -> list[tuple[int, Capture]]:
    """Return the captures of our own files after a number, in the order they were written."""
    rows = connection.execute(
        f"{_NUMBERED} WHERE captures.id > ? AND instr(name, '/') = 0 ORDER BY captures.id LIMIT ?",
        (last, limit),
    )
    return [(number, _capture(row)) for number, *row in rows]


def observed_at(connection: sqlite3.Connection, story_id: str, sha256: str) -> datetime | None:
    """Return when the site last showed what a post says, as far as the raw archive tells.

    Of a post that no page of it became: the last look that showed the story, for it was made after
    that, or by hand.
    """
    (same, last) = connection.execute(
        "SELECT max(iif(sha256 = ?, seen_at, NULL)), max(seen_at) FROM captures "
        "WHERE story_id = ? AND status = 200",
        (sha256, story_id),
    ).fetchone()
    return instant(same or last) if last else None


def approve(connection: sqlite3.Connection, places: Iterable[Place], parser: str) -> None:
    """Note that a reader makes of these pages what the one before made."""
    connection.executemany(
        "UPDATE captures SET parser = ? "
        "WHERE file = (SELECT id FROM warc_files WHERE name = ?) AND offset = ?",
        [(parser, place.file, place.offset) for place in places],
    )


def _capture(row: Sequence[Any]) -> Capture:
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
