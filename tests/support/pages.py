"""The smallest page of each era that shows a story: for tests that bring their own text."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

from harvester.model import Era

STORY = "/realtime/china/story20230312-1370001"
URL = f"https://www.zaobao.com.sg{STORY}"
HK_URL = f"https://www.zaobao.com{STORY}"
LONG = (
    "今天早上，临海湾的居民发现海水退得比往年更远，"
    "孩子们在沙滩上找到了许多贝壳，老人们说这是多年未见的景象。"
)
"""A paragraph that alone is long enough for an article."""

AT = datetime(2023, 3, 12, 2, 30, tzinfo=UTC)
NOW = datetime(2026, 10, 1, 4, 0, tzinfo=UTC)

_SINGAPORE = timezone(timedelta(hours=8))
_FRAMES = {
    Era.SG_2013: """<div class="body-content"><article id="MainCourse"><h1>{title}</h1>
<span class="datestamp date-published">发布/{clock}</span>
<div class="article-content-container" id="FineDining">{body}</div></article></div>""",
    Era.SG_2019: """<article><h1 class="article-title">{title}</h1>
<h4 class="title-byline date-published">发布 / {clock}</h4>
<div class="article-content js-fontsized"><div class="article-content-rawhtml">{body}</div></div>
</article>""",
    Era.SG_2024: """<article class="max-w-full"><h1>{title}</h1><time>{clock}</time>
<div class="articleBody">{body}</div></article>""",
    Era.HK_2020: """<h1 class="article-title">{title}</h1>
<div class="author-info"><div class="mgt10">{clock}</div></div>
<article class="article-body" id="article-body">{body}</article>""",
    Era.HK_2025: """<meta name="generator" content="Astro v5"><h1>{title}</h1><time>{clock}</time>
<article class="article-body" id="article-body">{body}</article>
<astro-island></astro-island>""",
}


def page(
    body: str,
    *,
    era: Era = Era.SG_2019,
    title: str = "临海湾海水退潮",
    at: datetime | None = None,
    head: str = '<meta charset="utf-8">',
) -> str:
    """Return a page with `body` as the markup of the story; `at` is stated to the minute.

    Without `at` it is `AT`, in the morning of the day in `STORY`.
    """
    here = (at or AT).astimezone(_SINGAPORE)
    clock = f"{here.year}年{here.month}月{here.day}日 {here.hour % 12 or 12}:{here:%M %p}"
    shown = _FRAMES[era].format(title=html.escape(title), clock=clock, body=body)
    return f"<!DOCTYPE html><html><head>{head}</head><body>{shown}</body></html>"


def paragraphs(texts: Sequence[str]) -> str:
    """Return texts as paragraphs."""
    return "".join(f"<p>{html.escape(text)}</p>" for text in texts)


def json_ld(value: object) -> str:
    """Return a JSON-LD script."""
    written = json.dumps(value, ensure_ascii=False).replace("</", "<\\/")
    return f'<script type="application/ld+json">{written}</script>'
