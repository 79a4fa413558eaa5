"""Search an archive: the index brought up to date, asked, and its answer made readable."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from harvester.errors import Busy, DiskError
from harvester.handoff.search.index import SEARCH, Index, IndexUnusable, open_index
from harvester.handoff.search.query import Query, expression
from harvester.handoff.search.refresh import Listener, refresh, remake
from harvester.handoff.search.snippet import Marked, Marker
from harvester.model import Access
from harvester.store import Reader, Selection, within

# A word in the title says more of what a story is about.
_TITLE_WEIGHT = 5.0
_BY_DATE = "published DESC, story_id DESC"
_EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for, among which stories, in what order (best or newest), and how many."""

    query: Query
    selection: Selection = _EVERYTHING
    newest_first: bool = False
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Hit:
    """A story that was found. `path` is relative to the post tree; a higher `score` is better."""

    story_id: str
    title: Marked
    url: str
    path: str
    published: datetime
    section: str
    access: Access
    gone_at: datetime | None
    score: float
    snippet: Marked


@dataclass(frozen=True, slots=True)
class Found:
    """An answer: the first hits, how many there are, and among how many stories.

    `current` says whether the index had all that the archive has.
    """

    hits: tuple[Hit, ...]
    total: int
    stories: int
    current: bool


def find(archive: Reader, state: Path, search: Search, listener: Listener) -> Found:
    """Search an archive, its index first brought up to date.

    Where that cannot be done, because another process is at it or the disk cannot be written, what
    the index holds is searched; raises Busy or DiskError where there is none. Raises as the archive
    does.
    """
    try:
        refresh(archive, state, listener)
    except (Busy, DiskError) as problem:
        return _find_what_is_there(state, search, listener, problem)
    try:
        return _ask(state, search)
    except IndexUnusable as damage:  # in a part that only this search has read
        listener.say(f"{damage}; it is made again")
        remake(archive, state, listener)
        return _ask(state, search)


def _find_what_is_there(
    state: Path, search: Search, listener: Listener, problem: Busy | DiskError
) -> Found:
    try:
        found = _ask(state, search, current=False)
    except (IndexUnusable, DiskError) as damage:
        raise problem from damage
    listener.say(f"{problem}; searched what the index holds")
    return found


def _ask(state: Path, search: Search, *, current: bool = True) -> Found:
    with open_index(state / SEARCH) as index:
        total, rows = _rows(index, search)
        stories = _count(index, search.selection)
    marker = Marker(search.query)
    try:
        hits = tuple(_hit(row, marker) for row in rows)
    except (TypeError, ValueError, OverflowError) as problem:
        raise IndexUnusable(f"{state / SEARCH}: a row is damaged ({problem})") from problem
    return Found(hits, total, stories, current)


def _rows(index: Index, search: Search) -> tuple[int, list[tuple[Any, ...]]]:
    """Return how many stories have what is looked for, and the first of them."""
    where, values = _where(search.selection)
    order = _BY_DATE if search.newest_first else f"score, {_BY_DATE}"
    found = index.connection.execute(
        "WITH matches AS MATERIALIZED "  # noqa: S608 - fixed texts only
        f"(SELECT rowid AS id, bm25(words, 1.0, {_TITLE_WEIGHT}) AS score "
        "FROM words WHERE words MATCH ?), "
        "chosen AS (SELECT *, count(*) OVER () AS total FROM matches JOIN documents USING (id) "
        f"WHERE {where} ORDER BY {order} LIMIT ?) "
        "SELECT story_id, title, url, path, published, section, access, gone_at, score, text, "
        f"total FROM chosen JOIN texts USING (id) ORDER BY {order}",
        (expression(search.query), *values, max(search.limit, 1)),
    ).fetchall()
    return (found[0][-1] if found else 0), found[: search.limit]


def _hit(row: tuple[Any, ...], marker: Marker) -> Hit:
    story_id, title, url, path, published, section, access, gone_at, score, text, _ = row
    return Hit(
        story_id=story_id,
        title=marker.mark(title),
        url=url,
        path=path,
        published=datetime.fromtimestamp(published, UTC),
        section=section,
        access=Access(access),
        gone_at=datetime.fromtimestamp(gone_at, UTC) if gone_at is not None else None,
        score=-score,
        snippet=marker.snippet(text),
    )


def _count(index: Index, selection: Selection) -> int:
    where, values = _where(selection)
    counted = f"SELECT count(*) FROM documents WHERE {where}"  # noqa: S608 - fixed texts only
    return int(index.connection.execute(counted, values).fetchone()[0])


def _where(selection: Selection) -> tuple[str, tuple[object, ...]]:
    """Return a condition on `documents` and its values."""
    terms: list[tuple[str, tuple[object, ...]]] = [("1", ())]
    if selection.since:
        terms.append(("published >= ?", (selection.since.timestamp(),)))
    if selection.until:
        terms.append(("published < ?", (selection.until.timestamp(),)))
    if selection.access:
        terms.append(("access = ?", (selection.access.value,)))
    if selection.sections:
        terms.append(within(selection.sections))
    return " AND ".join(term for term, _ in terms), tuple(chain.from_iterable(v for _, v in terms))
