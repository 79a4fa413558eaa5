"""All stories, to be compared with the disk and with what the rows say of themselves."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harvester.errors import DatabaseUnusable
from harvester.store.database import WAY_OUT, check
from harvester.store.rows import PAGE, further
from harvester.store.stories import is_broken


@dataclass(frozen=True, slots=True)
class PostRow:
    """A story as far as its file is concerned."""

    story_id: str
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class TextRow:
    """A revision as it lies in the catalogue; `post` is compressed."""

    story_id: str
    revision: int
    path: str
    sha256: str
    post: bytes


def posts_in(connection: sqlite3.Connection, folder: str) -> Iterator[list[PostRow]]:
    """Page through the stories whose files lie in a folder (not below it), by path.

    Each page is one short read, so a writer is never kept waiting.
    """
    prefix = f"{folder}/" if folder else ""
    last, end = prefix, f"{folder}0" if folder else "\U0010ffff"
    while True:
        page = [
            PostRow(*row)
            for row in connection.execute(
                "SELECT story_id, path, sha256 FROM stories WHERE path > ? AND path < ? "
                "AND instr(substr(path, ?), '/') = 0 ORDER BY path LIMIT ?",
                (last, end, len(prefix) + 1, PAGE),
            )
        ]
        if not page:
            return
        yield page
        last = further(last, page[-1].path)


def folders(connection: sqlite3.Connection) -> set[str]:
    """Return the folders in which stories have their files."""
    found: set[str] = set()
    last = ""
    while True:
        page = connection.execute(
            "SELECT path FROM stories WHERE path > ? ORDER BY path LIMIT ?", (last, PAGE)
        ).fetchall()
        if not page:
            return found
        found.update(path.rpartition("/")[0] for (path,) in page)
        last = further(last, page[-1][0])


def texts(connection: sqlite3.Connection) -> Iterator[list[TextRow]]:
    """Page through every revision of every story."""
    last = ("", 0)
    while True:
        page = [
            TextRow(*row)
            for row in connection.execute(
                "SELECT story_id, r.revision, path, r.sha256, post "
                "FROM revisions r JOIN stories USING (story_id) "
                "WHERE (story_id, r.revision) > (?, ?) ORDER BY story_id, r.revision LIMIT ?",
                (*last, PAGE // 4),
            )
        ]
        if not page:
            return
        yield page
        last = further(last, (page[-1].story_id, page[-1].revision))


_STEP = 10 * PAGE
# Of each table: its alias, what is selected from it, and the condition that a row was changed.
_CHANGED = {
    "stories": (
        "s",
        "s.story_id, s.path, s.revision FROM stories s LEFT JOIN changes c USING (story_id, seq)",
        f"(c.path IS NOT s.path OR {is_broken('stories', 's')})",
    ),
    "changes": ("c", "story_id, path, revision FROM changes c", is_broken("changes", "c")),
    "revisions": (
        "r",
        "story_id, path, r.revision FROM revisions r JOIN stories s USING (story_id)",
        is_broken("revisions", "r"),
    ),
}


def changed(connection: sqlite3.Connection) -> Iterator[tuple[str, str, int]]:
    """Return story, path and revision of rows that do not say what was written.

    Their seal is broken, or the last change of a story is not in the log. Read in short steps.
    """
    for table, (alias, source, condition) in _CHANGED.items():
        (last,) = connection.execute(f"SELECT coalesce(max(rowid), 0) FROM {table}").fetchone()  # noqa: S608
        query = f"SELECT {source} WHERE {alias}.rowid > ? AND {alias}.rowid <= ? AND {condition}"
        for start in range(0, last, _STEP):
            yield from connection.execute(query, (start, start + _STEP)).fetchall()


def require_sound(connection: sqlite3.Connection, path: Path) -> None:
    """Read the whole catalogue, its indexes and seals. Raises DatabaseUnusable for any damage."""
    check(connection, path, thorough=True)
    if found := next(changed(connection), None):
        raise DatabaseUnusable(
            f"{path}: damaged (a row of {found[1]} does not say what was written); {WAY_OUT}"
        )


def without_text(connection: sqlite3.Connection) -> Iterator[tuple[str, str, int]]:
    """Return story, path and revision of rows whose current text is not among the revisions."""
    yield from connection.execute(
        "SELECT story_id, path, s.revision FROM stories s LEFT JOIN revisions r "
        "USING (story_id, revision) WHERE r.sha256 IS NOT s.sha256"
    )
