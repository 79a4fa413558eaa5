"""Whole pages of every era are read as the replica's truth says."""

from __future__ import annotations

import re

import pytest
from selectolax.lexbor import LexborHTMLParser

from harvester import drafts
from harvester.model import Access, Article, BodyMode, Era
from harvester.replica import Site, Story, Variant
from harvester.replica.site import NOW
from harvester.zaobao import read_article, story_ref
from tests.support.pages import LONG, URL, json_ld, page, paragraphs

SITE = Site.arranged()
PAGES = [(shown.story, url) for shown in SITE.truth() for url in shown.urls]


def _harvested(url: str, mode: BodyMode = BodyMode.CLEAN) -> Article:
    host, _, path = url.removeprefix("https://").partition("/")
    answer = SITE.answer(host, f"/{path}")
    if answer.location:
        return _harvested(answer.location, mode)
    return read_article(answer.body, story_ref(url), NOW, mode=mode, charset=answer.charset)


def _said(story: Story) -> tuple[str, ...]:
    """Return the texts of a story without the blanks at their ends, such as an indent."""
    return tuple(text.strip() for text in story.blocks)


def _author(story: Story) -> str:
    """Return the author a page shows: the small templates show none."""
    return "" if story.variant in (Variant.ZPOLITICS, Variant.CULTURE) else story.author


def _figures(html: str) -> list[tuple[str, str]]:
    tree = LexborHTMLParser(html)
    found = []
    for figure in tree.css("figure"):
        caption = figure.css_first("figcaption")
        text = caption.text() if caption is not None else ""
        found += [(image.attributes["src"] or "", text) for image in figure.css("img")]
    return found


def test_every_era_has_pages() -> None:
    """No layout is without an example."""
    shown = {shown.story.era_on(url.split("/")[2]) for shown in SITE.truth() for url in shown.urls}

    assert shown == set(Era) - {Era.POST}


@pytest.mark.parametrize(("story", "url"), PAGES)
def test_a_page_is_read_as_it_was_written(story: Story, url: str) -> None:
    """Era, title, moment, text and access are exactly those of the story."""
    article = _harvested(url)

    assert article.era is (
        story.era if len(story.hosts) == 1 else story.era_on(article.url.split("/")[2])
    )
    assert article.title == story.title
    assert article.published.at == story.published
    assert article.blocks == _said(story)
    assert article.author == _author(story)
    assert set(article.tags) <= set(story.tags)


@pytest.mark.parametrize(("story", "url"), PAGES)
def test_a_preview_is_told_from_a_full_story(story: Story, url: str) -> None:
    """Access is what the page shows; zaobao.com of 2020 to 2025 shows no mark of previews."""
    article = _harvested(url)
    unmarked = article.era is Era.HK_2020

    assert article.access is (Access.FULL if unmarked else story.access)


@pytest.mark.parametrize(("story", "url"), PAGES)
def test_the_pictures_of_a_page_are_those_of_the_story(story: Story, url: str) -> None:
    """Each picture once, at its real address, with its caption, and no other picture."""
    found = _figures(_harvested(url).body)

    assert sorted(_asset(source) for source, _ in found) == sorted(
        _asset(figure.url) for figure in story.figures
    )
    captions = {_asset(figure.url): figure.caption for figure in story.figures}
    assert all(captions[_asset(source)] == caption for source, caption in found if caption)


def _asset(url: str) -> str:
    return url.partition("?")[0]


@pytest.mark.parametrize(("story", "url"), PAGES)
def test_both_modes_of_a_page_say_the_same(story: Story, url: str) -> None:
    """Verbatim or clean, before and after writing: one text, one hash."""
    drawn = [drafts.draft_of_page(_harvested(url, mode), NOW) for mode in BodyMode]
    reread = [drafts.draft_of_post(draft.data) for draft in drawn]

    assert len({draft.content_hash for draft in (*drawn, *reread)}) == 1
    assert {draft.article.blocks for draft in reread} == {_said(story)}


def test_stories_of_both_hosts_have_one_hash() -> None:
    """The same story in the markup of both hosts has one content hash."""
    for shown in SITE.truth():
        hashes = {drafts.draft_of_page(_harvested(url), NOW).content_hash for url in shown.urls}
        assert len(hashes) == 1, shown.urls


@pytest.mark.parametrize("era", [era for era in Era if era is not Era.POST])
def test_the_smallest_page_is_recognised(era: Era) -> None:
    """Each era is told by its own marks, without any script."""
    article = read_article(page(paragraphs([LONG]), era=era).encode(), story_ref(URL), NOW)

    assert (article.era, article.blocks) == (era, (LONG,))


def test_a_day_stands_for_its_first_moment() -> None:
    """A small template of 2017 shows a day and no time: midnight in Singapore stands for it."""
    html = f"""<meta charset="utf-8"><h1 class="title">潮水</h1><div id="article-content">
<p class="date col-md-5">2023年3月12日 星期日</p><p>{LONG}</p><button>分享</button></div>"""
    article = read_article(html.encode(), story_ref(URL), NOW)

    assert article.published.source == "byline-day"
    assert f"{article.published.at:%Y-%m-%dT%H:%M}" == "2023-03-11T16:00"
    assert article.blocks == (LONG,)


@pytest.mark.parametrize(
    ("path", "stated", "taken"),
    [
        # /realtime/: the day of the address is that of publication
        ("realtime/china", "2023-03-11T23:00:00+08:00", "byline"),
        ("realtime/china", "2023-03-12T00:00:01+08:00", "json-ld"),
        # print sections: up to five days earlier
        ("news/china", "2023-03-07T23:00:00+08:00", "json-ld"),
        ("news/china", "2023-03-06T23:00:00+08:00", "byline"),
        ("news/china", "2023-03-14T00:00:01+08:00", "byline"),
    ],
)
def test_the_first_moment_that_fits_the_address_counts(path: str, stated: str, taken: str) -> None:
    """Of several stated moments the first that fits the issue day is the publication."""
    head = f'<meta charset="utf-8">{json_ld({"@type": "NewsArticle", "datePublished": stated})}'
    url = f"https://www.zaobao.com.sg/{path}/story20230312-1370001"
    article = read_article(page(paragraphs([LONG]), head=head).encode(), story_ref(url), NOW)

    assert article.published.source == taken


def test_without_a_fitting_moment_the_first_counts() -> None:
    """A story whose times all miss the address keeps the most exact one."""
    stated = json_ld({"@type": "NewsArticle", "datePublished": "2022-01-01T10:00:00+08:00"})
    html = page(paragraphs([LONG]), head=f'<meta charset="utf-8">{stated}')
    article = read_article(re.sub("2023年3月", "2022年5月", html).encode(), story_ref(URL), NOW)

    assert (article.published.source, article.published.at.year) == ("json-ld", 2022)
    assert article.access is Access.FULL
