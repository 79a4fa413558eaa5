# ruff: noqa: E501 - markup keeps its lines
"""Pages of zaobao.com.sg from 2019 to mid 2024: the front end of 2019, then theme zbsg2020."""

from __future__ import annotations

from datetime import datetime

from harvester.model import Access
from harvester.replica.pages.markup import attr, chunks, dice, esc, interleave, json_ld
from harvester.replica.pages.surroundings import (
    breadcrumbs,
    cards,
    footer,
    menu,
    most_read,
    other_headlines,
    section_name,
    share_box,
    trackers,
)
from harvester.replica.story import HK, SITE_ZONE, Figure, Story, Variant

_DEFAULT_IMAGE = "/themes/custom/zbsg2020/images/default-img.png"
_FREEMIUM = "https://static.zaobao.com/s3fs-public/freemium_images"
_SUBSCRIBE = (
    "https://subscribe.sph.com.sg/promotions/zbpe-3-months-99-cents-promotion/?utm_source=zb"
)


def _since(year: int, month: int) -> datetime:
    return datetime(year, month, 1, tzinfo=SITE_ZONE)


def render(story: Story, host: str) -> str:
    """Return the page; ads, marks and bylines are those of the story's month."""
    site = "联合早报网" if host == HK else "早报"
    url = f"https://{host}/{story.path}"
    return f"""<!DOCTYPE html>
<html lang="zh-hans" dir="ltr">
<head>
<meta charset="utf-8" />
<title>{esc(story.title)} | {site}</title>
<meta name="description" content="{attr(story.blocks[0][:80])}" />
{trackers("zbsg2020")}
<link rel="canonical" href="{url}" />
<meta property="og:title" content="{attr(story.title)}" />
<meta property="og:image" content="{attr(story.figures[0].url if story.figures else "/themes/custom/zbsg2020/images/social-share.png")}" />
{json_ld(_linked_data(story))}
</head>
<body class="path-node page-node-type-article">
{menu("zb-nav", 3)}
<div class="settings-tray-editable" data-drupal-settingstray="editable">{breadcrumbs(story, 'div class="breadcrumb"')}</div>
<article class="article node--type-article">
  <header><h1 class="article-title">{esc(story.title)}</h1></header>
  {_byline(story)}
  {share_box("article-share-fb", url)}
  <div class="article-content js-fontsized">
    {_lead(story)}
    <div class="article-content-rawhtml">{_body(story)}</div>
  </div>
  <div class="keywords"><h4>关键词</h4><ul>{_keywords(story)}</ul></div>
  <div class="newspost-holder"><a href="http://newspost.newslink.sg/"><img src="{_DEFAULT_IMAGE}" alt="newspost"></a></div>
  <div id="NextPrevious">{cards(story, "next-previous", "上一篇 下一篇", 2)}</div>
</article>
<div id="outbrain-wrapper">{cards(story, "outbrain", "你可能感兴趣", 12)}</div>
{most_read(story)}
{cards(story, "article-list article-type", section_name(story.section), 12)}
{footer(2)}
</body></html>
"""


def _linked_data(story: Story) -> dict[str, object]:
    american = story.variant is Variant.US_DATE
    return {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": story.title,
        "datePublished": f"{story.local:%m/%d/%Y - %H:%M}" if american else story.local.isoformat(),
        "author": {"@type": "Person", "name": story.author or "联合早报"},
        "publisher": {"@type": "Organization", "name": "联合早报"},
    }


def _byline(story: Story) -> str:
    at = story.local
    clock = f"发布 / {at.year}年{at.month}月{at.day}日 {at.hour % 12 or 12}:{at:%M %p}"
    author = (
        f'<h4 class="title-byline byline">文 / <a href="/byline/x">{esc(story.author)}</a></h4>'
    )
    if at >= _since(2023, 2):
        group = "group-" if int(story.story_id) % 2 else ""
        date = f'<div class="{group}story-postdate"><span>{clock}</span></div>'
    else:
        date = f'<h4 class="title-byline date-published">{clock}</h4>'
    return f'<div class="article-meta">{author if story.author else ""}{date}</div>'


def _keywords(story: Story) -> str:
    return "".join(f'<li><a href="/keywords/{attr(tag)}">{esc(tag)}</a></li>' for tag in story.tags)


def _lead(story: Story) -> str:
    if not story.figures:
        return ""
    if len(story.figures) > 3:
        return f'<figure class="inline-figure"><div class="inline-figure-img">{_gallery(story)}</div></figure>'
    figure = story.figures[0]
    image = f'<img class="img-fluid lazyload" data-src="{attr(figure.url)}" title="{attr(figure.caption)}" alt="{attr(figure.caption)}">'
    return f"""<figure class="inline-figure"><div class="inline-figure-img"><div class="figure-media">{image}</div>
      <figcaption>{esc(figure.caption)}</figcaption>
    </div></figure>"""


