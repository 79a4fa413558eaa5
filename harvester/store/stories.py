"""Rows of a story: the current text, every text there was, and the log of changes."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Sequence
from datetime import datetime
from functools import cache

from harvester.model import Access, Draft, Era
from harvester.store.database import seal
from harvester.store.rows import stamp
from harvester.store.schema import SEALED

_WINDOW = 13  # 8 kB, as a power of two
_JSON = json.JSONEncoder(ensure_ascii=False)


def are_any(connection: sqlite3.Connection) -> bool:
    """Return whether the catalogue holds any story."""
    return connection.execute("SELECT 1 FROM stories LIMIT 1").fetchone() is not None


def path_of(connection: sqlite3.Connection, story_id: str) -> str | None:
    """Return the path a story was given, for ever."""
    row = connection.execute("SELECT path FROM stories WHERE story_id = ?", (story_id,)).fetchone()
    return None if row is None else str(row[0])


def sha256_of(connection: sqlite3.Connection, path: str) -> str | None:
    """Return the SHA-256 (hex) of the file that was stored at a path."""
    row = connection.execute("SELECT sha256 FROM stories WHERE path = ?", (path,)).fetchone()
    return None if row is None else str(row[0])


def is_key_taken(connection: sqlite3.Connection, key: str) -> bool:
    """Return whether a story has a path that other systems would take for the same."""
    found = connection.execute("SELECT 1 FROM stories WHERE path_key = ?", (key,)).fetchone()
    return found is not None


def is_path_taken(connection: sqlite3.Connection, path: str) -> bool:
    """Return whether a file is a story's."""
    found = connection.execute("SELECT 1 FROM stories WHERE path = ?", (path,)).fetchone()
    return found is not None


def insert_story(
    connection: sqlite3.Connection, draft: Draft, path: str, key: str, now: datetime
) -> None:
    """Write a story that was not there: its row, its first revision and the change."""
    story_id = draft.article.story_id
    url, section, title, published, source, author, tags, access, era, *text = _current(
        draft, 1, now
    )
    content_hash, sha256, size, observed_at, revision, at = text
    seq = _next_change(connection)
    connection.execute("DELETE FROM aliases WHERE story_id = ?", (story_id,))
    story = (story_id, url, section, title, published, source, author, tags, access, era)
    place = (content_hash, path, key, sha256, size, revision)
    _insert(connection, "stories", (*story, *place, at, at, observed_at, None, seq))
    _insert_revision(connection, draft, 1, now)
    told = (path, sha256, content_hash, url, title, published, access, at)
    _insert(connection, "changes", (seq, "new", story_id, revision, *told))


def revise_story(connection: sqlite3.Connection, draft: Draft, now: datetime) -> None:
    """Make a draft the current text of its story; the texts before it stay as revisions."""
    story_id = draft.article.story_id
    number = _next_revision(connection, story_id)
    _insert_revision(connection, draft, number, now)
    connection.execute(
        "UPDATE stories SET (url, section, title, published, published_source, author, tags, "
        "access, era, content_hash, sha256, size, observed_at, revision, updated_at) "
        "= (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?), gone_at = iif(gone_at <= ?, NULL, gone_at) "
        "WHERE story_id = ?",
        (*_current(draft, number, now), stamp(draft.observed_at), story_id),
    )
    _insert_change(connection, _op(draft), story_id, now)


def archive_text(connection: sqlite3.Connection, draft: Draft, now: datetime) -> None:
    """Keep a text older than the current one; file, row and change log do not move."""
    number = _next_revision(connection, draft.article.story_id)
    _insert_revision(connection, draft, number, now)


def confirm_story(connection: sqlite3.Connection, draft: Draft, now: datetime) -> None:
    """Note that the current text was seen again; take over what only a page can tell.

    A post tells neither access nor era, and an older look tells nothing new. A text that was once
    marked as a preview stays one: the other host may show the same cut text without a mark. Tags
    are those of the layout that was first seen: each has its own, and both hosts may be asked in
    turn. Consumers hear of what is new.
    """
    article = draft.article
    seen = (article.story_id, draft.content_hash, stamp(draft.observed_at))
    held = "WHERE story_id = ? AND content_hash = ? AND observed_at <= ?"
    row = connection.execute(f"SELECT access, era, tags FROM stories {held}", seen).fetchone()  # noqa: S608
    if row is None:
        return
    _require_whole(connection, article.story_id)
    if draft.reread_of is None:
        connection.execute(f"UPDATE stories SET observed_at = ? {held}", (seen[2], *seen))  # noqa: S608
        _seal(connection, "stories", "story_id = ?", article.story_id)
    if article.era is Era.POST:
        return
    access = Access.PREVIEW if Access.PREVIEW in (row[0], article.access) else article.access
    era = article.era if row[1] == Era.POST else row[1]
    now_known = (access, era, _tags(draft) if article.era == era else row[2])
    if now_known != row:
        connection.execute(
            f"UPDATE stories SET (access, era, tags, updated_at) = (?, ?, ?, ?) {held}",  # noqa: S608
            (*now_known, stamp(now), *seen),
        )
        _insert_change(connection, _op(draft), article.story_id, now)


