# ruff: noqa: E501 - markup keeps its lines
"""Pages of zaobao.com.sg since mid 2024: React rendered on the server, fed by the CMS of 2024.

A page says everything three times: JSON-LD, hydration state and DOM. The variants take one away
or damage it.
"""

from __future__ import annotations

import json

from harvester.replica.pages.markup import (
    attr,
    chunks,
    dice,
    dressed,
    esc,
    interleave,
    json_ld,
    script_json,
)
from harvester.replica.pages.surroundings import (
    cards,
    footer,
    menu,
    most_read,
    other_headlines,
    section_name,
    share_box,
    trackers,
)
from harvester.replica.story import Figure, Story, Variant
from harvester.replica.texts import Writer

_SIZES = ("480", "768", "1140")
_SCRIPT_ESCAPES = {"&": "\\u0026", ">": "\\u003e", "<": "\\u003c"}


def render(story: Story, host: str) -> str:
    """Return the page with the sources of its variant."""
    url = f"https://{host}/{story.path}"
    share = (
        _sized(story.figures[0].url, "1200") if story.figures else "/_web2/assets/social-share.png"
    )
    return f"""<!DOCTYPE html>
<html lang="zh-Hans">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>{esc(story.title)} | 联合早报</title>
<meta name="contentType" content="article"/>
<meta property="og:title" content="{attr(story.title)}"/>
<meta property="og:image" content="{attr(share)}"/>
<meta property="og:description" content="{attr(story.blocks[0][:90])}"/>
{trackers("bff")}
<link rel="canonical" href="{url}"/>
{_linked_data(story)}
{_data_layer(story)}
</head>
<body class="bg-white font-sans antialiased">
<div id="root">
{menu("flex-nav", 3)}
<main class="mx-auto w-full max-w-[1140px] px-[15px] lg:grid lg:grid-cols-12 lg:gap-[30px]">
{_article(story, url)}
{most_read(story, "flex flex-col gap-[8px] trending")}
</main>
{cards(story, "card-listing grid gap-[16px]", section_name(story.section), 12)}
{footer(1)}
</div>
{_state(story)}
<script type="module" async="" src="/_web2/assets/entry-4f9a.js"></script>
</body></html>
"""


def _sized(url: str, width: str) -> str:
    return f"{url}?f=webp&o=zbimg&w={width}"


