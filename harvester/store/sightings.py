"""Rows of addresses at which stories were seen, and which of them are to be looked at.

A sighting is `waiting` while its story has no visit, or a pending one without a time: kept up to
date here and by `rows.write_visit`. With it the few that are due are found among a million.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from harvester.model import Scope, StoryRef, Visit
from harvester.store.rows import PAGE, VISIT, further, stamp, visit_of

_Work = tuple[StoryRef, Visit | None]

_SIGHTING = "s.story_id, s.url, s.section, s.day, s.lastmod"
_VISIT = ", ".join(f"v.{column}" for column in VISIT.split(", "))


def write_sightings(connection: sqlite3.Connection, refs: Sequence[StoryRef], now: datetime) -> int:
    """Add addresses, keep the newest hint of a change; return how many were new.

    A source without hints (`lastmod` None) does not wipe out the hint of another.
    """
    seen = stamp(now)
    added = connection.executemany(
        "INSERT OR IGNORE INTO sightings (url, story_id, section, day, lastmod, first_seen, "
        "waiting) VALUES (:url, :story, :section, :day, :hint, :seen, NOT EXISTS (SELECT 1 "
        "FROM visits WHERE story_id = :story "
        "AND (state <> 'pending' OR next_check_at IS NOT NULL)))",
        [
            {
                "url": ref.url,
                "story": ref.story_id,
                "section": ref.section,
                "day": ref.day.isoformat(),
                "hint": ref.lastmod,
                "seen": seen,
            }
            for ref in refs
        ],
    ).rowcount
    connection.executemany(
        "UPDATE sightings SET lastmod = :hint WHERE url = :url AND lastmod IS NOT :hint",
        [{"hint": r.lastmod, "url": r.url} for r in refs if r.lastmod is not None],
    )
    return max(added, 0)  # -1 when there was nothing to add


def unseen(connection: sqlite3.Connection, refs: Iterable[StoryRef]) -> frozenset[str]:
    """Return the ids of stories that were seen at no address yet."""
    found = connection.execute(
        "SELECT value FROM json_each(?) "
        "WHERE NOT EXISTS (SELECT 1 FROM sightings WHERE story_id = value)",
        (json.dumps([ref.story_id for ref in refs]),),
    )
    return frozenset(story_id for (story_id,) in found)


def count_sightings(connection: sqlite3.Connection, scope: Scope) -> int:
    """Return how many addresses are in a scope."""
    condition, values = _in_scope(scope)
    (count,) = connection.execute(
        f"SELECT count(*) FROM sightings s WHERE {condition}",  # noqa: S608
        values,
    ).fetchone()
    return int(count)


def work_page(connection: sqlite3.Connection, scope: Scope, after: StoryRef | None) -> list[_Work]:
    """Return the next page of addresses after one, the latest day first, with their visits."""
    condition, values = _in_scope(scope)
    if after:
        condition += " AND (s.day, s.url) < (?, ?)"
        values += [after.day.isoformat(), after.url]
    rows = connection.execute(
        f"SELECT {_SIGHTING}, {_VISIT} "  # noqa: S608
        "FROM sightings s LEFT JOIN visits v USING (story_id) "
        f"WHERE {condition} ORDER BY s.day DESC, s.url DESC LIMIT {PAGE}",
        values,
    )
    page = [_work(row) for row in rows]
    if after and page:
        further(_place(page[-1][0]), _place(after))  # downwards
    return page


def _place(ref: StoryRef) -> tuple[str, str]:
    return ref.day.isoformat(), ref.url


def due(connection: sqlite3.Connection, now: datetime, scope: Scope, limit: int) -> list[_Work]:
    """Return up to `limit` stories to be looked at now, the latest day first, each once.

    Those whose time has come, of any day in the scope's sections, and those of the scope that
    nobody has visited. A story seen at several addresses has the one it was visited at, else the
    one it was first seen at.
    """
    found: dict[str, _Work] = {}
    for sql, values in (_timed(now, scope), _waiting(scope)):
        enough = len(found) + limit
        with closing(connection.execute(sql, values)) as rows:
            while len(found) < enough and (row := rows.fetchone()):
                found.setdefault(row[0], _work(row))
    ranked = sorted(found.values(), key=lambda work: (work[0].day, work[0].story_id), reverse=True)
    return ranked[:limit]


def _timed(now: datetime, scope: Scope) -> tuple[str, list[str]]:
    """Return the question for visits whose time has come, and its values."""
    condition, values = _in_scope(replace(scope, since=None, until=None))
    sql = (
        f"SELECT {_SIGHTING}, {_VISIT} FROM visits v CROSS JOIN sightings s "  # noqa: S608
        "WHERE v.next_check_at <= ? AND s.url = (SELECT url FROM "
        "(SELECT s.url, s.url <> v.url AS elsewhere, s.first_seen FROM sightings s "
        f"WHERE s.story_id = v.story_id AND {condition}) "
        "ORDER BY elsewhere, first_seen, url LIMIT 1) "
        "ORDER BY s.day DESC, s.story_id DESC"
    )
    return sql, [stamp(now), *values]


def _waiting(scope: Scope) -> tuple[str, list[str]]:
    """Return the question for addresses whose story waits for its first visit, and its values."""
    condition, values = _in_scope(scope)
    sql = (
        f"SELECT {_SIGHTING}, {_VISIT} "  # noqa: S608
        "FROM sightings s LEFT JOIN visits v USING (story_id) "
        f"WHERE s.waiting = 1 AND {condition} "
        "ORDER BY s.day DESC, s.story_id DESC, s.first_seen, s.url"
    )
    return sql, values


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


def _work(row: Sequence[Any]) -> _Work:
    story_id, url, section, day, lastmod, *visit = row
    try:
        ref = StoryRef(story_id, url, section, date.fromisoformat(day), lastmod)
    except ValueError as error:
        raise sqlite3.DataError(f"{day!r} is no day") from error
    return ref, visit_of(visit) if visit[0] else None
