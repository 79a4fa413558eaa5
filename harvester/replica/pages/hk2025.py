# ruff: noqa: E501 - markup keeps its lines
"""Pages of www.zaobao.com since 2025-07-29, built on Astro."""

from __future__ import annotations

from harvester.replica.pages.markup import attr, chunks, esc, interleave, json_ld, script_json
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
from harvester.replica.story import Figure, Story


def render(story: Story, host: str) -> str:
    """Return the page; its charset stands only in a meta element."""
    url = f"https://{host}/{story.path}"
    return f"""<!DOCTYPE html><html lang="zh-CN"><head><meta charset="utf-8">
<title>{esc(story.title)} | 联合早报网</title>
<meta name="generator" content="Astro v5.12.3">
{trackers("astro")}
<link rel="canonical" href="{url}">
<meta property="og:title" content="{attr(story.title)}">
{json_ld({"@context": "https://schema.org", "@type": "BreadcrumbList", "itemListElement": [{"name": section_name(story.section)}]})}
{json_ld(_linked_data(story))}
</head><body>
{menu("astro-nav", 3)}
{_island("Header", story)}
<main class="article-main"><div class="article-wrap">
<div class="breadcrumb" data-testid="breadcrumb"><a href="/">首页</a><a href="/{story.section}">{section_name(story.section)}</a></div>
<h1 class="article-title" data-testid="article-title">{esc(story.title)}</h1>
<div class="article-meta" data-testid="article-meta"><span>{esc(story.author)}</span><time>{_clock(story)}</time></div>
{share_box("share-bar", url)}
{_banner(story)}
<article id="article-body" class="article-body">{_body(story)}</article>
<div data-testid="related-words">{_tags(story)}</div>
</div>
{most_read(story, "hot-news")}
</main>
{cards(story, "article-list-related", "相关阅读", 16)}
{_island("Footer", story)}
{footer(1)}
</body></html>
"""


def _clock(story: Story) -> str:
    at = story.local
    return f"{at.year}年{at.month}月{at.day}日 {at:%H:%M}"


def _linked_data(story: Story) -> dict[str, object]:
    return {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": story.title,
        "datePublished": story.local.isoformat(),
        "keywords": list(story.tags),
        "author": [{"@type": "Person", "name": story.author or "联合早报"}],
    }


def _island(component: str, story: Story) -> str:
    props = attr(script_json({"section": [0, story.section], "items": [1, list(range(60))]}))
    return f'<astro-island uid="Z1{component}" component-url="/_astro/{component}.js" props="{props}" ssr client="idle"><div class="{component.lower()}">早报{component}</div></astro-island>'


def _tags(story: Story) -> str:
    return "".join(
        f'<a class="keyword-tag_item" href="/keywords/{attr(tag)}">{esc(tag)}</a>'
        for tag in story.tags
    )


def _banner(story: Story) -> str:
    if not story.figures:
        return ""
    figure = story.figures[0]
    return f'<div data-testid="article-banner"><img src="{attr(figure.url)}" title="{attr(figure.caption)}" alt=""><div class="article-pic-title">{esc(figure.caption)}</div></div>'


def _body(story: Story) -> str:
    elements = chunks(story.body)
    extras = {0: _summary(story), 2: _island("Ad", story), 4: _further(story)}
    extras |= {3 + 3 * at: _inline(figure) for at, figure in enumerate(story.figures[1:])}
    extras[5] = "".join(
        f'<div class="embed"><iframe src="{attr(e)}"></iframe></div>' for e in story.embeds
    )
    extras[len(elements)] = (
        '<div class="read-on-app-cover"><p>打开早报应用，阅读更流畅</p><button>打开</button></div>'
    )
    return "".join(interleave(elements, extras))


def _summary(story: Story) -> str:
    _, _, teaser = other_headlines(story, 1, "summary")[0]
    return f"<zb-ai-summary><p>摘要：{esc(teaser)}</p></zb-ai-summary>"


def _further(story: Story) -> str:
    links = "".join(
        f'<p><a href="{path}">{esc(title)}</a></p>'
        for path, title, _ in other_headlines(story, 2, "further")
    )
    return f'<div class="further-reading"><h3>延伸阅读</h3>{links}</div>'


def _inline(figure: Figure) -> str:
    return f'<div class="inline-image-container"><img src="{attr(figure.url)}" title="{attr(figure.caption)}"><img src="/expand.svg" alt="expend icon"><div class="article-pic-title">{esc(figure.caption)}</div></div>'
