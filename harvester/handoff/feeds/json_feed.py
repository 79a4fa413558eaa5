"""A feed as JSON Feed 1.1 (https://jsonfeed.org/version/1.1)."""

from __future__ import annotations

import json

from harvester.handoff.feeds.feed import LANGUAGE, Feed, entry_id, tags_of
from harvester.handoff.record import html_of
from harvester.store import StoryRow


def json_feed(feed: Feed) -> bytes:
    """Return the feed as a JSON Feed document, the same bytes for the same feed.

    It has no `feed_url`: the address under which it will be served is not known here.
    """
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.home,
        "language": LANGUAGE,
        "authors": [{"name": feed.author}],
        "items": [_item(story) for story in feed.entries],
    }
    # What is no Unicode text, half a surrogate pair, becomes `?`.
    return json.dumps(document, ensure_ascii=False).encode(errors="replace")


def _item(story: StoryRow) -> dict[str, object]:
    """Return a story as an item; `_harvester` is the extension that names its place here."""
    authors = {"authors": [{"name": story.author}]} if story.author else {}
    return {
        "id": entry_id(story),
        "url": story.url,
        "title": story.title,
        "content_html": html_of(story),
        "date_published": story.published.isoformat(),
        "date_modified": story.updated_at.isoformat(),
        **authors,
        "tags": [story.section, *tags_of(story)],
        "_harvester": {
            "story_id": story.story_id,
            "access": story.access,
            "path": story.path,
            "sha256": story.sha256,
            "seq": story.seq,
            "revision": story.revision,
        },
    }
