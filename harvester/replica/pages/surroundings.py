# ruff: noqa: E501 - markup keeps its lines
"""What stands around an article: menus, trackers, teasers of other stories, most-read lists.

It is most of a page's bytes, and everything in it looks a little like an article.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import cache

from harvester.replica.pages.markup import attr, dice, esc, script_json
from harvester.replica.story import Story
from harvester.replica.texts import Writer

EDITION = ContextVar("EDITION", default="")
"""Which other stories a page names: another edition has others, in another order."""

SECTIONS = {
    "realtime": "即时",
    "realtime/china": "即时中国",
    "realtime/singapore": "即时新加坡",
    "realtime/world": "即时国际",
    "realtime/finance": "即时财经",
    "news/singapore": "新加坡",
    "news/china": "中国",
    "news/world": "国际",
    "news/sea": "东南亚",
    "news/sports": "体育",
    "finance/singapore": "新加坡财经",
    "finance/china": "中国财经",
    "finance/world": "全球财经",
    "forum/editorial": "社论",
    "forum/views": "评论",
    "forum/talk": "交流站",
    "forum/comic": "漫画",
    "forum/zaodian": "早点",
    "entertainment": "娱乐",
    "lifestyle/columns": "专栏",
    "lifestyle/culture": "文化",
    "lifestyle/food": "美食",
    "lifestyle/gen": "生活",
    "lifestyle/health": "保健",
    "lifestyle/motoring": "汽车",
    "lifestyle/zodiac": "生肖",
    "wencui/politic": "文萃",
    "shorts": "短视频",
    "special/taiwan": "台海",
    "podcast": "播客",
}


def section_name(section: str) -> str:
    """Return the Chinese name of a section, or that of its first part's news page."""
    return SECTIONS.get(section, "新闻")


@cache
def menu(style: str, depth: int = 3) -> str:
    """Return a menu of every section, `depth` times: desktop, mobile, footer."""
    icon = (
        '<svg class="icon" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true"><path d="M12 2'
        'C6.48 2 2 6.48 2 12s4.48 10 10 10 10-4.48 10-10S17.52 2 12 2zm1 15h-2v-6h2v6zm0-8h-2V7h2v2z"/></svg>'
    )
    items = "\n".join(
        f'      <li class="{style}-item menu-level-{path.count("/")}"><a class="{style}-link" '
        f'href="/{path}" title="{name}" data-track="nav|{path}">{icon}<span>{name}</span></a></li>'
        for path, name in SECTIONS.items()
    )
    return "\n".join(
        f'<nav class="{style} {style}-{part}"><h2 class="visually-hidden">导航</h2>\n'
        f'    <ul class="{style}-list">\n{items}\n    </ul>\n</nav>'
        for part in ("desktop", "mobile", "footer")[:depth]
    )


@cache
def trackers(style: str) -> str:
    """Return the scripts of a head: tag manager, ad slots, a pixel whose picture leaves the head."""
    slots = {
        f"dfp-ad-{name}-{n}": [[728, 90], [970, 250]] for name in ("lb", "imu") for n in range(90)
    }
    config = {"theme": style, "ajaxPageState": {"js": {f"js/{n}.js": 1 for n in range(400)}}}
    return f"""<script>(function(w,d,s,l,i){{w[l]=w[l]||[];w[l].push({{'gtm.start':new Date().getTime(),
event:'gtm.js'}});var f=d.getElementsByTagName(s)[0],j=d.createElement(s);j.async=true;
j.src='https://www.googletagmanager.com/gtm.js?id='+i;f.parentNode.insertBefore(j,f);}})
(window,document,'script','dataLayer','GTM-XXXXXXX');</script>
<script>var googletag = googletag || {{}}; googletag.cmd = googletag.cmd || [];
googletag.slots = {script_json(slots)};</script>
<script type="application/json" data-site-settings="{style}">{script_json(config)}</script>
<noscript><img height="1" width="1" style="display:none" src="https://www.facebook.com/tr?id=0&amp;ev=PageView&amp;noscript=1"/></noscript>
<style>.{style}-link{{color:#1a1a1a;text-decoration:none}} .{style}-item:hover>a{{color:#c8102e}}
@media (max-width:767px){{.{style}-desktop{{display:none}}}}</style>"""


def other_headlines(story: Story, count: int, of: str) -> list[tuple[str, str, str]]:
    """Return (path, headline, teaser) of stories that are not this one."""
    luck = dice(f"{story.story_id}:{of}{EDITION.get()}")
    stem = f"/{story.section}/story{story.local:%Y%m%d}-9"
    chosen = luck.sample(_headlines(), count)
    return [(f"{stem}{luck.randrange(100_000):05}", title, teaser) for title, teaser in chosen]


@cache
def _headlines() -> tuple[tuple[str, str], ...]:
    """Return headlines with teasers that all pages share: to make them up takes most of a page."""
    writer = Writer("headlines")
    return tuple((writer.title(), writer.sentence()) for _ in range(500))


def cards(story: Story, style: str, heading: str, count: int = 6) -> str:
    """Return a box of related stories: headline, teaser, date, picture, as full articles have."""
    items = "\n".join(
        f'<article class="{style}-card"><a href="{path}"><img class="lazyload" alt="{attr(title)}" '
        f'data-src="https://static.zaobao.com/s3fs-public/related/{path[-7:]}.jpg" src="data:image/gif;'
        f'base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"></a><h3><a href="{path}">'
        f'{esc(title)}</a></h3><p class="teaser">{esc(teaser)}</p><span class="datestamp">'
        f"{story.local:%d/%m/%Y}</span></article>"
        for path, title, teaser in other_headlines(story, count, style + heading)
    )
    return f'<section class="{style}"><h2>{heading}</h2>\n{items}\n</section>'


def most_read(story: Story, style: str = "most-read") -> str:
    """Return the numbered list beside an article."""
    items = "\n".join(
        f'<li><span class="rank">{rank}</span><a href="{path}">{esc(title)}</a></li>'
        for rank, (path, title, _) in enumerate(other_headlines(story, 10, style), start=1)
    )
    return f'<aside class="{style}"><h2>热门</h2><ol>\n{items}\n</ol></aside>'


def share_box(style: str, url: str) -> str:
    """Return the row of share buttons."""
    targets = ("facebook", "twitter", "whatsapp", "telegram", "weibo", "email")
    links = "".join(
        f'<a class="{style}-{name}" href="https://share.example/{name}?u={attr(url)}">{name}</a>'
        for name in targets
    )
    return f'<div class="{style}"><span>分享</span>{links}</div>'


def breadcrumbs(story: Story, tag: str) -> str:
    """Return the way from the front page to the story's section in the opening tag given."""
    name = section_name(story.section)
    closing = tag.partition(" ")[0]
    return f'<{tag}><a href="/">首页</a> / <a href="/{story.section}">{name}</a></{closing}>'


def footer(depth: int = 1) -> str:
    """Return the foot of a page with the publisher's fixed words."""
    return (
        f'<footer class="site-footer">{menu("footer-menu", depth)}<p>早报应用 | 广告 | 联络我们 | 隐私政策</p>'
        "<p>MCI (P) 000/00/0000. 版权所有 © 替身报业，此页由复制品生成</p></footer>"
    )