def _gallery(story: Story) -> str:
    classes = (
        "figure-media figure-media-gallery figure-media-gallery-overlay js-figure-media-gallery"
    )
    slides = "\n".join(_slide(figure) for figure in story.figures)
    return f'<div class="{classes} js-figure-media-gallery-overlay">\n{slides}\n</div>'


def _slide(figure: Figure) -> str:
    image = f'<img class="lazyload" data-src="{attr(figure.url)}" alt="" data-caption="{attr(figure.caption)}" src="{_DEFAULT_IMAGE}">'
    return f"""<div class="figure-media-gallery-slide"><div class="figure-media-gallery-img">{image}<div class="tint"></div></div>
<figcaption><p>{esc(figure.caption)}</p></figcaption></div>"""


def _body(story: Story) -> str:
    elements = chunks(story.body)
    inline = story.figures[1:] if len(story.figures) <= 3 else ()
    extras = {3: _imu(story), 6: _midarticle(story)}
    extras |= {5 + 2 * at: _placeholder(figure) for at, figure in enumerate(inline)}
    extras[4] = "".join(_embed(url) for url in story.embeds)
    if story.access is Access.PREVIEW:
        extras[2] = _offer(story)
    return "\n".join(interleave(elements, extras)) + _tail(story)


def _imu(story: Story) -> str:
    if story.local < _since(2021, 5):
        return '<section id="imu"><div id="dfp-ad-imu1-wrapper" class="dfp-tag-wrapper"><div id="dfp-ad-imu1" class="dfp-tag-wrapper">\n      </div></div></section>'
    return '<section id="imu"><div id="dfp-ad-imu1">\n        </div></section>'


def _midarticle(story: Story) -> str:
    wrapper = "-wrapper" if story.local < _since(2021, 5) else ""
    return (
        '<p>&nbsp;</p><div id="innity-in-post"></div>'
        f'<div id="dfp-ad-midarticlespecial{wrapper}"><div id="dfp-ad-midarticlespecial"> </div></div>'
    )


def _placeholder(figure: Figure) -> str:
    image = (
        f'<img alt="pasted_image_0_Medium.png" height="284" src="{attr(figure.url)}" width="457">'
    )
    return f'<figure class="image-placeholder">{image}<figcaption>{esc(figure.caption)}</figcaption></figure>'


def _embed(url: str) -> str:
    return f'<div class="media_embed" height="315px" width="560px"><iframe allowfullscreen="" frameborder="0" height="315px" src="{attr(url)}" width="560px"></iframe></div>'


def _offer(story: Story) -> str:
    """Return the box that stands in the middle of a preview."""
    if story.local < _since(2021, 2):
        return """<div class="article-microtransaction">
      <div class="cta-subscribe">
        请<span id="js-cta-microtransaction">订阅或登录</span>，
        以继续阅读全文！
      </div>
      <div class="overlay overlay-microtransaction"><div class="overlay-content-microtransaction">购买订阅</div></div>
    </div>"""
    return f"""<div id="freemium_subscribe">
    <p>此文章为早报 订户 专享内容，什么是订户专享内容？</p>
    <p>请您选择以下方式，阅读全文：</p>
    <p>已是早报订户，请您登录后继续阅读全文。</p>
    <p>新用户体验价，每月只需 $0.99*。</p>
    <a><img data-src="{_FREEMIUM}/20210209/399-default-desktop-l_0_2.jpg"></a>
  </div>"""


def _tail(story: Story) -> str:
    """Return what editors and the shop left at the end of a body."""
    luck = dice(story.story_id).random()
    parts = []
    if luck < 0.3:
        parts.append(
            '<div id="gtx-trans" style="position: absolute; left: 120px; top: 940.379px;">'
            '<div class="gtx-trans-icon">&nbsp;</div></div>'
        )
    if luck > 0.7:
        path, title, _ = other_headlines(story, 1, "recommended")[0]
        parts.append(f'<p>推荐阅读：<a href="{path}">{esc(title)}</a></p>')
    if luck > 0.9:
        parts.append("<!--pagebreak-->")
    if _since(2021, 5) <= story.local < _since(2021, 12):
        parts += [_banner("view-desktop"), _banner("view-mobile")]
    if story.local >= _since(2022, 1):
        parts.append('      <div class="cx_paywall_placeholder" id="sph_cdp_40"></div>')
    return "\n".join(parts)


def _banner(kind: str) -> str:
    image = f"{_FREEMIUM}/20210901/paywall_{kind}-zbpe399_2.png?VersionId=dHEiGouxxZpWwWTJE04dyGyU"
    return f'<a href="{_SUBSCRIBE}&utm_medium=sph-publication" target="_blank"><img class="{kind} lazyload" data-src="{image}" alt style="width:100%;"></a>'
