"""A feed as a value, before it takes a form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from harvester.model import Access
from harvester.post.post import SITE
from harvester.store import StoryRow
from harvester.zaobao.sections import SECTIONS
from harvester.zaobao.urls import SG_HOST

LANGUAGE = "zh-Hans"
# What every id is derived from: changing it makes every story new to every feed reader.
_NAMESPACE = UUID("a4c13952-0fd2-4e80-a7f7-8be23a30e8b6")
_NAMES = {section.path: section.name for section in SECTIONS}


@dataclass(frozen=True, slots=True)
class Feed:
    """The newest stories of all sections or of one, the last published first.

    `updated` is the last change among them, `home` the page of the site that shows them.
    """

    id: str
    title: str
    home: str
    author: str
    updated: datetime
    entries: tuple[StoryRow, ...]


def feed_of(section: str | None, rows: Sequence[StoryRow]) -> Feed:
    """Return the feed of at least one story, of a section or (None) of all.

    A story that the site has taken away leaves the feed: a feed says what is there to be read, its
    link would lead nowhere, and neither form has a word for it. That counts as a change of the
    feed.
    """
    return Feed(
        id=_urn(f"section:{section or ''}"),
        title=f"{SITE} · {section_name(section)}" if section else SITE,
        home=f"https://{SG_HOST}/{section or ''}",
        author=SITE,
        updated=max(row.gone_at or row.updated_at for row in rows),
        entries=tuple(row for row in rows if row.gone_at is None),
    )


def entry_id(story: StoryRow) -> str:
    """Return the id of a story in every feed: addresses, hosts and titles change, its id never."""
    return _urn(f"story:{story.story_id}")


def section_name(section: str) -> str:
    """Return what people call a section.

    One that is not in the list of today's sections (old stories keep their old path) goes by its
    path.
    """
    return _NAMES.get(section, section)


def tags_of(story: StoryRow) -> tuple[str, ...]:
    """Return the tags of a story, and `preview` where the site served only its beginning."""
    return (*story.tags, "preview") if story.access is Access.PREVIEW else story.tags


def _urn(name: str) -> str:
    return uuid5(_NAMESPACE, name).urn
