"""robots.txt as text: what the rules allow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.fetch.robots import Robots, decode

URL = "https://www.zaobao.com.sg/news/story20211101-1"


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("", True),
        ("<html>not a robots.txt</html>", True),
        ("User-agent: *\nDisallow: /", False),
        ("User-agent: *\nDisallow:", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: harvester\nAllow: /", True),
        ("User-agent: *\nAllow: /\n\nUser-agent: Harvester\nDisallow: /news/", False),
        ("User-agent: *\nDisallow: /news/\nAllow: /news/story", True),
        ("User-agent: *\nDisallow: /*/story", False),
        ("User-agent: *\nDisallow: /news$", True),
        ("User-agent: otherbot\nDisallow: /", True),
    ],
)
def test_rules_bind_by_product_token_and_longest_match(text: str, allowed: bool) -> None:
    """Groups, wildcards and precedence follow RFC 9309."""
    assert allowed == Robots(text).allows(URL)


def test_a_byte_order_mark_does_not_hide_the_rules() -> None:
    """The first rule counts, also after a BOM."""
    text = decode(b"\xef\xbb\xbfUser-agent: *\nDisallow: /")

    assert not Robots(text).allows(URL)


@pytest.mark.parametrize(
    ("line", "seconds"),
    [("5", 5.0), ("0.5", 0.5), ("-1", 0.0), ("x", 0.0), ("inf", 0.0), ("1e9", 86400.0)],
)
def test_crawl_delay_is_read_within_reason(line: str, seconds: float) -> None:
    """A delay is a number of seconds from 0 to a day; nonsense is no delay."""
    assert seconds == Robots(f"User-agent: *\nCrawl-delay: {line}\nDisallow: /x").delay


@given(st.binary())
def test_any_bytes_are_some_rules(body: bytes) -> None:
    """A robots.txt of junk raises nothing."""
    Robots(decode(b"User-agent: *\nDisallow: " + body)).allows(URL)
