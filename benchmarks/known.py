"""An archive that knows many stories already, made in seconds: rows without files.

The rows are put in by SQL, in the store's own tables and with its seals, as a run would have left
them: seen in the sitemap, visited, held with one text, kept as a page in a WARC file. All have one
short post, and no files: neither is looked at by who writes other stories.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from benchmarks.export import drafts
from benchmarks.newspaper import SITE, Listed
from harvester.drafts import draft_of_page
from harvester.store import CATALOGUE
from harvester.store.database import connect_writer, transaction
from harvester.store.schema import SEALED

_SEEN = "2026-10-01T04:00:00Z"
_SIGHTINGS = (
    "INSERT INTO sightings (url, story_id, section, day, lastmod, first_seen, waiting) "
    "VALUES (?, ?, ?, ?, ?, ?, 0)"
)
# What follows from an address; hashes and seals are made by SQLite.
_ROWS = (
    """
    INSERT INTO visits (story_id, url, state, checked_at, reason, failures, etag, lastmod,
        published)
    SELECT story_id, url, 'held', :seen, '', 0, story_id, lastmod,
        strftime('%Y-%m-%dT%H:%M:%SZ', lastmod)
    FROM sightings ORDER BY story_id
    """,
    """
    INSERT INTO stories (story_id, url, section, title, published, published_source, author, tags,
        access, era, content_hash, path, path_key, sha256, size, revision, first_seen, updated_at,
        observed_at, seq)
    SELECT story_id, url, section, '标题' || story_id,
        strftime('%Y-%m-%dT%H:%M:%SZ', lastmod), 'json-ld', '', '["中国"]', 'full',
        'sg-2019', 'v1:' || lower(hex(randomblob(32))), day || '-' || story_id || '.md',
        day || '-' || story_id || '.md', post_sha256(), post_size(), 1, :seen, :seen,
        :seen, row_number() OVER (ORDER BY story_id)
    FROM sightings ORDER BY story_id
    """,
    f"UPDATE stories SET seal = seal({SEALED['stories']})",  # noqa: S608
    """
    INSERT INTO revisions (story_id, revision, content_hash, title, published, observed_at,
        stored_at, sha256, post)
    SELECT story_id, 1, content_hash, title, published, observed_at, first_seen, sha256,
        post_packed() FROM stories ORDER BY story_id
    """,
    f"UPDATE revisions SET seal = seal({SEALED['revisions']})",  # noqa: S608
    """
    INSERT INTO changes (seq, op, story_id, revision, path, sha256, content_hash, url, title,
        published, access, at)
    SELECT seq, 'new', story_id, 1, path, sha256, content_hash, url, title, published, access,
        first_seen FROM stories ORDER BY seq
    """,
    f"UPDATE changes SET seal = seal({SEALED['changes']})",  # noqa: S608
    "INSERT INTO warc_files (name, size) VALUES ('/elsewhere/known.warc.gz', 1)",
    """
    INSERT INTO captures (story_id, url, final_url, status, seen_at, stored_at, source, verdict,
        reason, archival, content_hash, sha256, mode, parser, path, digest, lastmod, file, offset,
        length)
    SELECT story_id, url, url, 200, first_seen, first_seen, 'site', 'new', '', 0, content_hash,
        sha256, 'clean', '1', path, 'sha1:' || hex(randomblob(16)), NULL,
        (SELECT id FROM warc_files), 16000 * seq, 16000 FROM stories ORDER BY seq
    """,
)


def make_known(state: Path, stories: Iterable[Listed]) -> None:
    """Make a catalogue that knows these stories; `state` must hold none yet."""
    state.mkdir(parents=True)
    with closing(connect_writer(state / CATALOGUE)) as connection:
        _hurry(connection)
        _offer_post(connection)
        with transaction(connection):
            connection.executemany(_SIGHTINGS, map(_sighting, stories))
            for statement in _ROWS:
                connection.execute(statement, {"seen": _SEEN})


def _sighting(story: Listed) -> tuple[str, ...]:
    url, day = f"{SITE}/{story.path}", f"{story.at:%Y-%m-%d}"
    return url, story.story_id, story.section, day, story.hint, _SEEN


def _offer_post(connection: sqlite3.Connection) -> None:
    """Let SQL have the one post; a million of real length would fill a small memory."""
    long = next(drafts(1))
    article = replace(long.article, body="<p>旧闻。</p>", blocks=("旧闻。",))
    draft = draft_of_page(article, long.observed_at)
    packed = zlib.compress(draft.data)
    connection.create_function("post_sha256", 0, lambda: draft.sha256, deterministic=True)
    connection.create_function("post_size", 0, lambda: len(draft.data), deterministic=True)
    connection.create_function("post_packed", 0, lambda: packed, deterministic=True)


def _hurry(connection: sqlite3.Connection) -> None:
    """Do without what a crash would need; who opens the catalogue next sets its own."""
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -500000"):
        connection.execute(f"PRAGMA {pragma}")