def _op(draft: Draft) -> str:
    """Return what the change log says of a text: another reader is no edit."""
    return "revised" if draft.reread_of is None else "renormalised"


def bury_story(connection: sqlite3.Connection, story_id: str, now: datetime) -> bool:
    """Mark a story as gone from the site; False if there is none or it is gone already."""
    _require_whole(connection, story_id)
    cursor = connection.execute(
        "UPDATE stories SET gone_at = ? WHERE story_id = ? AND gone_at IS NULL",
        (stamp(now), story_id),
    )
    if cursor.rowcount:
        _insert_change(connection, "gone", story_id, now)
    return bool(cursor.rowcount)


def restore_story(
    connection: sqlite3.Connection, story_id: str, seen_at: datetime, now: datetime
) -> None:
    """Take the mark off a story that the site showed again; those who heard "gone" must hear it.

    What was seen before the story was gone, in an old capture, says nothing.
    """
    _require_whole(connection, story_id)
    cursor = connection.execute(
        "UPDATE stories SET gone_at = NULL WHERE story_id = ? AND gone_at <= ?",
        (story_id, stamp(seen_at)),
    )
    if cursor.rowcount:
        _insert_change(connection, "revised", story_id, now)


def tell_again(connection: sqlite3.Connection, story_id: str, now: datetime) -> None:
    """Let consumers hear of a story whose file was not what they may have taken it for."""
    _require_whole(connection, story_id)
    _insert_change(connection, "revised", story_id, now)


def write_alias(
    connection: sqlite3.Connection, draft: Draft, of_story_id: str, now: datetime
) -> None:
    """Note that a story has the text of another one, and since when."""
    connection.execute(
        "INSERT INTO aliases AS a (story_id, of_story_id, url, content_hash, seen_at) "
        "VALUES (?,?,?,?,?) ON CONFLICT (story_id) DO UPDATE SET (of_story_id, url, content_hash, "
        "seen_at) = (excluded.of_story_id, excluded.url, excluded.content_hash, "
        "iif(a.content_hash = excluded.content_hash, a.seen_at, excluded.seen_at))",
        (draft.article.story_id, of_story_id, draft.article.url, draft.content_hash, stamp(now)),
    )


def aliases_since(
    connection: sqlite3.Connection, content_hash: str, story_id: str, since: datetime
) -> int:
    """Return how many other stories were found to have this text of another one since then."""
    (count,) = connection.execute(
        "SELECT count(*) FROM aliases WHERE content_hash = ? AND story_id <> ? AND seen_at >= ?",
        (content_hash, story_id, stamp(since)),
    ).fetchone()
    return int(count)


def last_change(connection: sqlite3.Connection) -> int:
    """Return the number of the last entry of the change log, 0 if there is none."""
    (last,) = connection.execute("SELECT coalesce(max(seq), 0) FROM changes").fetchone()
    return int(last)


def skip_changes(connection: sqlite3.Connection, last: int) -> None:
    """Let the change log go on after a number that it has not reached."""
    # AUTOINCREMENT counts from here (https://sqlite.org/autoinc.html, 3); it never goes back.
    (counted,) = connection.execute(
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'changes'"
    ).fetchone()
    connection.execute("DELETE FROM sqlite_sequence WHERE name = 'changes'")
    connection.execute(
        "INSERT INTO sqlite_sequence (name, seq) VALUES ('changes', ?)", (max(counted, last),)
    )


def current_post(connection: sqlite3.Connection, story_id: str) -> bytes | None:
    """Return the bytes a story's file must have; None if the catalogue itself is damaged."""
    row = connection.execute(
        "SELECT stories.sha256, post FROM stories JOIN revisions USING (story_id, revision) "
        "WHERE story_id = ?",
        (story_id,),
    ).fetchone()
    return unpack(row[1], row[0]) if row else None


def unpack(packed: bytes, sha256: str) -> bytes | None:
    """Return the bytes of a stored post; None if they are not those that were stored."""
    try:
        data = zlib.decompress(packed)
    except zlib.error:
        return None
    return data if hashlib.sha256(data).hexdigest() == sha256 else None


