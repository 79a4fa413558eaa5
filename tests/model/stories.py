"""The few stories of the model, each with as many texts as there are numbers.

A text is a number, the same one in every story: two stories may well have one text. All stories
are of two days and a few titles, so that they want each other's file names.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from harvester.model import Article, Era, Instant
from harvester.post import Post, write_post
from harvester.replica import Story
from harvester.replica.making import make
from harvester.replica.story import Block
from tests.e2e.support import address, read

BEGIN = datetime(2026, 10, 1, 4, 0, tzinfo=UTC)
"""When the clock of each example begins."""

STORIES = 6
TEXTS = 8
_TITLES = ("甲：会面", "A", "a", "A：会面")
_FIRST_ID = 9_700_000
# The last text is long: a full disk cuts it off in the middle.
_LENGTHS = (1, 1, 2, 3, 1, 2, 5, 300)


@lru_cache
def shown(number: int, text: int) -> Story:
    """Return a story as the site shows it with a text."""
    day = "2026-07-10" if number % 2 else "2026-08-10"
    path = f"realtime/china/story{day.replace('-', '')}-{_FIRST_ID + number}"
    plain = make(path, Era.SG_2024, f"{day}T09:00:00")
    title, blocks = said(text)
    body = tuple(Block("p", block) for block in blocks)
    return replace(plain, title=title, body=body, author="", tags=(), figures=())


def said(text: int) -> tuple[str, tuple[str, ...]]:
    """Return title and paragraphs of a text."""
    one = f"第{text}稿说，王毅与布林肯在罗马会面，各方都等明天的结果，谁也不愿先把话说死。"
    return _TITLES[text % len(_TITLES)], (one, *(f"{one}之{n}。" for n in range(_LENGTHS[text])))


def identity(number: int) -> str:
    """Return the id of a story."""
    return str(_FIRST_ID + number)


def number_of(story_id: str) -> int:
    """Return the number of the story with an id."""
    return int(story_id) - _FIRST_ID


def url(number: int) -> str:
    """Return the address of a story."""
    return address(shown(number, 0))


def article(number: int, text: int) -> Article:
    """Return a story as its page is read."""
    story = shown(number, text)
    body = "".join(f"<p>{block}</p>" for block in story.blocks)
    return Article(
        story_id=story.story_id,
        url=url(number),
        section=story.section,
        title=story.title,
        published=Instant(story.published, "json-ld"),
        body=body,
        blocks=story.blocks,
        era=Era.SG_2024,
    )


def published(number: int) -> datetime:
    """Return when a story was published."""
    return shown(number, 0).published


def old_post(number: int, text: int, date: datetime) -> bytes:
    """Return the post of somebody who took the story from the site at a date."""
    return write_post(replace(Post.from_article(article(number, text)), date=date))


@lru_cache(maxsize=4096)
def text_of(post: bytes) -> tuple[int, int]:
    """Return which text of which story a post holds, in every character."""
    found = read(post)
    number = number_of(found.url.rpartition("-")[2])
    for text in range(TEXTS):
        if (found.title, found.blocks) == said(text):
            return number, text
    raise AssertionError(f"a post with a text that nobody wrote: {found}")


def later(at: datetime, hours: float) -> datetime:
    """Return an instant so many hours later."""
    return at + timedelta(hours=hours)