def _linked_data(story: Story) -> str:
    if story.variant is Variant.NO_JSONLD:
        return ""
    graph = {
        "@context": "https://schema.org",
        "@graph": [
            {"@type": "BreadcrumbList", "itemListElement": [{"name": section_name(story.section)}]},
            {
                "@type": "NewsArticle" if len(story.body) % 2 else "ReportageNewsArticle",
                "headline": story.title,
                "datePublished": story.local.isoformat(),
                "author": [{"@type": "Person", "name": story.author or "联合早报"}],
                "image": [_sized(figure.url, "1200") for figure in story.figures],
                "description": story.blocks[0][:90],
            },
        ],
    }
    element = json_ld(graph, ' id="seo-article-page"')
    if story.variant is Variant.CUT_JSONLD:
        return element[: len(element) // 2] + "</script>"
    if story.variant is Variant.CONTROL:
        return element.replace(story.title[:4], f"{story.title[:2]}\x0b{story.title[2:4]}\x1f", 1)
    return element


def _data_layer(story: Story) -> str:
    if story.variant is Variant.NO_LAYER:
        return ""
    data = {
        "pagetitle": story.title,
        "pubdate": f"{story.local:%Y-%m-%d %H:%M:%S}",
        "author": story.author,
        "contentcat": 1,
        "keyword": ",".join(story.tags),
        "section": story.section,
    }
    return f'<script id="ga_data_layer">var _data = {script_json(data)};</script>'


def _state(story: Story) -> str:
    """Return the state as React Router writes it: JSON in a string in JSON, `<`, `>`, `&` escaped."""
    if story.variant is Variant.NO_STATE:
        return ""
    article = {
        "article_id": story.story_id,
        "headline": story.title,
        "body_cn": "".join(
            chunks(story.body, lambda text: dressed(text).replace("\xa0", "&nbsp;"))
        ),
        "create_time": int(story.published.timestamp()),
        "tags": [{"id": at, "name": tag} for at, tag in enumerate(story.tags)],
        "images": [{"url": figure.url, "caption": figure.caption} for figure in story.figures],
        "byline": [{"name": story.author}] if story.author else [],
    }
    payload = {"article": article, "recommended": _recommended(story)}
    data = {"loaderData": {"0": None, "0-0": {"context": {"payload": payload}}}, "errors": None}
    text = json.dumps(json.dumps(data, ensure_ascii=False), ensure_ascii=False)
    for raw, escaped in _SCRIPT_ESCAPES.items():
        text = text.replace(raw, escaped)
    if story.variant is Variant.CUT_STATE:
        text = text[: len(text) // 3]
    return f"<script>window.__staticRouterHydrationData = JSON.parse({text});</script>"


def _recommended(story: Story) -> list[dict[str, object]]:
    return [
        {"headline": title, "href": path, "body_cn": f"<p>{teaser}</p>", "create_time": 1717200000}
        for path, title, teaser in other_headlines(story, 6, "state")
    ]


def _article(story: Story, url: str) -> str:
    at = story.local
    clock = f"{at.year}年{at.month}月{at.day}日 {at:%H:%M}"
    name = section_name(story.section)
    author = f'<a class="text-[14px] underline" href="/byline/x">{esc(story.author)}</a>'
    return f"""<article class="max-w-full lg:col-span-8 mx-auto">
<div class="flex items-center text-[14px]"><a href="/{story.section}">{name}</a></div>
<h1 class="text-[30px] font-bold leading-[42px] mb-[16px]">{esc(story.title)}</h1>
<div class="flex flex-wrap text-[14px] text-neutral-500">{author if story.author else ""}<span>发布/{clock}</span></div>
{share_box("flex gap-[12px] share", url)}
{_lead(story)}
<div class="articleBody text-[18px] leading-[32px] break-words">{_body(story)}</div>
<div class="flex py-[16px]"><a href="https://newspost.newslink.sg/?id={story.story_id}"><img src="/assets/newspost.svg" alt=""><span>购买此文章</span></a></div>
<div class="flex flex-wrap gap-[8px]"><img src="/assets/tag-icon.webp" alt="tag icon">{_tags(story)}</div>
<a class="block" href="{_previous(story)}?ref=previous-article">上一篇</a>
</article>"""


def _previous(story: Story) -> str:
    return other_headlines(story, 1, "previous")[0][0]


def _tags(story: Story) -> str:
    return "".join(
        f'<a class="rounded-full border px-[12px]" href="/keywords/{attr(tag)}">{esc(tag)}</a>'
        for tag in story.tags
    )


def _lead(story: Story) -> str:
    if not story.figures:
        return ""
    figure = story.figures[0]
    sources = ", ".join(f"{_sized(figure.url, width)} {width}w" for width in _SIZES)
    return f"""<button type="button" class="w-full cursor-zoom-in"><img src="{attr(_sized(figure.url, "1140"))}" srcset="{attr(sources)}" alt="{attr(figure.caption)}"></button>
<div class="text-[14px] text-neutral-500">{esc(figure.caption)}</div>"""


def _body(story: Story) -> str:
    if story.variant is Variant.STATE_ONLY:
        return ""
    elements = chunks(story.body, lambda text: dressed(text).replace("\xa0", "&nbsp;"))
    extras = {2: _ad("imu1"), 4: _recommend(story), 5: "".join(_embed(e) for e in story.embeds)}
    extras |= {3 + 4 * at: _inline(figure) for at, figure in enumerate(story.figures[1:])}
    extras[len(elements)] = _ad("midarticlespecial")
    return "".join(interleave(elements, extras))


def _ad(slot: str) -> str:
    kind = "bff-google-ad" if slot == "imu1" else "google-ad"
    return f'<div class="{kind} my-[16px]"><span>广告</span><div id="dfp-ad-{slot}"></div></div>'


def _recommend(story: Story) -> str:
    links = "".join(
        f'<a class="flex gap-[12px]" href="{path}"><img src="https://cassette.sphdigital.com.sg/image/'
        f'zaobao/{Writer(path).token(64, "0123456789abcdef")}?w=200" alt="{attr(title)}">'
        f"<p>{esc(title)}</p></a>"
        for path, title, _ in other_headlines(story, 2, "further")
    )
    return f'<div class="bff-recommend-article my-[24px]"><p>延伸阅读</p>{links}</div>'


def _inline(figure: Figure) -> str:
    return f"""<div class="inline-figure bff-inline-image"><div class="figure-media"><img src="{attr(_sized(figure.url, "768"))}" width="1200" height="800" alt="{attr(figure.caption)}"><button class="cursor-pointer bff-inline-image-expand-icon"><img src="/assets/expand.svg" alt="expend icon"></button></div>
<div class="figure-caption">{esc(figure.caption)}</div></div>"""


def _embed(url: str) -> str:
    number = dice(url).randint(6_000_000_000_000, 6_999_999_999_999)
    return f"""<div class="brightcove-container"><video-js data-video-id="{number}" data-account="4802324430001" data-player="default" controls></video-js></div>
<div class="bff-embed"><iframe src="{attr(url)}" width="560" height="315" allowfullscreen></iframe></div>"""
