# ruff: noqa: E501 - markup keeps its lines
"""Pages of www.zaobao.com from 2020-11 to mid 2025; since 2022-07 with scrambled paragraphs."""

from __future__ import annotations

import base64
import string
from datetime import datetime

from harvester.replica.pages.markup import (
    attr,
    chunks,
    dice,
    dressed,
    esc,
    json_ld,
    with_attribute,
)
from harvester.replica.pages.surroundings import (
    breadcrumbs,
    cards,
    footer,
    menu,
    most_read,
    section_name,
    share_box,
    trackers,
)
from harvester.replica.story import SITE_ZONE, Figure, Story

_SCRAMBLED_SINCE = datetime(2022, 7, 1, tzinfo=SITE_ZONE)
_AD = '<section class="flex flex-pack-center"> <div class="adv-tag adv" id="dfp-ad-{}"></div> </section>'
_LETTERS = string.ascii_letters + string.digits


def order_key(position: int, prefix: str) -> str:
    """Return the `data-s` of a position: three characters without meaning, then base32 digits."""
    return prefix + base64.b32encode(str(position).encode()).decode()


def render(story: Story, host: str) -> str:
    """Return the page."""
    url = f"https://{host}/{story.path}"
    return f"""<!DOCTYPE html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<title>{esc(story.title)} | 联合早报网</title>
<meta name="keywords" content="{attr(",".join(story.tags))}">
{trackers("zbcom")}
<link rel="canonical" href="{url}">
<meta property="og:title" content="{attr(story.title)}">
{json_ld({"@context": "https://schema.org", "@type": "BreadcrumbList", "itemListElement": []})}
{json_ld(_linked_data(story))}
</head>
<body class="article-page">
{menu("zbcom-nav", 3)}
{breadcrumbs(story, 'div class="crumb"')}
<div class="container flex">
<div class="main">
<h1 class="article-title">{esc(story.title)}</h1>
<div class="author-info"><span class="author">{esc(story.author)}</span><div class="mgt10">{story.local:%Y-%m-%d %H:%M}</div><div class="mgt10">{share_box("share", url)}</div></div>
{_carousel(story)}
<article class="article-body" id="article-body">{_lead(story)} {_body(story)}</article>
<div class="keywords">{"".join(f'<a href="/keywords/{attr(tag)}">{esc(tag)}</a>' for tag in story.tags)}</div>
{cards(story, "recommend-list", "推荐", 8)}
</div>
{most_read(story, "hot-list")}
</div>
{cards(story, "list-block-group", section_name(story.section), 14)}
{footer(2)}
</body></html>
"""


def _linked_data(story: Story) -> dict[str, object]:
    return {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": story.title,
        "datePublished": story.local.isoformat(),
        "author": {"@type": "Organization", "name": story.author or "联合早报"},
    }


def _lead(story: Story) -> str:
    """Return a single picture: it stands in the body, in front, without an order key."""
    if len(story.figures) != 1:
        return ""
    figure = story.figures[0]
    return f' <a class="article-img" href="{attr(figure.url)}"> <img src="{attr(figure.url)}" alt="{attr(figure.caption)}"> <div class="img-desc"> {esc(figure.caption)} </div> </a>'


def _carousel(story: Story) -> str:
    if len(story.figures) < 2:
        return ""
    slides = "\n".join(_slide(figure) for figure in story.figures)
    return f'<div id="carousel-article" class="carousel slide"><div class="carousel-inner">{slides}</div></div>'


def _slide(figure: Figure) -> str:
    """Return a slide with the old address of the picture, which is the same object."""
    url = figure.url.replace(
        "https://static.zaobao.com/s3fs-public/", "https://www.zaobao.com/s3/files/"
    )
    return f'<div class="carousel-item"><img class="article-rotator-img lazyload" data-src="{attr(url)}" src="/images/default.png" alt="" data-caption="{attr(figure.caption)}"><div class="carousel-caption">{esc(figure.caption)}</div></div>'


def _body(story: Story) -> str:
    elements = chunks(story.body, lambda text: dressed(text).replace("\xa0", "&nbsp;"))
    elements.insert(min(2, len(elements)), _AD.format("imu1"))
    elements.insert(min(7, len(elements)), _AD.format("midarticlespecial"))
    elements += [
        f'<div class="media_embed"><iframe src="{attr(e)}"></iframe></div>' for e in story.embeds
    ]
    return " ".join(elements if story.local < _SCRAMBLED_SINCE else _scrambled(elements, story))


def _scrambled(elements: list[str], story: Story) -> list[str]:
    """Return the elements with their keys, in a wrong order; positions have holes."""
    luck = dice(story.story_id)
    position, keyed = 1, []
    for element in elements:
        position += 1 + (luck.random() < 0.2)
        key = order_key(position, "".join(luck.choices(_LETTERS, k=3)))
        keyed.append(with_attribute(element, f'data-s="{key}"'))
    luck.shuffle(keyed)
    return keyed
