"""Real posts: each is harvested from the page it came from, and must come out as it is.

The posts lie beside the project. No text of theirs is repeated here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from harvester import drafts, post
from harvester.model import Article, BodyMode, Draft, Era, StoryRef
from harvester.zaobao import story_ref
from harvester.zaobao.urls import issue_day_fits, singapore_day
from tests.support.rebuild import page_of

pytestmark = pytest.mark.shared

NOW = datetime(2026, 10, 1, 4, 0, tzinfo=UTC)
# Old tools wrote this address where they did not know the lazy one.
_UNDEFINED = re.compile(r' src="[^"]*/undefined"')
_SOURCE = re.compile(r' src="[^"]*"')


@dataclass(frozen=True)
class Case:
    """A real post, and what its page is read as in both modes."""

    path: Path
    data: bytes
    old: post.Post
    verbatim: Article
    clean: Article
    held: Draft

    @property
    def name(self) -> str:
        """How a difference names the post."""
        return self.path.name[:40]


def _case(path: Path) -> Case:
    data = path.read_bytes()
    old = post.read_post(data)
    page = page_of(old.title, post.published(old).at, old.body)
    ref = story_ref(old.url)
    verbatim, clean = (
        drafts.read_page(page, ref, NOW, mode) for mode in (BodyMode.VERBATIM, BodyMode.CLEAN)
    )
    return Case(path, data, old, verbatim, clean, drafts.draft_of_post(data))


@pytest.fixture(scope="module")
def seeds(shared: Path) -> list[Case]:
    """Return the five seeds."""
    return [_case(path) for path in sorted((shared / "seeds").glob("*.md"))]


@pytest.fixture(scope="module")
def posts(shared: Path, seeds: list[Case]) -> list[Case]:
    """Return the seeds and the four hundred other posts."""
    paths = sorted((shared / "corpus" / "zaobao").glob("*.md"))
    return [*seeds, *(_case(path) for path in paths)]


def _tree(html: str) -> str:
    """Return a body as a parser reads it: without the differences of serialisation."""
    return LexborHTMLParser(f"<body>{html}").html or ""


def _comparable(case: Case) -> tuple[str, str]:
    """Return both bodies as trees; where the post has no real address, without addresses."""
    mine, theirs = case.verbatim.body, case.old.body
    if _UNDEFINED.search(theirs):
        mine, theirs = (_SOURCE.sub("", body) for body in (mine, theirs))
    return _tree(mine), _tree(theirs)


def test_all_posts_are_there(seeds: list[Case], posts: list[Case]) -> None:
    """Five seeds and four hundred posts: an empty folder must not pass for a success."""
    assert (len(seeds), len(posts)) == (5, 405)


def test_verbatim_bodies_are_those_of_the_posts(posts: list[Case]) -> None:
    """The page of a post, harvested verbatim, has the body of the post as a tree."""
    different = [case.name for case in posts if len(set(_comparable(case))) > 1]

    assert different == []


def test_real_addresses_take_the_place_of_undefined(posts: list[Case]) -> None:
    """Where an old post has `/undefined`, the harvested image has its lazy address."""
    broken = [case for case in posts if _UNDEFINED.search(case.old.body)]

    assert broken
    for case in broken:
        images = LexborHTMLParser(case.verbatim.body).css("img[data-src]")
        assert images
        assert all(image.attributes["src"] == image.attributes["data-src"] for image in images)


def test_seeds_since_2022_come_out_byte_for_byte(seeds: list[Case]) -> None:
    """The three seeds of the last dialect are written again to the byte, name included."""
    recent = [case for case in seeds if case.path.name >= "2022"]
    drawn = [drafts.draft_of_page(case.verbatim, NOW) for case in recent]

    assert len(recent) == 3
    assert [case.data for case in recent] == [draft.data for draft in drawn]
    assert [case.path.name for case in recent] == [draft.name.rpartition("/")[2] for draft in drawn]


def test_a_post_has_the_hash_of_its_page(posts: list[Case]) -> None:
    """Post and page, verbatim or clean, written or not, have one content hash."""
    different = []
    for case in posts:
        drawn = [drafts.draft_of_page(article, NOW) for article in (case.verbatim, case.clean)]
        again = [drafts.draft_of_post(draft.data) for draft in drawn]
        if len({draft.content_hash for draft in (case.held, *drawn, *again)}) > 1:
            different.append(case.name)

    assert different == []


def test_pages_show_nothing_but_the_story(posts: list[Case]) -> None:
    """Title, text and access are those of the post; what stands around is left out."""
    different = [
        case.name
        for case in posts
        if (case.clean.title, case.clean.blocks, case.clean.access)
        != (case.held.article.title, case.held.article.blocks, case.held.article.access)
        or case.clean.era is not Era.SG_2019
    ]

    assert different == []


def test_moments_fit_their_addresses(posts: list[Case]) -> None:
    """The corrected moment of a post lies on the Singapore day of its address."""
    assert [case.name for case in posts if not issue_day_fits(_ref(case), _at(case))] == []
    realtime = [case for case in posts if "/realtime/" in case.old.url]
    assert [c.name for c in realtime if singapore_day(_at(c)) != _ref(c).day] == []


def test_moments_of_pages_are_those_of_posts(posts: list[Case]) -> None:
    """The moment is read from the page as the post states it, and is in what is written."""
    different = []
    for case in posts:
        written = post.read_post(drafts.draft_of_page(case.clean, NOW).data)
        stated = {case.clean.published.at, case.verbatim.published.at, post.published(written).at}
        if stated != {_at(case).replace(microsecond=0)}:
            different.append(case.name)

    assert different == []


def test_clean_bodies_hold_no_service_of_the_page(posts: list[Case]) -> None:
    """No advertisement slot, subscriber's placeholder or lazy image is left in a clean body."""
    marks = (
        "dfp-ad",
        "innity",
        "cx_paywall",
        "lazyload",
        "data-src",
        "undefined",
        "<div",
        "<script",
    )
    different = [case.name for case in posts if any(mark in case.clean.body for mark in marks)]

    assert different == []


def test_clean_bodies_keep_every_picture(posts: list[Case]) -> None:
    """A clean body shows as many pictures as its post has, each with an https address."""
    different = []
    for case in posts:
        shown = [source for source in _sources(case.clean.body) if source.startswith("https://")]
        if len(shown) != len(list(_sources(case.old.body))):
            different.append(case.name)

    assert different == []


def _sources(html: str) -> Iterator[str]:
    """Yield the addresses of pictures, without the banners of the subscription shop."""
    for image in LexborHTMLParser(html).css("img"):
        source = image.attributes.get("data-src") or image.attributes.get("src") or ""
        if "freemium_images" not in source:
            yield source


def _ref(case: Case) -> StoryRef:
    return story_ref(case.old.url)


def _at(case: Case) -> datetime:
    return post.published(case.old).at
