"""Read an archive without disturbing its writer: rows, posts, changes, and figures."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from harvester.errors import DatabaseUnusable, DiskError
from harvester.model import Access, Era, HostState, Poll, SourceState, VisitState, Watch
from harvester.store import captures, rows, stories, watches
from harvester.store.database import CATALOGUE, connect_reader, guarded
from harvester.store.manifest import Line, lines
from harvester.store.rows import instant, word
from harvester.store.selection import Selection, StoryRow, latest, sections, select
from harvester.store.tree import PostTree

_ARTICLE = (
    "story_id, url, title, published, section, access, content_hash, path, sha256, revision, "
    "first_seen, updated_at"
)


@dataclass(frozen=True, slots=True)
class ArticleRow:
    """A row of the view `articles`: a story as it stands. `path` is relative to the post tree."""

    story_id: str
    url: str
    title: str
    published: datetime
    section: str
    access: Access
    content_hash: str
    path: str
    sha256: str
    revision: int
    first_seen: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Revision:
    """One text a story has had.

    `observed_at` is when the site showed it, `stored_at` when we stored it: a text found later in
    an old capture has a higher number than newer texts.
    """

    story_id: str
    revision: int
    content_hash: str
    title: str
    published: datetime
    observed_at: datetime
    stored_at: datetime
    sha256: str
    current: bool


@dataclass(frozen=True, slots=True)
class Change:
    """An entry of the change log; `seq` only grows."""

    seq: int
    op: str
    story_id: str
    revision: int
    path: str
    sha256: str
    content_hash: str
    url: str
    title: str
    published: datetime
    access: Access
    at: datetime


@dataclass(frozen=True, slots=True)
class VisitFigure:
    """How many last visits ended in one way, with the address of the latest of them."""

    state: VisitState
    reason: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a command; without `ended_at` it is under way or was killed."""

    command: str
    started_at: datetime
    ended_at: datetime | None
    counts: Mapping[str, int | float]
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far the stories of one issue day are ours; `known` is the sum of the four after it.

    `held` are stored, also as a duplicate of another; `waiting` were never visited with an end.
    """

    day: date
    known: int = 0
    held: int = 0
    refused: int = 0
    failed: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """What `status` shows. `by_month` counts by month of publication (`2021-11`, UTC)."""

    stories: int
    revisions: int
    aliases: int
    sightings: int
    by_era: Mapping[Era, int]
    by_access: Mapping[Access, int]
    by_month: Mapping[str, int]
    visits: tuple[VisitFigure, ...]
    runs: tuple[Run, ...]
    sources: tuple[SourceState, ...]
    hosts: Mapping[str, HostState]
    last_change: int
    database_bytes: int
    gone: int
    kept_pages: int
    captures: int
    warc_bytes: int


_EVERYTHING = Selection()


class Reader:
    """An archive open for reading. Made by `open_archive`.

    Long lists are read in short steps, so a writer is never kept waiting; rows written meanwhile
    may or may not be among them. Every method raises DatabaseUnusable, DiskError or Busy.
    """

    def __init__(self, connection: sqlite3.Connection, seeds: Path, database: Path) -> None:
        self._connection = connection
        self._tree = PostTree(seeds)
        self._database = database

    def articles(self) -> Iterator[ArticleRow]:
        """Return all stories, by story id."""
        last = ""
        while page := self._all(
            f"SELECT {_ARTICLE} FROM articles WHERE story_id > ? ORDER BY story_id LIMIT ?",  # noqa: S608
            (last, rows.PAGE),
        ):
            yield from map(self._article, page)
            with guarded(self._database):
                last = rows.further(last, page[-1][0])

    def stories(self, selection: Selection = _EVERYTHING) -> Iterator[StoryRow]:
        """Return the stories wanted with their posts, each once, in an order that does not change.

        Raises DatabaseUnusable for a text in the catalogue that is damaged.
        """
        with guarded(self._database):
            yield from select(self._connection, selection)

    def latest(self, count: int, section: str | None = None) -> list[StoryRow]:
        """Return so many stories with their posts, the last published first, of all or a section.

        Raises as `stories`.
        """
        with guarded(self._database):
            return latest(self._connection, count, section)

    def sections(self, after: int = 0) -> tuple[str, ...]:
        """Return the sections of stories that changed after an entry of the change log."""
        with guarded(self._database):
            return sections(self._connection, after)

    def manifest(self) -> Iterator[Line]:
        """Return what the manifest tells of each story, by path, as the catalogue has it now."""
        with guarded(self._database):
            yield from lines(self._connection)

    def last_change(self) -> int:
        """Return the number of the last entry of the change log, 0 if there is none."""
        with guarded(self._database):
            return stories.last_change(self._connection)

    def article(self, story_id: str) -> ArticleRow | None:
        """Return one story as it stands."""
        found = self._all(f"SELECT {_ARTICLE} FROM articles WHERE story_id = ?", (story_id,))  # noqa: S608
        return self._article(found[0]) if found else None

    def revisions(self, story_id: str) -> tuple[Revision, ...]:
        """Return every text a story has had, in the order they were stored."""
        found = self._all(
            "SELECT story_id, r.revision, r.content_hash, r.title, r.published, r.observed_at, "
            "r.stored_at, r.sha256, r.revision = s.revision AS current "
            "FROM revisions r JOIN stories s USING (story_id) WHERE story_id = ? "
            "ORDER BY r.revision",
            (story_id,),
        )
        with guarded(self._database):
            return tuple(
                Revision(*[*_typed(row[:8], instants=(4, 5, 6)), bool(row[8])]) for row in found
            )

    def post(self, story_id: str, revision: int | None = None) -> bytes:
        """Return the post of a story: its file, or one of its revisions from the catalogue.

        Raises KeyError when there is no such story or revision, DiskError when the file is not
        the one that was stored.
        """
        if revision is not None:
            return self._revision(story_id, revision)
        article = self.article(story_id)
        if article is None:
            raise KeyError(story_id)
        if self._tree.digest(article.path) != article.sha256:
            raise DiskError(
                f"{self._tree.root / article.path}: not the file that was stored; "
                "`harvester verify --repair` restores it"
            )
        return self._tree.read(article.path)

    def _revision(self, story_id: str, revision: int) -> bytes:
        found = self._all(
            "SELECT post, sha256 FROM revisions WHERE story_id = ? AND revision = ?",
            (story_id, revision),
        )
        if not found:
            raise KeyError((story_id, revision))
        data = stories.unpack(*found[0])
        if data is None:
            raise DatabaseUnusable(
                f"{self._database}: revision {revision} of story {story_id} is damaged"
            )
        return data

    def changes(self, since: int = 0) -> Iterator[Change]:
        """Return the entries of the change log after `since`, oldest first."""
        # Many want the next few alone.
        size = 10
        while page := self._all(
            "SELECT seq, op, story_id, revision, path, sha256, content_hash, url, title, "
            "published, access, at FROM changes WHERE seq > ? ORDER BY seq LIMIT ?",
            (since, size),
        ):
            with guarded(self._database):
                entries = [Change(*_typed(row, instants=(9, 11), access=10)) for row in page]
                last = rows.further(since, page[-1][0])
            yield from entries
            since, size = last, rows.PAGE

    def counts(self, *, runs: int = 5) -> Figures:
        """Return the figures of the archive, with the last so many runs. Reads whole tables."""
        with guarded(self._database):
            return Figures(
                stories=self._count("stories"),
                revisions=self._count("revisions"),
                aliases=self._count("aliases"),
                sightings=self._count("sightings"),
                by_era={word(Era, era): n for era, n in self._groups("era")},
                by_access={word(Access, access): n for access, n in self._groups("access")},
                by_month=dict(self._groups("substr(published, 1, 7)")),
                visits=tuple(self._visits()),
                runs=tuple(self._runs(runs)),
                sources=tuple(rows.read_sources(self._connection)),
                hosts=self._hosts(),
                last_change=self.last_change(),
                database_bytes=self._database.stat().st_size,
                gone=self._count("stories WHERE gone_at IS NOT NULL"),
                kept_pages=self._count("kept_pages"),
                captures=self._count("captures"),
                warc_bytes=captures.own_bytes(self._connection),
            )

    def watches(self) -> tuple[Watch, ...]:
        """Return what is remembered of all watches, by name."""
        with guarded(self._database):
            return tuple(watches.read_watches(self._connection))

    def polls(self, since: datetime) -> tuple[Poll, ...]:
        """Return the polls of all watches made since then, oldest first."""
        with guarded(self._database):
            return tuple(watches.read_polls(self._connection, since))

    def note(self, name: str) -> str | None:
        """Return a small text that was noted under a name."""
        with guarded(self._database):
            return watches.read_note(self._connection, name)

    def coverage(self, since: date, until: date) -> tuple[Coverage, ...]:
        """Return how far each issue day is covered, both ends included, days without stories too.

        A story counts once on each day under which it was seen.
        """
        found = self._all(
            "WITH known AS (SELECT DISTINCT day, story_id FROM sightings "
            "WHERE day BETWEEN ? AND ?), "
            "ends AS (SELECT day, CASE "
            "WHEN EXISTS (SELECT 1 FROM stories s WHERE s.story_id = k.story_id) "
            "OR EXISTS (SELECT 1 FROM aliases a WHERE a.story_id = k.story_id) THEN 'ours' "
            "ELSE (SELECT state FROM visits v WHERE v.story_id = k.story_id) END AS state "
            "FROM known k) "
            "SELECT day, count(*), sum(state IS 'ours'), sum(state IS 'rejected'), "
            "sum(state IS 'failed'), sum(state IS NULL OR state IN ('pending', 'held')) "
            "FROM ends GROUP BY day",
            (since.isoformat(), until.isoformat()),
        )
        by_day = {day: counts for day, *counts in found}
        days = (since + timedelta(days=n) for n in range((until - since).days + 1))
        return tuple(Coverage(day, *by_day.get(day.isoformat(), ())) for day in days)

    def _visits(self) -> Iterator[VisitFigure]:
        # SQLite gives the bare column `url` from the row that holds the maximum.
        for state, reason, count, url, _ in self._all(
            "SELECT state, reason, count(*), url, max(checked_at) FROM visits "
            "GROUP BY state, reason ORDER BY state, count(*) DESC"
        ):
            yield VisitFigure(word(VisitState, state), reason, count, url)

    def _runs(self, limit: int) -> Iterator[Run]:
        for command, started_at, ended_at, counts, outcome in self._all(
            "SELECT command, started_at, ended_at, counts, outcome FROM runs "
            "ORDER BY id DESC LIMIT ?",
            (limit,),
        ):
            yield Run(
                command,
                instant(started_at),
                instant(ended_at) if ended_at else None,
                json.loads(counts) if counts else {},
                outcome,
            )

    def _hosts(self) -> dict[str, HostState]:
        names = self._all("SELECT host FROM hosts ORDER BY host")
        return {host: rows.read_host(self._connection, host) for (host,) in names}

    def _groups(self, expression: str) -> list[tuple[str, int]]:
        return self._all(f"SELECT {expression}, count(*) FROM stories GROUP BY 1 ORDER BY 1")  # noqa: S608

    def _count(self, table: str) -> int:
        return int(self._all(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608

    def _all(self, sql: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with guarded(self._database):
            return self._connection.execute(sql, values).fetchall()

    def _article(self, row: tuple[Any, ...]) -> ArticleRow:
        with guarded(self._database):
            return ArticleRow(*_typed(row, instants=(3, 10, 11), access=5))


def _typed(
    row: tuple[Any, ...], *, instants: tuple[int, ...], access: int | None = None
) -> list[Any]:
    """Return the values of a row with those columns turned from text into what they mean."""
    values = list(row)
    for column in instants:
        values[column] = instant(values[column])
    if access is not None:
        values[access] = word(Access, values[access])
    return values


@contextmanager
def open_archive(seeds: Path, state: Path) -> Iterator[Reader]:
    """Open an archive for reading only; a writer may be at work.

    Raises DatabaseUnusable when there is none, or one that this version cannot read.
    """
    path = state / CATALOGUE
    connection = connect_reader(path)
    try:
        yield Reader(connection, seeds, path)
    finally:
        connection.close()
