# ruff: noqa: E501 - markup keeps its lines
"""What a site does to its readers overnight: pages and lists that are no longer what they were."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from harvester.replica.pages import render
from harvester.replica.pages.markup import esc
from harvester.replica.restyled import restyled
from harvester.replica.story import Block, Story

STALE = timedelta(days=10)
PROMOTION = "下载新版早报应用，订阅每日精选电邮通讯，首三个月只需九角九分，优惠月底截止。"
_TEASER = 50
_CONSENT = """<!DOCTYPE html><html lang="zh"><head><meta charset="utf-8"><title>Cookie 同意</title></head>
<body><div id="consent"><h1>我们重视您的隐私</h1><p>请同意使用 Cookie 以继续浏览。</p><button>同意</button></div></body></html>"""


class Redesign(StrEnum):
    """What became different; the last two are about lists, the others about the pages of stories."""

    UNKNOWN = "unknown"  # a layout of no known era
    TEASER = "teaser"  # the known layout, but only the first words of the body
    CONSENT = "consent"  # a consent page, with 200, for every story
    NO_AUTHOR = "no-author"  # the known layout without byline and keywords
    EXTRA = "extra"  # a promotion as one more paragraph of every body
    MARKUP = "markup"  # other markup, advertisements and links at every request, the same words
    LISTS = "lists"  # 200 in a shape that names no story where it was named
    STALE_LISTS = "stale-lists"  # only what is older than ten days


@dataclass(frozen=True, slots=True)
class Design:
    """A redesign in force; without `sections` it is everywhere."""

    kind: Redesign
    sections: tuple[str, ...]

    def rules(self, section: str) -> bool:
        """Say whether the redesign has come to a section, or to one above it."""
        return not self.sections or any(
            section == ruled or section.startswith(f"{ruled}/") for ruled in self.sections
        )


def page(kind: Redesign | None, story: Story, host: str, number: int) -> bytes:
    """Return the page of a story as redesigned, for request `number`."""
    if kind is Redesign.MARKUP:
        return restyled(story, host, number)
    write = _PAGES.get(kind, render) if kind else render
    return write(story, host)


def html_list(stories: list[Story]) -> bytes:
    """Return a section page that the known rules find no story in."""
    tiles = "\n".join(
        f'<div class="n-tile" data-slug="{story.story_id}"><span>{esc(story.title)}</span></div>'
        for story in stories
    )
    return f'<!DOCTYPE html><html lang="zh"><head><meta charset="utf-8"><title>早报</title></head><body><div id="n-app">{tiles}</div></body></html>'.encode()


def json_list(stories: list[Story]) -> bytes:
    """Return a JSON list in a shape that nobody knows."""
    nodes = [{"slug": story.story_id, "text": story.title} for story in stories]
    return json.dumps({"data": {"feed": {"nodes": nodes}}}, ensure_ascii=False).encode()


def stale(stories: list[Story], now: datetime) -> list[Story]:
    """Return those that a list shows which was forgotten ten days ago."""
    return [story for story in stories if story.published <= now - STALE]


def _unknown(story: Story, _: str) -> bytes:
    lines = "\n".join(f'<div class="n-line">{esc(text)}</div>' for text in story.blocks)
    return f"""<!DOCTYPE html><html lang="zh"><head><meta charset="utf-8"><title>{esc(story.title)}</title></head>
<body><div id="n-app"><div class="n-head"><div class="n-title">{esc(story.title)}</div><div class="n-when">{story.local:%d.%m.%y %H.%M}</div></div>
<div class="n-story">{lines}</div></div><script src="/_n/app.js"></script></body></html>""".encode()


def _consent(_: Story, __: str) -> bytes:
    return _CONSENT.encode()


def _teaser(story: Story, host: str) -> bytes:
    # Without white space, which readers do not count, and in one paragraph.
    words = "".join("".join(story.blocks).split())[:_TEASER]
    return render(replace(story, body=(Block("p", words),)), host)


def _no_author(story: Story, host: str) -> bytes:
    return render(replace(story, author="", tags=()), host)


def _extra(story: Story, host: str) -> bytes:
    return render(replace(story, body=(*story.body, Block("p", PROMOTION))), host)


_PAGES: dict[Redesign, Callable[[Story, str], bytes]] = {
    Redesign.UNKNOWN: _unknown,
    Redesign.CONSENT: _consent,
    Redesign.TEASER: _teaser,
    Redesign.NO_AUTHOR: _no_author,
    Redesign.EXTRA: _extra,
}
