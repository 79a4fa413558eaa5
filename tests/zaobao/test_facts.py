"""What scripts and metas of a page say; each may be missing, cut or broken."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from harvester.model import Era, Instant, StoryRef
from harvester.zaobao import read_article, story_ref
from harvester.zaobao.facts import Document
from harvester.zaobao.markup import parse
from tests.support.pages import LONG, NOW, URL, json_ld, page, paragraphs

AT = "2023-03-12T10:30:05+08:00"
INSTANT = datetime(2023, 3, 12, 2, 30, 5, tzinfo=UTC)
MINUTE = datetime(2023, 3, 12, 2, 30, tzinfo=UTC)
ARTICLE = {"@type": "NewsArticle", "headline": "潮水", "datePublished": AT}


def _doc(html: str, ref: StoryRef | None = None) -> Document:
    return Document(ref or story_ref(URL), html.encode(), parse(html, URL))


def _state(article: object, write: str = "JSON.parse({})") -> str:
    data = {"loaderData": {"root": None, "0-0": {"context": {"payload": {"article": article}}}}}
    literal = json.dumps(json.dumps(data, ensure_ascii=False), ensure_ascii=False)
    script = write.format(literal).replace("</", "<\\/")
    return f"<script>window.__staticRouterHydrationData = {script};</script>"


@pytest.mark.parametrize(
    "value",
    [
        ARTICLE,
        [ARTICLE],
        {"@graph": [{"@type": "BreadcrumbList"}, ARTICLE]},
        {"@graph": ARTICLE},
        ARTICLE | {"@type": "ReportageNewsArticle"},
        ARTICLE | {"@type": ["Thing", "NewsArticle"]},
        [{"@type": "Organization", "headline": "别的"}, None, 3, "x", ARTICLE],
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_json_ld_is_found_in_every_shape(value: object) -> None:
    """Graphs, lists and the kinds of articles the site uses are read."""
    doc = _doc(json_ld(value))

    assert doc.json_ld["headline"] == "潮水"
    assert doc.instant() == Instant(INSTANT, "json-ld")


def test_control_characters_in_json_ld_are_dropped() -> None:
    """Raw control characters inside strings are no reason to lose the facts."""
    text = json_ld(ARTICLE).replace("潮水", "潮\x0b\x01\n\t水\x85")

    assert _doc(text).json_ld["headline"] == "潮水"


def test_every_script_is_read_alone() -> None:
    """A broken script does not take the other with it, whichever comes first."""
    broken = json_ld(ARTICLE)[:-20] + "</script>"

    assert _doc(broken + json_ld(ARTICLE)).json_ld["headline"] == "潮水"
    assert _doc(json_ld(ARTICLE) + broken).json_ld["headline"] == "潮水"


def test_the_script_of_this_story_is_taken() -> None:
    """Of several articles on a page the one that names this story's address counts."""
    other = ARTICLE | {"headline": "邻居", "url": URL.replace("1370001", "1370002")}
    mine = ARTICLE | {"headline": "自己", "mainEntityOfPage": {"@id": URL}}

    assert _doc(json_ld(other) + json_ld(mine)).json_ld["headline"] == "自己"


@pytest.mark.parametrize(
    "script",
    [
        json_ld(ARTICLE)[:60] + "</script>",
        '<script type="application/ld+json"></script>',
        '<script type="application/ld+json">null</script>',
        '<script type="application/ld+json">[]</script>',
        '<script type="application/ld+json">"text"</script>',
        '<script type="application/ld+json">{"@type": 5, "@graph": 7}</script>',
        '<script type="application/ld+json">{"@type":"NewsArticle","datePublished":{}}</script>',
        '<script type="application/ld+json">{"@type":"NewsArticle","headline":[1]}</script>',
        '<script type="application/ld+json">{"@type":"NewsArticle","author":[null,{}]}</script>',
        "<script>window.__staticRouterHydrationData = JSON.parse(</script>",
        '<script>window.__staticRouterHydrationData = JSON.parse("{\\"loaderData\\":[]}")</script>',
        '<script>window.__staticRouterHydrationData = JSON.parse("[1]")</script>',
        '<script>window.__staticRouterHydrationData = JSON.parse("\\u12")</script>',
        "<script>window.__staticRouterHydrationData = {};</script>",
        '<script id="ga_data_layer">var _data = {"pubdate": ""</script>',
        pytest.param(
            f'<script type="application/ld+json">{"[" * 100_000}</script>',
            id="deep json-ld",
        ),
        pytest.param(
            '<script>window.__staticRouterHydrationData = JSON.parse("'
            + "[" * 100_000
            + '")</script>',
            id="deep state",
        ),
        pytest.param(
            '<script type="application/ld+json">{"@type":"NewsArticle","datePublished":1e999}'
            "</script>",
            id="infinite time",
        ),
        pytest.param(
            json_ld(ARTICLE | {"datePublished": "9999-12-31T23:59:59Z"}),
            id="last second of all years",
        ),
    ],
    ids=lambda script: script[-60:],
)
def test_a_page_with_broken_facts_is_read_from_what_it_shows(script: str) -> None:
    """Headline and byline of the page itself are enough."""
    text = page(paragraphs([LONG]), head=f'<meta charset="utf-8">{script}')
    article = read_article(text.encode(), story_ref(URL), NOW)

    assert (article.title, article.published.at) == ("临海湾海水退潮", MINUTE)
    assert article.blocks == (LONG,)
    assert article.era is Era.SG_2019


