# ruff: noqa: E501 - markup keeps its lines
"""Section listings of both hosts, HTML and JSON, with the foreign cards that stand in them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from harvester.replica.pages.markup import attr, esc
from harvester.replica.pages.surroundings import footer, menu, section_name, trackers
from harvester.replica.story import SITE_ZONE, Story

PAGE_SIZE = 20
SITEMAP_IDS = {"3": "realtime/china", "5": "realtime/world", "6": "realtime/finance"}
"""The numbers of sections in `/more/sitemap/<n>`; only that of realtime/china is known."""

_FOREIGN = (
    ("https://interactive.zaobao.com.sg/2026/tides/?ref=listing", "互动图表：潮汐一百年"),
    ("https://www.zaochenbao.com/realtime/china/story20260901-9500002", "另一家网站的新闻"),
    ("https://subscribe.sph.com.sg/promotions/?utm_source=zb", "广告：订阅早报"),
    ("/zvideos/news/story20260901-9500003", "视频：一分钟看天气"),
    ("/keywords/交通", "更多交通新闻"),
)


def sg_html(section: str, stories: Iterable[Story], now: datetime) -> bytes:
    """Return the section page of zaobao.com.sg since 2024-06-12."""
    cards = [_sg_card(_ref(story.path), story.title, _when(story, now)) for story in stories]
    for at, (url, title) in enumerate(_FOREIGN):
        cards.insert(2 * at + 1, _sg_card(url, title, ""))
    cards.insert(3, '<li class="card bff-google-ad"><div id="dfp-ad-imu2"></div></li>')
    listing = "\n".join(cards)
    return _page(section, f'<ul class="card-listing grid gap-[16px]">\n{listing}\n</ul>', "bff")


def _ref(path: str) -> str:
    return f"/{path}?ref=today-news-section-card"


def _when(story: Story, now: datetime) -> str:
    at, today = story.local, now.astimezone(SITE_ZONE).date()
    return f"{at:%H:%M}" if at.date() == today else f"{at:%m月%d日}"


def _sg_card(url: str, title: str, when: str) -> str:
    return f"""<li class="card"><div class="timestamp-card flex"><a class="block" href="{attr(url)}"><img src="/_web2/assets/social-share.png" alt=""></a>
<div class="content-header"><a href="{attr(url)}"><h2 class="card-header line-clamp-2">{esc(title)}</h2></a></div><div class="timestamp text-[12px]">{when}</div></div></li>"""


def sg_json(section: str, stories: list[Story], page: int) -> bytes:
    """Return a page of the JSON listing; /news/china and /news/world have the other shape."""
    shown = stories[page * PAGE_SIZE : (page + 1) * PAGE_SIZE]
    articles = [_json_item(story) for story in shown]
    if articles and page == 0:
        articles.insert(1, {"title": _FOREIGN[0][1], "href": _FOREIGN[0][0], "timestamp": 0})
    response: dict[str, object] = {"articles": articles}
    if section in ("news/china", "news/world"):
        key = section.replace("/", "_")
        response = {"pageContentList": [{"key": key, "articles": articles}]}
    return _json({"code": 200, "message": "success", "response": response})


def _json_item(story: Story) -> dict[str, object]:
    return {
        "title": story.title,
        "href": f"/{story.path}",
        "timestamp": int(story.published.timestamp()),
        "thumbnail": story.figures[0].url if story.figures else "",
        "summary": story.blocks[0][:60],
        "category_label": section_name(story.section),
    }


def hk_html_2025(section: str, stories: Iterable[Story]) -> bytes:
    """Return the section page of zaobao.com since 2025-07-30."""
    items = [_hk_card(f"/{s.path}", s.title, f"{s.local.month}月{s.local.day}日") for s in stories]
    for at, (url, title) in enumerate(_FOREIGN[:3]):
        items.insert(2 * at + 1, _hk_card(url, title, ""))
    listing = "\n".join(items)
    return _page(section, f'<div data-testid="article-list">\n{listing}\n</div>', "astro")


def _hk_card(url: str, title: str, day: str) -> str:
    return f'<article><a class="article-link" href="{attr(url)}" title="{attr(title)}"><h3>{esc(title)}</h3><span>{day}</span></a></article>'


def hk_html_2020(section: str, stories: Iterable[Story]) -> bytes:
    """Return the section page of zaobao.com of 2020-11 to 2025-07, with the number of its JSON."""
    numbers = [number for number, path in SITEMAP_IDS.items() if path == section]
    blocks = "\n".join(
        f'<a class="list-block" href="/{story.path}"><div class="text">{esc(story.title)}</div>\n'
        f"<div>{story.local:%m-%d}</div></a>"
        for story in stories
    )
    more = f'<div id="more" sitemapId="{numbers[0]}">更多</div>' if numbers else ""
    return _page(section, f'<div class="list">\n{blocks}\n</div>{more}', "zbcom")


def hk_json(stories: list[Story], page: int, size: int) -> bytes:
    """Return page `page`, from 1, of `/more/sitemap/<n>`."""
    shown = stories[(page - 1) * size : page * size]
    data = [
        {
            "title": story.title,
            "url": f"/{story.path}",
            "publicationDate": f"{story.local:%m-%d}",
            "contentPreview": story.blocks[0][:60],
        }
        for story in shown
    ]
    return _json({"result": {"total": len(stories), "data": data}})


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _page(section: str, content: str, style: str) -> bytes:
    name = section_name(section)
    return f"""<!DOCTYPE html><html lang="zh-Hans"><head><meta charset="utf-8"><title>{name} | 联合早报</title>
{trackers(style)}</head><body>{menu(f"{style}-nav", 3)}<main><h1>{name}</h1>
{content}
</main>{footer(1)}</body></html>""".encode()