def _packed(post: bytes) -> bytes:
    # Few posts are longer than the window, and a larger one takes twice the time to set up.
    return zlib.compress(post, wbits=_WINDOW)


def refill_revision(
    connection: sqlite3.Connection, story_id: str, revision: int, data: bytes
) -> bool:
    """Put back the bytes of a revision; return False if they are not those that were stored."""
    cursor = connection.execute(
        "UPDATE revisions SET post = ? WHERE story_id = ? AND revision = ? AND sha256 = ?",
        (_packed(data), story_id, revision, hashlib.sha256(data).hexdigest()),
    )
    return cursor.rowcount == 1


def _current(draft: Draft, revision: int, now: datetime) -> tuple[str | int, ...]:
    """Return the columns that a revision replaces, `url` to `updated_at`."""
    article = draft.article
    return (
        article.url,
        article.section,
        article.title,
        stamp(article.published.at),
        article.published.source,
        article.author,
        _tags(draft),
        article.access,
        article.era,
        draft.content_hash,
        draft.sha256,
        len(draft.data),
        stamp(draft.observed_at),
        revision,
        stamp(now),
    )


def _tags(draft: Draft) -> str:
    return _JSON.encode(draft.article.tags)


def _next_revision(connection: sqlite3.Connection, story_id: str) -> int:
    (last,) = connection.execute(
        "SELECT max(revision) FROM revisions WHERE story_id = ?", (story_id,)
    ).fetchone()
    return int(last) + 1


def _insert_revision(
    connection: sqlite3.Connection, draft: Draft, number: int, now: datetime
) -> None:
    row = (
        draft.article.story_id,
        number,
        draft.content_hash,
        draft.article.title,
        stamp(draft.article.published.at),
        stamp(draft.observed_at),
        stamp(now),
        draft.sha256,
    )
    _insert(connection, "revisions", row, post=_packed(draft.data))


def _insert(
    connection: sqlite3.Connection, table: str, row: Sequence[str | int | None], **besides: bytes
) -> None:
    """Write a row of all that its seal is made of, with the seal, and what stands besides."""
    connection.execute(_insertion(table, *besides), (*row, seal(*row), *besides.values()))


@cache
def _insertion(table: str, *besides: str) -> str:
    columns = f"{SEALED[table]}, {', '.join(('seal', *besides))}"
    marks = ", ".join("?" for _ in columns.split(", "))
    return f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608


def _next_change(connection: sqlite3.Connection) -> int:
    """Return the number that the next change will have."""
    (last,) = connection.execute(
        "SELECT max(coalesce((SELECT max(seq) FROM changes), 0), coalesce("
        "(SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0))"
    ).fetchone()
    return int(last) + 1


def _insert_change(connection: sqlite3.Connection, op: str, story_id: str, now: datetime) -> None:
    cursor = connection.execute(
        "INSERT INTO changes (op, story_id, revision, path, sha256, content_hash, url, title, "
        "published, access, at) SELECT ?, story_id, revision, path, sha256, content_hash, url, "
        "title, published, access, ? FROM stories WHERE story_id = ?",
        (op, stamp(now), story_id),
    )
    connection.execute(
        "UPDATE stories SET seq = ? WHERE story_id = ?", (cursor.lastrowid, story_id)
    )
    _seal(connection, "changes", "seq = ?", cursor.lastrowid)
    _seal(connection, "stories", "story_id = ?", story_id)


def _require_whole(connection: sqlite3.Connection, story_id: str) -> None:
    """Raise sqlite3.DataError for a row that does not say what was written.

    Before a part of it is changed: a new seal would make the rest of it true.
    """
    if connection.execute(
        f"SELECT 1 FROM stories WHERE story_id = ? AND {is_broken('stories')}",  # noqa: S608
        (story_id,),
    ).fetchone():
        raise sqlite3.DataError(f"the row of story {story_id} does not say what was written")


def is_broken(table: str, alias: str = "") -> str:
    """Return the condition that a row does not have the seal of what it says."""
    alias = alias or table
    columns = ", ".join(f"{alias}.{column}" for column in SEALED[table].split(", "))
    return f"{alias}.seal IS NOT seal({columns})"


def _seal(
    connection: sqlite3.Connection, table: str, condition: str, *values: str | int | None
) -> None:
    """Put the sum of all it says on a row that was written."""
    connection.execute(
        f"UPDATE {table} SET seal = seal({SEALED[table]}) WHERE {condition}",  # noqa: S608
        values,
    )