def test_the_time_of_cut_json_ld_is_still_found() -> None:
    """A script that breaks off after its date still tells the second."""
    cut = json_ld(ARTICLE | {"articleBody": LONG})[:-40] + "</script>"
    doc = _doc(f'<meta charset="utf-8">{cut}')

    assert not doc.json_ld
    assert doc.instant() == Instant(INSTANT, "json-ld")


@pytest.mark.parametrize(
    ("literal", "headline"),
    [
        (r"潮水", "潮水"),
        (r"\u6f6e\u6c34", "潮水"),
        (r"\\u6f6e\\u6c34", "潮水"),
        (r"it\'s", "it's"),
        (r"\x41\x7a", "Az"),
        (r"a\/b", "a/b"),
        (r"\u003cb\u003e", "<b>"),
        (r"\`x\`", "`x`"),
        (r"\\\"潮\\\"", '"潮"'),
        (r"\\\\", "\\"),
    ],
)
def test_escapes_of_javascript_in_the_state(literal: str, headline: str) -> None:
    """The state is a JavaScript string: its escapes are more than those of JSON."""
    written = (
        r"{\"loaderData\":{\"0-0\":{\"context\":{\"payload\":{\"article\":{\"headline\":\"@\"}}}}}}"
    )
    literal = written.replace("@", literal)
    doc = _doc(f'<script>window.__staticRouterHydrationData = JSON.parse("{literal}");</script>')

    assert doc.state == {"headline": headline}


def test_the_state_tells_the_story() -> None:
    """Headline, seconds and tags come from the state where nothing else has them."""
    state = {"headline": "潮水", "create_time": 1678588205, "tags": [{"name": "海"}, {}, 3]}
    doc = _doc(_state(state))

    assert doc.title("h1") == "潮水"
    assert doc.tags() == ("海",)
    assert doc.instant() == Instant(INSTANT, "state")


@pytest.mark.parametrize(
    ("html", "source", "at"),
    [
        (json_ld(ARTICLE), "json-ld", INSTANT),
        (f'<meta property="article:published_time" content="{AT}">', "meta", INSTANT),
        (
            '<script id="ga_data_layer">var _data = {"pubdate":"2023-03-12 10:30:05"};</script>',
            "data-layer",
            INSTANT,
        ),
        (
            (
                r"""<script>self.__next_f.push([1,"\"publication_date\",\"2023-03-12T10:30:05\""])"""
                "</script>"
            ),
            "next",
            INSTANT,
        ),
        ("<b class=when>2023年3月12日 10:30 AM</b>", "byline", MINUTE),
        ("<article>发布/2023年3月12日 10:30</article>", "byline", MINUTE),
    ],
)
def test_every_source_of_the_time(html: str, source: str, at: datetime) -> None:
    """Each of the page's sources alone tells the time, and its name goes with it."""
    assert Instant(at, source) == _doc(html).instant(".when")


@pytest.mark.parametrize(
    ("facts", "charged"),
    [
        (json_ld(ARTICLE), False),
        (json_ld(ARTICLE | {"isAccessibleForFree": True}), False),
        (json_ld(ARTICLE | {"isAccessibleForFree": "True"}), False),
        (json_ld(ARTICLE | {"isAccessibleForFree": False}), True),
        (json_ld(ARTICLE | {"isAccessibleForFree": "False"}), True),
        (_state({"paywall": {"contentAccess": "0"}}), False),
        (_state({"paywall": {"contentAccess": 0}}), False),
        (_state({"paywall": {"contentAccess": "1"}}), True),
        (_state({"paywall": {"contentAccess": None}}), False),
        (_state({"paywall": None}), False),
        ("", False),
    ],
)
def test_marks_of_subscribers_stories(facts: str, charged: bool) -> None:
    """The page's facts say whether a story is for subscribers."""
    assert charged is _doc(facts).is_charged()


@pytest.mark.parametrize(
    ("html", "author"),
    [
        ("<i class=by> 林小海 \n 报道</i>", "林小海 报道"),
        (json_ld(ARTICLE | {"author": {"name": "林小海"}}), "林小海"),
        (json_ld(ARTICLE | {"author": [{"name": "林小海"}, "陈大山"]}), "林小海、陈大山"),
        (json_ld(ARTICLE | {"author": "联合早报"}), ""),
        ('<script id="ga_data_layer">var _data = {"author":"林小海"}</script>', "林小海"),
        ("", ""),
    ],
)
def test_authors(html: str, author: str) -> None:
    """The byline goes first; the newspaper itself is no author."""
    assert author == _doc(html).author(".by")


@pytest.mark.parametrize(
    "head",
    [
        "<title>潮水 | 早报</title>",
        "<title>潮水 | 联合早报网</title>",
        "<title>潮水｜早报</title>",
        '<title>x</title><meta property="og:title" content="潮水 | 联合早报">',
    ],
)
def test_the_title_of_the_head_loses_the_paper(head: str) -> None:
    """Without a headline the title of the head is taken, free of the paper's name."""
    assert _doc(f"<head>{head}</head><body></body>").title("h1") == "潮水"
