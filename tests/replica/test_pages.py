"""Pages of the replica: they are read as the stories say, in the markup of their era."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser, LexborNode

from harvester.model import Access, Era
from harvester.replica import Site, Story, Variant
from harvester.replica.pages import render
from harvester.replica.pages.hk2020 import order_key
from harvester.replica.story import HK, SG

STORIES = [shown.story for shown in Site.arranged().truth()]
PAGES = [
    pytest.param(story, host, id=f"{story.story_id}-{host}")
    for story in STORIES
    for host in story.hosts
]
BODIES = {
    Era.SG_2013: "#FineDining, #article-content, #article_content .a_body",
    Era.SG_2019: "div.article-content.js-fontsized > div.article-content-rawhtml",
    Era.SG_2024: "article.max-w-full div.articleBody",
    Era.HK_2020: "article.article-body",
    Era.HK_2025: "article#article-body",
}
STATE = re.compile(r"window\.__staticRouterHydrationData = JSON\.parse\((.*)\);</script>")
SCRAMBLED_SINCE = "2022-07-01"


def tree(story: Story, host: str) -> LexborHTMLParser:
    """Return the parsed page, decoded as a browser would."""
    encoding = "gb18030" if story.variant is Variant.GB2312 else "utf-8"
    return LexborHTMLParser(render(story, host).decode(encoding))


def folded(text: str) -> str:
    """Return the text without any blanks."""
    return "".join(text.split())


def position(node: LexborNode) -> int:
    """Return the place that an order key names (zaobao.com since 2022-07)."""
    key = node.attributes["data-s"]
    assert key is not None
    return int(base64.b32decode(key[3:]))


def body_text(story: Story, host: str) -> str:
    """Return the text of the body container in reading order, blanks removed."""
    if story.variant is Variant.STATE_ONLY:
        return folded(LexborHTMLParser(str(state(story)["body_cn"])).text())
    found = tree(story, host).css(BODIES[story.era_on(host)])
    assert len(found) == 1
    keyed = found[0].css("[data-s]")
    if keyed:
        return folded("".join(node.text() for node in sorted(keyed, key=position)))
    return folded(found[0].text())


def state(story: Story) -> dict[str, object]:
    """Return the article of the hydration state."""
    match = STATE.search(render(story, SG).decode())
    assert match is not None
    data = json.loads(json.loads(match[1]))
    article: dict[str, object] = data["loaderData"]["0-0"]["context"]["payload"]["article"]
    return article


@pytest.mark.parametrize(("story", "host"), PAGES)
def test_body_holds_every_block_once_in_order(story: Story, host: str) -> None:
    """Each block of the truth stands exactly once in the body container, in reading order."""
    text = body_text(story, host)
    places = [text.find(folded(block)) for block in story.blocks]

    assert [1] * len(story.blocks) == [text.count(folded(block)) for block in story.blocks]
    assert sorted(places) == places


@pytest.mark.parametrize(("story", "host"), PAGES)
def test_page_has_its_head_title_and_size(story: Story, host: str) -> None:
    """A page is a complete page of its host with the title in its one h1."""
    page = tree(story, host)
    headings = page.css("h1")
    title = page.css_first("title")

    assert [story.title] == [heading.text() for heading in headings]
    assert title is not None
    assert title.text().startswith(story.title)
    assert len(render(story, host)) > 60_000
    assert page.css_first(f'link[rel="canonical"][href="https://{host}/{story.path}"]') is not None


@pytest.mark.parametrize(("story", "host"), PAGES)
def test_captions_are_no_blocks_and_pictures_are_there(story: Story, host: str) -> None:
    """Every picture of the truth is on the page, and no caption is a block of the body."""
    page = folded(tree(story, host).html or "")

    for figure in story.figures:
        name = figure.url.split("/s3fs-public/")[-1].partition("?")[0]
        assert name in page
        assert figure.caption not in story.blocks


@pytest.mark.parametrize("story", [s for s in STORIES if s.era_on(HK) is Era.HK_2020])
def test_hong_kong_paragraphs_are_scrambled_since_2022_07(story: Story) -> None:
    """Before 2022-07 no element has an order key, after it every one, and in a wrong order."""
    keyed = tree(story, HK).css("article.article-body > [data-s]")
    places = [position(node) for node in keyed]

    assert (f"{story.local:%Y-%m-%d}" >= SCRAMBLED_SINCE) == bool(keyed)
    assert len(set(places)) == len(places)
    assert not places or sorted(places) != places


@pytest.mark.parametrize(
    ("key", "number"),
    [
        ("XYBGI======", 2),
        ("3UtGM======", 3),
        ("CVDGQ======", 4),
        ("yQRGY======", 6),
        ("2eSG4======", 7),
        ("8GFHA======", 8),
        ("H7jGEYQ====", 11),
        ("jB2GEZA====", 12),
        ("Y9nGEZQ====", 13),
        ("tPBGE3A====", 16),
    ],
)
def test_order_keys_are_those_of_the_real_site(key: str, number: int) -> None:
    """A position gets the key measured on a real page of 2022-07-23."""
    assert key == order_key(number, key[:3])


@given(st.integers(0, 10_000))
def test_order_keys_decode_to_their_position(number: int) -> None:
    """Dropping three characters and decoding base32 gives the position back."""
    assert str(number).encode() == base64.b32decode(order_key(number, "aB3")[3:])


@pytest.mark.parametrize("story", [s for s in STORIES if s.era is Era.SG_2024])
def test_state_agrees_with_the_story(story: Story) -> None:
    """Where the hydration state is whole it has headline, second, tags and the body's text."""
    if story.variant in (Variant.NO_STATE, Variant.CUT_STATE):
        return
    article = state(story)
    text = folded(LexborHTMLParser(str(article["body_cn"])).text())

    assert story.title == article["headline"]
    assert int(story.published.timestamp()) == article["create_time"]
    assert folded("".join(story.blocks)) == text


