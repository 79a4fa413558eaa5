# ruff: noqa: E501 - markup keeps its lines
"""Pages of 2013 to early 2019: Drupal 7, themes ZB2013 and zb2016, on both hosts."""

from __future__ import annotations

from harvester.model import Access
from harvester.replica.pages.markup import attr, chunks, esc, interleave, json_ld
from harvester.replica.pages.surroundings import (
    breadcrumbs,
    cards,
    footer,
    menu,
    most_read,
    share_box,
    trackers,
)
from harvester.replica.story import HK, Figure, Story, Variant

_ASSETS = "/sites/all/themes/zb2016/assets/imgs"
_GIF = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
_WEEKDAYS = "一二三四五六日"
_PAYWALL = '\n      <span class="paywall-message">\n        请订阅或登录，以继续阅读全文！什么是早报订户新闻？\n      </span>\n'


def render(story: Story, host: str) -> str:
    """Return the page; the small templates are those of minor sections of 2016 and 2017."""
    match story.variant:
        case Variant.ZPOLITICS:
            content = _zpolitics(story)
        case Variant.CULTURE:
            content = _culture(story)
        case _:
            content = _main(story, host)
    return f"""<!DOCTYPE html>
<html lang="zh-hans" dir="ltr" prefix="og: http://ogp.me/ns# article: http://ogp.me/ns/article#">
{_head(story, host)}
<body class="html not-front not-logged-in no-sidebars page-node node-type-article">
<div id="skip-link"><a href="#main-content">跳转到主要内容</a></div>
{menu("zb-menu", 3)}
{breadcrumbs(story, 'section id="breadcrumbs"')}
{content}
{most_read(story)}
{cards(story, "view-related", "相关新闻", 8)}
{cards(story, "view-latest", "最新消息", 16)}
{footer(2)}
</body></html>
"""


def _head(story: Story, host: str) -> str:
    small = story.variant in (Variant.ZPOLITICS, Variant.CULTURE)
    label = "gb2312" if story.variant is Variant.GB2312 else "utf-8"
    lead = story.figures[0].url if story.figures else _share_image()
    site = "联合早报网" if host == HK else "早报"
    return f"""<head>
<meta http-equiv="Content-Type" content="text/html; charset={label}" />
<meta name="Generator" content="Drupal 7 (http://drupal.org)" />
<title>{esc(story.title)} | {site}</title>
{trackers("zb2016")}
<link rel="canonical" href="https://{host}/{story.path}" />
<meta property="og:site_name" content="{site}" />
<meta property="og:type" content="article" />
<meta property="og:title" content="{attr(story.title)}" />
<meta property="og:image" content="{attr(lead)}" />
<meta property="article:published_time" content="{story.local.isoformat()}" />
{"" if small else json_ld(_linked_data(story, lead))}
</head>"""


def _share_image() -> str:
    return f"https://www.zaobao.com.sg{_ASSETS}/zbsg/zaobaosg-facebook-share.png"


def _linked_data(story: Story, lead: str) -> dict[str, object]:
    text = "\n".join(story.blocks)
    return {
        "@context": "https://schema.org/",
        "@type": "NewsArticle",
        "headline": story.title,
        "datePublished": story.local.isoformat(),
        "author": {"@type": "Person", "name": story.author},
        "articleBody": text,
        "wordCount": len(text),
        "image": {"@type": "ImageObject", "url": lead},
    }


def _main(story: Story, host: str) -> str:
    byline = f'<span class="contributor meta-byline">文 / <a href="/byline/x">{esc(story.author)}</a></span>'
    preview = "购买此文章" if story.access is Access.PREVIEW else ""
    return f"""<div class="body-content" id="main-content">
<article id="MainCourse" class="node node-article">
  <h1>{esc(story.title)}</h1>
  <div class="article-meta">{byline if story.author else ""}
  <span class="datestamp date-published">发布/{_clock(story)}</span></div>
  {share_box("article-share", f"https://{host}/{story.path}")}
  {"".join(_picture(figure, lead=True) for figure in story.figures[:1])}
  <div class="article-content-container" id="FineDining">
{_body(story)}
  </div>
  <div class="article-below-container">
    <a class="btn-newspost" href="http://newspost.newslink.sg/">{preview}<img src="{_ASSETS}/icon_newspost_cn_new.png"></a>
    <a class="btn-newspost" href="http://newsmine.newslink.sg/"><img src="{_ASSETS}/icon_newsmine_cn_new.png"></a>
    <div class="panel hot-words"><span>热词 :</span>{_keywords(story)}</div>
    <p class="fb-like">请 LIKE 我们的官方面簿网页以获取更多新信息</p>
  </div>
</article></div>"""


def _clock(story: Story) -> str:
    at = story.local
    return f"{at.year}年{at.month}月{at.day}日 {at.hour % 12 or 12}:{at:%M %p}"


def _keywords(story: Story) -> str:
    return "".join(f'<a href="/keywords/{attr(tag)}">{esc(tag)}</a>' for tag in story.tags)


def _picture(figure: Figure, *, lead: bool) -> str:
    place = "media-holder main" if lead else "media-holder"
    url = attr(figure.url)
    return f"""<div class="{place}"><picture title="{attr(figure.caption)}">
      <source data-srcset="{url} 1x" media="(min-width:980px)"><source data-srcset="{_GIF} 1x">
    </picture><div class="caption">{esc(figure.caption)}</div></div>"""


def _body(story: Story) -> str:
    elements = [_spaced(element) for element in chunks(story.body)]
    if story.access is Access.PREVIEW:
        elements[-1] = elements[-1].replace("</p>", f"{_PAYWALL}</p>")
    extras = {2: '    <div id="dfp-ad-imu1" class="ad"><div>广告</div></div>'}
    extras |= {4 + at: _picture(figure, lead=False) for at, figure in enumerate(story.figures[1:])}
    extras[len(elements)] = "<p>&nbsp;</p>"
    return "\n".join(interleave(elements, extras))


def _spaced(element: str) -> str:
    """Return a paragraph with line ends inside, as the old editor wrote them."""
    if not element.startswith("<p>") or len(element) % 2:
        return f"    {element}"
    return f"    <p>\n\n{element.removeprefix('<p>').removesuffix('</p>')}\n\n</p>"


def _zpolitics(story: Story) -> str:
    day = f"{story.local:%Y年}{story.local.month}月{story.local:%d}日"
    return f"""<div class="container"><div class="row"><div class="col-md-8 col-xs-12">
  <h1 class="title">{esc(story.title)}</h1>
  <div id="article-content">
    <p class="date col-md-5">{day} 星期{_WEEKDAYS[story.local.weekday()]}</p>
{_body(story)}
    <button>分享</button>
  </div>
</div></div></div>"""


def _culture(story: Story) -> str:
    images = "".join(
        f'<li class="{"small" if at else "big"}"><img src="{attr(figure.url)}"></li>'
        for at, figure in enumerate(story.figures)
    )
    return f"""<div class="container"><h1 class="title">{esc(story.title)}</h1>
  <div id="article_content">
    <div id="a_image"><ul>{images}</ul></div>
    <div class="a_body">{"".join(chunks(story.body))}</div>
  </div></div>"""
