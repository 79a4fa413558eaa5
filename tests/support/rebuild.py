"""The page a real post came from, rebuilt as in the description of the format, section 11."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta, timezone

_LAZY = re.compile(r'(<img[^>]*\sdata-src=[^>]*?) src="[^"]*" referrerpolicy="no-referrer">')
_PLAIN = re.compile(r'(<img[^>]*?) referrerpolicy="no-referrer">')
_GAP = re.compile(r">( {2,})<")
_LEAD = re.compile(
    r'(<div class="figure-media">(?:(?!</div>).)*</div> *<figcaption>.*?</figcaption> ?)(.*)',
    re.DOTALL,
)
_SINGAPORE = timezone(timedelta(hours=8))

_PAGE = """<!DOCTYPE html>
<html lang="zh"><head><meta charset="utf-8"><title>{title} | 早报</title>
<noscript><img height="1" src="https://www.facebook.com/tr?id=1"></noscript>
<meta property="og:title" content="{title}">
<script type="application/ld+json">{{"@context":"https://schema.org","@graph":[{{"@type":"NewsArticle",
"headline":{headline},"datePublished":"{stamp}"}}]}}</script></head>
<body><nav><ol class="breadcrumb"><li><a href="/realtime">即时</a></li></ol></nav>
<article><h1 class="article-title">{title}</h1>
<h4 class="title-byline date-published">发布 / {day}</h4>
<div class="article-content js-fontsized">
<figure class="inline-figure"><div class="inline-figure-img">{lead}</div></figure>
<div class="article-content-rawhtml">{body}</div></div>
<div class="keywords"><ul><li><a href="/keywords/a">中国</a></li></ul></div></article>
<div class="related"><h2><a href="/realtime/china/story20200101-1000001">别处的标题</a></h2>
<p>这一段不属于这篇新闻。</p></div><script>var ads = 1;</script></body></html>
"""


def page_of(title: str, published: datetime, body: str) -> bytes:
    """Return a page of the 2019 to 2024 form that shows this post."""
    published_here = published.astimezone(_SINGAPORE)
    undone = _PLAIN.sub(r"\1>", _LAZY.sub(r"\1>", body))
    lined = _GAP.sub(">\n\\1<", undone)
    lead = _LEAD.match(lined)
    return _PAGE.format(
        title=html.escape(title),
        headline='"' + title.replace("\\", "\\\\").replace('"', '\\"') + '"',
        stamp=published_here.isoformat(),
        day=f"{published_here:%Y年%m月%d日 %I:%M %p}",
        lead=lead[1] if lead else "",
        body=lead[2] if lead else lined,
    ).encode()
