"""Rows of raw pages that are kept because their text was not written."""

from __future__ import annotations

import sqlite3
import zlib

from harvester.model import Page
from harvester.store.rows import instant, stamp

_MOST = 2_000


def keep(connection: sqlite3.Connection, story_id: str, page: Page) -> None:
    """Keep the page of a story instead of the one before; of too many drop the oldest."""
    connection.execute(
        "INSERT OR REPLACE INTO kept_pages (story_id, url, final_url, status, fetched_at, "
        "charset, etag, last_modified, max_age, body) VALUES (?,?,?,?,?,?,?,?,?,?)",
        (
            story_id,
            page.url,
            page.final_url,
            page.status,
            stamp(page.fetched_at),
            page.charset,
            page.etag,
            page.last_modified,
            page.max_age,
            zlib.compress(page.body),
        ),
    )
    connection.execute(
        "DELETE FROM kept_pages WHERE story_id IN (SELECT story_id FROM kept_pages "
        "ORDER BY fetched_at DESC, story_id DESC LIMIT -1 OFFSET ?)",
        (_MOST,),
    )


def read(connection: sqlite3.Connection, story_id: str) -> Page | None:
    """Return the page that is kept of a story. Raises sqlite3.DataError: the row is damaged."""
    row = connection.execute(
        "SELECT url, final_url, status, body, fetched_at, charset, etag, last_modified, max_age "
        "FROM kept_pages WHERE story_id = ?",
        (story_id,),
    ).fetchone()
    if row is None:
        return None
    url, final_url, status, body, fetched_at, *rest = row
    try:
        return Page(url, final_url, status, zlib.decompress(body), instant(fetched_at), *rest)
    except zlib.error as error:
        raise sqlite3.DataError(f"the kept page of story {story_id} is damaged") from error


def drop(connection: sqlite3.Connection, story_id: str) -> None:
    """Keep no page of a story any more."""
    connection.execute("DELETE FROM kept_pages WHERE story_id = ?", (story_id,))