def test_variants_of_2024_lack_exactly_what_they_say() -> None:
    """JSON-LD, state and data layer are all there but in the variant that takes one away."""
    missing = {
        Variant.NO_JSONLD: "seo-article-page",
        Variant.NO_STATE: "__staticRouterHydrationData",
        Variant.NO_LAYER: "ga_data_layer",
    }
    for story in (story for story in STORIES if story.era is Era.SG_2024):
        page = render(story, SG).decode()
        absent = [mark for mark in missing.values() if mark not in page]

        assert ([missing[story.variant]] if story.variant in missing else []) == absent


def test_damaged_json_is_damaged() -> None:
    """The control variant parses only without its control characters, the cut ones not at all."""
    modern = [story for story in STORIES if story.era is Era.SG_2024]
    by_variant = {story.variant: render(story, SG).decode() for story in modern}
    pattern = re.compile(r'id="seo-article-page">(.*?)</script>', re.DOTALL)
    dirty = pattern.search(by_variant[Variant.CONTROL])
    cut = pattern.search(by_variant[Variant.CUT_JSONLD])
    assert dirty is not None
    assert cut is not None

    with pytest.raises(json.JSONDecodeError):
        json.loads(dirty[1])
    assert json.loads(re.sub(r"[\x00-\x1f\x7f-\x9f]", "", dirty[1]))
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut[1])
    assert '");</script>' not in by_variant[Variant.CUT_STATE]


def test_the_gb2312_page_is_really_gb18030() -> None:
    """The page labelled GB2312 holds characters that gb2312 cannot decode and gb18030 can."""
    story = next(story for story in STORIES if story.variant is Variant.GB2312)
    page = render(story, SG)

    assert b"charset=gb2312" in page
    with pytest.raises(UnicodeDecodeError):
        page.decode("gb2312")
    assert story.title in page.decode("gb18030")


def test_previews_carry_the_marks_of_their_time() -> None:
    """Each preview shows the subscriber mark of its era and no full story does."""
    marks = ("paywall-message", "article-microtransaction", "freemium_subscribe")
    seen = set()
    for story in (story for story in STORIES if SG in story.hosts):
        found = [mark for mark in marks if mark in render(story, SG).decode("utf-8", "replace")]
        seen.update(found)
        assert (story.access is Access.PREVIEW) == bool(found)

    assert set(marks) == seen


def test_pages_are_the_same_in_every_process() -> None:
    """Another interpreter renders the same bytes."""
    code = (
        "import hashlib; from harvester.replica import Site;"
        "from harvester.replica.pages import render;"
        "print(hashlib.sha256(b''.join(render(shown.story, host) "
        "for shown in Site.arranged().truth() for host in shown.story.hosts)).hexdigest())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    pages = (render(story, host) for story in STORIES for host in story.hosts)

    assert hashlib.sha256(b"".join(pages)).hexdigest() == run.stdout.strip()
