"""The library for other programs: read and write posts, read pages, look into an archive."""

from __future__ import annotations

from harvester.drafts import normalise
from harvester.handoff.record import Record, records
from harvester.post import Post, diff_posts, read_post, write_post
from harvester.store import Selection, open_archive

__all__ = [
    "Post",
    "Record",
    "Selection",
    "diff_posts",
    "normalise",
    "open_archive",
    "read_post",
    "records",
    "write_post",
]
