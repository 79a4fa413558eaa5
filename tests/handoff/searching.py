"""Archives that are searched, for the tests of the search and of its command."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from harvester.drafts import draft_of_page
from harvester.handoff.search import Found, Listener, Search, find, parse
from harvester.model import Access, Article, Draft, Era, Instant, Visit, VisitState
from harvester.store import open_archive
from tests.handoff.follower_archive import NOON, open_writer


@dataclass
class Heard(Listener):
    """Remembers what it hears."""

    lines: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Hear why."""
        self.lines.append(text)

    def indexed(self, stories: int) -> None:
        """Hear how many."""
        self.counts.append(stories)


def story(
    story_id: str,
    title: str,
    *blocks: str,
    at: datetime = NOON,
    section: str = "realtime/china",
    access: Access = Access.FULL,
) -> Article:
    """Return a story of these paragraphs."""
    return Article(
        story_id=story_id,
        url=f"https://www.zaobao.com.sg/{section}/story20211101-{story_id}",
        section=section,
        title=title,
        published=Instant(at, "json-ld"),
        body="".join(f"<p>{block}</p>" for block in blocks) or "<p>。</p>",
        blocks=blocks,
        era=Era.SG_2019,
        access=access,
    )


def keep(root: Path, articles: Iterable[Article], seen: datetime = NOON) -> None:
    """Store stories as the site showed them at an instant."""
    keep_drafts(root, [draft_of_page(article, seen) for article in articles])


def keep_drafts(root: Path, drafts: Iterable[Draft]) -> None:
    """Store drafts."""

    async def put() -> None:
        async with open_writer(root) as archive:
            await asyncio.gather(*(archive.put(draft) for draft in drafts))

    asyncio.run(put())


def bury(root: Path, article: Article) -> None:
    """Mark a story as gone from the site."""

    async def put() -> None:
        visit = Visit(article.story_id, article.url, VisitState.REJECTED, NOON, "gone")
        async with open_writer(root) as archive:
            assert await archive.bury(visit)

    asyncio.run(put())


def look(root: Path, words: str | Search, listener: Listener | None = None) -> Found:
    """Search an archive."""
    search = Search(parse(words)) if isinstance(words, str) else words
    with open_archive(root / "seeds", root / "state") as archive:
        return find(archive, root / "state", search, listener or Listener())


def ids(found: Found) -> list[str]:
    """Return the stories found, in their order."""
    return [hit.story_id for hit in found.hits]
