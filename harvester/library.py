"""The library for other programs: read and write posts, read pages, look into an archive."""

from __future__ import annotations

from harvester.drafts import normalise
from harvester.post import Post, diff_posts, read_post, write_post
from harvester.store import open_archive

__all__ = ["Post", "diff_posts", "normalise", "open_archive", "read_post", "write_post"]
