"""Stories read whole, with their posts: those of a selection, or the newest."""

from __future__ import annotations

import heapq
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from harvester.errors import DatabaseUnusable
from harvester.model import Access, Era
from harvester.store.rows import further, instant, instant_or_none, stamp, word
from harvester.store.stories import last_change, unpack

# Stories with their posts that are read at once: some megabytes.
_STORIES = 200
_STORY = (
    "story_id, url, stories.title, stories.published, published_source, section, author, tags, "
    "access, era, stories.content_hash, path, stories.sha256, size, revision, seq, first_seen, "
    "updated_at, gone_at, post"
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which stories are wanted; all that is given must hold.

    Published from `since` to before `until`, in one of `sections` or below it, with that `access`,
    changed after entry `after` of the change log. With `after` (-1: all of them) they come in the
    order of their last changes, so that a reading that was cut can go on after the last one.
    """

    since: datetime | None = None
    until: datetime | None = None
    sections: tuple[str, ...] = ()
    access: Access | None = None
    after: int = 0


@dataclass(frozen=True, slots=True)
class StoryRow:
    """All there is of a story as it stands; `seq` is its last entry in the change log.

    `published_source` says where the instant comes from, `post` are the bytes of its file.
    """

    story_id: str
    url: str
    title: str
    published: datetime
    published_source: str
    section: str
    author: str
    tags: tuple[str, ...]
    access: Access
    era: Era
    content_hash: str
    path: str
    sha256: str
    size: int
    revision: int
    seq: int
    first_seen: datetime
    updated_at: datetime
    gone_at: datetime | None
    post: bytes


def select(connection: sqlite3.Connection, selection: Selection) -> Iterator[StoryRow]:
    """Return the stories wanted, read in short steps. Raises DatabaseUnusable for a damaged text.

    What changes while it is read comes with the next reading after the last change of now.
    """
    where, values = _where(selection, last_change(connection))
    key = "seq" if selection.after else "story_id"
    last: Any = selection.after or ""
    while page := connection.execute(
        f"SELECT {key}, {_STORY} FROM stories JOIN revisions USING (story_id, revision) "  # noqa: S608
        f"WHERE {where} AND {key} > ? ORDER BY {key} LIMIT ?",
        (*values, last, _STORIES),
    ).fetchall():
        yield from (_story(row[1:]) for row in page)
        last = further(last, page[-1][0])


def latest(connection: sqlite3.Connection, count: int, section: str | None) -> list[StoryRow]:
    """Return so many stories, the last published first, of all or of a section and those below.

    Raises DatabaseUnusable for a damaged text.
    """
    names = (name for name in sections(connection) if _is_in(name, section))
    newest = heapq.nlargest(
        count, chain.from_iterable(_newest(connection, n, count) for n in names)
    )
    return [_story(_row(connection, story_id)) for _, story_id in newest]


def sections(connection: sqlite3.Connection, after: int = 0) -> tuple[str, ...]:
    """Return the sections of stories that changed after an entry of the change log."""
    if after:
        found = connection.execute(
            "SELECT DISTINCT section FROM stories WHERE seq > ? ORDER BY 1", (after,)
        )
    else:
        # A step of the index for each section, where DISTINCT would read all of it.
        found = connection.execute(
            "WITH RECURSIVE names (name) AS (SELECT min(section) FROM stories UNION ALL "
            "SELECT (SELECT min(section) FROM stories WHERE section > name) FROM names "
            "WHERE name IS NOT NULL) SELECT name FROM names WHERE name IS NOT NULL"
        )
    return tuple(name for (name,) in found)


def _is_in(name: str, section: str | None) -> bool:
    return section is None or name == section or name.startswith(f"{section}/")


def _newest(connection: sqlite3.Connection, section: str, count: int) -> Iterator[tuple[str, str]]:
    yield from connection.execute(
        "SELECT published, story_id FROM stories WHERE section = ? "
        "ORDER BY published DESC, story_id DESC LIMIT ?",
        (section, count),
    )


def _row(connection: sqlite3.Connection, story_id: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] = connection.execute(
        f"SELECT {_STORY} FROM stories JOIN revisions USING (story_id, revision) "  # noqa: S608
        "WHERE story_id = ?",
        (story_id,),
    ).fetchone()
    return row


def _story(row: tuple[Any, ...]) -> StoryRow:
    story_id, url, title, published, source, section, author, tags, access, era, *rest = row
    content_hash, path, sha256, size, revision, seq, first_seen, updated_at, gone_at, packed = rest
    post = unpack(packed, sha256)
    if post is None:
        raise DatabaseUnusable(
            f"the text of story {story_id} in the catalogue is damaged; "
            "`harvester verify --repair` takes it from its file"
        )
    return StoryRow(
        story_id=story_id,
        url=url,
        title=title,
        published=instant(published),
        published_source=source,
        section=section,
        author=author,
        tags=tuple(json.loads(tags)),
        access=word(Access, access),
        era=word(Era, era),
        content_hash=content_hash,
        path=path,
        sha256=sha256,
        size=size,
        revision=revision,
        seq=seq,
        first_seen=instant(first_seen),
        updated_at=instant(updated_at),
        gone_at=instant_or_none(gone_at),
        post=post,
    )


def within(names: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return a condition on a column `section`, and its values: in one of these or below it."""
    terms = " OR ".join("section = ? OR section > ? AND section < ?" for _ in names)
    bounds = ((name, f"{name}/", f"{name}0") for name in names)  # 0 comes after /
    return f"({terms})", tuple(chain.from_iterable(bounds))


def _where(selection: Selection, last: int) -> tuple[str, tuple[object, ...]]:
    """Return a condition on `stories` and its values; `last` bounds the change log."""
    terms: list[tuple[str, tuple[object, ...]]] = [("1", ())]
    if selection.since:
        terms.append(("stories.published >= ?", (stamp(selection.since),)))
    if selection.until:
        terms.append(("stories.published < ?", (stamp(selection.until),)))
    if selection.access:
        terms.append(("access = ?", (selection.access,)))
    if selection.sections:
        terms.append(within(selection.sections))
    if selection.after:
        terms.append(("seq <= ?", (last,)))
    return " AND ".join(term for term, _ in terms), tuple(chain.from_iterable(v for _, v in terms))
