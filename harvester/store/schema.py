"""The tables of the catalogue, as ordered steps; the last step taken is in `user_version`."""

from __future__ import annotations

APPLICATION_ID = 0x48415256  # "HARV": tells our catalogue from every other SQLite file

# What the seal of a row is made of: all that it says, but for the text, which has its SHA-256.
SEALED = {
    "stories": (
        "story_id, url, section, title, published, published_source, author, tags, access, era, "
        "content_hash, path, path_key, sha256, size, revision, first_seen, updated_at, "
        "observed_at, gone_at, seq"
    ),
    "revisions": (
        "story_id, revision, content_hash, title, published, observed_at, stored_at, sha256"
    ),
    "changes": (
        "seq, op, story_id, revision, path, sha256, content_hash, url, title, published, access, at"
    ),
}

# A step that has been released is never edited; a change is a new step at the end.
# `post` stands last but for the seal in `revisions`: reading the others does not touch its pages.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE sightings (
        url TEXT PRIMARY KEY,
        story_id TEXT NOT NULL,
        section TEXT NOT NULL,
        day TEXT NOT NULL,
        lastmod TEXT,
        first_seen TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sightings_by_day ON sightings (day, url);

    CREATE TABLE visits (
        story_id TEXT PRIMARY KEY,
        url TEXT NOT NULL,
        state TEXT NOT NULL,
        checked_at TEXT NOT NULL,
        reason TEXT NOT NULL,
        failures INTEGER NOT NULL,
        next_check_at TEXT,
        etag TEXT,
        last_modified TEXT,
        lastmod TEXT,
        published TEXT
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE stories (
        story_id TEXT PRIMARY KEY,
        url TEXT NOT NULL,
        section TEXT NOT NULL,
        title TEXT NOT NULL,
        published TEXT NOT NULL,
        published_source TEXT NOT NULL,
        author TEXT NOT NULL,
        tags TEXT NOT NULL CHECK (json_valid(tags)),
        access TEXT NOT NULL,
        era TEXT NOT NULL,
        content_hash TEXT NOT NULL,
        path TEXT NOT NULL UNIQUE,
        path_key TEXT NOT NULL UNIQUE,
        sha256 TEXT NOT NULL,
        size INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        first_seen TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        observed_at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX stories_by_hash ON stories (content_hash, story_id);

    CREATE TABLE revisions (
        story_id TEXT NOT NULL REFERENCES stories,
        revision INTEGER NOT NULL,
        content_hash TEXT NOT NULL,
        title TEXT NOT NULL,
        published TEXT NOT NULL,
        observed_at TEXT NOT NULL,
        stored_at TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        post BLOB NOT NULL,
        PRIMARY KEY (story_id, revision)
    ) STRICT;

    CREATE TABLE aliases (
        story_id TEXT PRIMARY KEY,
        of_story_id TEXT NOT NULL REFERENCES stories,
        url TEXT NOT NULL,
        content_hash TEXT NOT NULL,
        seen_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE changes (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        op TEXT NOT NULL CHECK (op IN ('new', 'revised', 'gone')),
        story_id TEXT NOT NULL,
        revision INTEGER NOT NULL,
        path TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        content_hash TEXT NOT NULL,
        url TEXT NOT NULL,
        title TEXT NOT NULL,
        published TEXT NOT NULL,
        access TEXT NOT NULL,
        at TEXT NOT NULL
    ) STRICT;

    CREATE TABLE sources (
        url TEXT PRIMARY KEY,
        etag TEXT,
        last_modified TEXT,
        checked_at TEXT,
        lastmod TEXT,
        newest TEXT
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE hosts (
        host TEXT PRIMARY KEY,
        robots TEXT,
        robots_at TEXT,
        rest_until TEXT,
        asked_at TEXT
    ) STRICT;

    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        command TEXT NOT NULL,
        started_at TEXT NOT NULL,
        ended_at TEXT,
        counts TEXT,
        outcome TEXT
    ) STRICT;

    CREATE TABLE dirty_folders (folder TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

    CREATE VIEW articles AS
        SELECT story_id, url, title, published, section, access, content_hash, path, sha256,
               revision, first_seen, updated_at
        FROM stories;
    """,
    """
    ALTER TABLE stories ADD COLUMN gone_at TEXT;
    ALTER TABLE hosts ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE visits ADD COLUMN missing_since TEXT;
    CREATE INDEX visits_by_next_check ON visits (next_check_at) WHERE next_check_at IS NOT NULL;

    -- 1 while nobody has visited the story: few of many, so that they are found at once.
    ALTER TABLE sightings ADD COLUMN waiting INTEGER NOT NULL DEFAULT 1;
    UPDATE sightings SET waiting = 0 WHERE story_id IN (
        SELECT story_id FROM visits WHERE state <> 'pending' OR next_check_at IS NOT NULL
    );
    CREATE INDEX sightings_by_story ON sightings (story_id);
    CREATE INDEX sightings_waiting
        ON sightings (day DESC, story_id DESC, first_seen, url) WHERE waiting = 1;

    CREATE TABLE watches (
        name TEXT PRIMARY KEY,
        url TEXT NOT NULL,
        etag TEXT,
        last_modified TEXT,
        checked_at TEXT,
        next_check_at TEXT,
        pause REAL NOT NULL,
        failures INTEGER NOT NULL,
        newest TEXT,
        problem TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE polls (
        watch TEXT NOT NULL,
        slot TEXT NOT NULL,
        at TEXT NOT NULL,
        cards INTEGER NOT NULL,
        fresh INTEGER NOT NULL,
        problem TEXT NOT NULL,
        PRIMARY KEY (watch, slot)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX polls_by_time ON polls (watch, at);

    CREATE TABLE kept_pages (
        story_id TEXT PRIMARY KEY,
        url TEXT NOT NULL,
        final_url TEXT NOT NULL,
        status INTEGER NOT NULL,
        fetched_at TEXT NOT NULL,
        charset TEXT,
        etag TEXT,
        last_modified TEXT,
        max_age REAL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE INDEX kept_pages_by_age ON kept_pages (fetched_at, story_id);

    CREATE TABLE notes (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL,
        at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
    """
    -- The last entry of the change log that tells of a story, so that what came after a number is
    -- found without reading the log.
    ALTER TABLE stories ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
    UPDATE stories SET seq = last.seq
        FROM (SELECT story_id, max(seq) AS seq FROM changes GROUP BY story_id) AS last
        WHERE last.story_id = stories.story_id;
    CREATE INDEX stories_by_change ON stories (seq);
    CREATE INDEX stories_by_time ON stories (published, story_id);
    CREATE INDEX stories_by_section ON stories (section, published, story_id);
    """,
    # SQLite has no sums of its own: a bit that flips in a column would be an answer like any other.
    "".join(
        f"ALTER TABLE {table} ADD COLUMN seal INTEGER; UPDATE {table} SET seal = seal({columns});"  # noqa: S608
        for table, columns in SEALED.items()
    ),
    """
    -- `size` is how far a file is known, `version` tells another file of its name from it,
    -- `merged_at` when all of somebody else's file was taken in.
    CREATE TABLE warc_files (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        size INTEGER NOT NULL,
        version TEXT NOT NULL DEFAULT '',
        merged_at TEXT
    ) STRICT;

    CREATE TABLE captures (
        id INTEGER PRIMARY KEY,
        story_id TEXT NOT NULL,
        url TEXT NOT NULL,
        final_url TEXT NOT NULL,
        status INTEGER NOT NULL,
        seen_at TEXT NOT NULL,
        stored_at TEXT NOT NULL,
        source TEXT NOT NULL,
        verdict TEXT NOT NULL,
        reason TEXT NOT NULL,
        archival INTEGER NOT NULL,
        content_hash TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        mode TEXT NOT NULL,
        parser TEXT NOT NULL,
        path TEXT NOT NULL,
        digest TEXT NOT NULL,
        lastmod TEXT,
        file INTEGER NOT NULL REFERENCES warc_files,
        offset INTEGER NOT NULL,
        length INTEGER NOT NULL,
        UNIQUE (file, offset)
    ) STRICT;
    CREATE INDEX captures_by_story ON captures (story_id, seen_at);
    CREATE INDEX captures_by_digest ON captures (digest) WHERE digest <> '';

    -- The same table, with one more `op`.
    CREATE TABLE changes_anew (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        op TEXT NOT NULL CHECK (op IN ('new', 'revised', 'renormalised', 'gone')),
        story_id TEXT NOT NULL,
        revision INTEGER NOT NULL,
        path TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        content_hash TEXT NOT NULL,
        url TEXT NOT NULL,
        title TEXT NOT NULL,
        published TEXT NOT NULL,
        access TEXT NOT NULL,
        at TEXT NOT NULL,
        seal INTEGER
    ) STRICT;
    INSERT INTO changes_anew SELECT seq, op, story_id, revision, path, sha256, content_hash, url,
        title, published, access, at, seal FROM changes ORDER BY seq;
    DELETE FROM sqlite_sequence WHERE name = 'changes_anew';
    INSERT INTO sqlite_sequence (name, seq)
        SELECT 'changes_anew', seq FROM sqlite_sequence WHERE name = 'changes';
    DROP TABLE changes;
    ALTER TABLE changes_anew RENAME TO changes;
    """,
)
