"""Sections: what lies below which, and where no articles are."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from harvester.zaobao.sections import SECTIONS, Section, in_section, listing_urls, no_article
from harvester.zaobao.urls import SITE_HOSTS


@pytest.mark.parametrize(
    ("path", "section", "inside"),
    [
        ("realtime/china", "realtime/china", True),
        ("realtime/china", "realtime", True),
        ("realtime", "realtime/china", False),
        ("realtimes/china", "realtime", False),
        ("forum/comics", "forum/comic", False),
        ("", "realtime", False),
    ],
)
def test_a_section_holds_what_lies_below_it(path: str, section: str, inside: bool) -> None:
    """Whole segments count, not the beginning of a word."""
    assert inside is in_section(path, section)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("forum/comic", "comic"),
        ("zvideos/news", "video"),
        ("videos", "video"),
        ("shorts", "video"),
        ("podcast/brief", "audio"),
        ("news/zodiac", "zodiac"),
        ("lifestyle/zodiac", "zodiac"),
        ("horse-racing/race-results", "race-results"),
        ("specials/the-audio-brief", "special"),
        ("interactive-graphics", "interactive"),
    ],
)
def test_some_sections_hold_no_articles(path: str, why: str) -> None:
    """Comics, videos, audio and their like are named with a reason."""
    assert why == no_article(path)


@pytest.mark.parametrize(
    "path", ["forum/views", "special/report/politic", "horse-racing", "lifestyle", "news/video"]
)
def test_neighbours_of_those_sections_do(path: str) -> None:
    """A section of a similar name keeps its articles."""
    assert no_article(path) is None


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.path)
def test_every_section_has_lists_on_the_site(section: Section) -> None:
    """Each list of each section is an https address on one of the site's hosts; none is double."""
    path = section.path
    urls = [urlsplit(url) for url in listing_urls(path)]

    assert urls
    assert all(url.scheme == "https" and url.hostname in SITE_HOSTS for url in urls)
    assert all(path in url.path for url in urls)
    assert [path] == [one.path for one in SECTIONS if one.path == path]
    assert no_article(path) is None
