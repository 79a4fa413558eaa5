"""URLs: what may be asked for, where a redirect may lead."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from harvester.errors import Blocked, RedirectedAway, UsageError
from harvester.fetch.urls import Site, parse_origin

SITE = Site(frozenset({"www.zaobao.com.sg", "www.zaobao.com"}))
STORY = "https://www.zaobao.com.sg/realtime/china/story20211101-1209230"

REFUSED = [
    "http://www.zaobao.com.sg/x",
    "ftp://www.zaobao.com.sg/x",
    "file:///etc/passwd",
    "data:text/html,x",
    "www.zaobao.com.sg/x",
    "//www.zaobao.com.sg/x",
    "",
    "https://",
    "https:///x",
    "https://www.zaobao.com.sg.evil.com/",
    "https://evil.com/www.zaobao.com.sg",
    "https://zaobao.cn/",
    "https://www.zaobao.com.sg./",
    "https://www.zaobao.com.sg:8443/",
    "https://www.zaobao.com.sg:99999/",
    "https://user@www.zaobao.com.sg/",
    "https://user:pass@www.zaobao.com.sg/",
    "https://www.zaobao.com.sg@evil.com/",
    "https://www.zaobao.com.sg\\@evil.com/",
    "https:\\\\www.zaobao.com.sg/",
    "https://www.zaobao.com.sg/\r\nHost: evil.com",
    "https://www.zaobao.com.sg/\x00",
    "https://www.zaobao\t.com.sg/",
    "https://127.0.0.1/",
    "https://[::1]/",
]


@pytest.mark.parametrize("url", REFUSED)
def test_only_plain_https_addresses_of_the_site_are_asked_for(url: str) -> None:
    """Other schemes, hosts and ports, credentials and ambiguous characters are Blocked."""
    with pytest.raises(Blocked) as caught:
        SITE.check(url)

    assert url == caught.value.url


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (STORY, STORY),
        ("HTTPS://WWW.ZAOBAO.COM.SG/a#part", "https://www.zaobao.com.sg/a"),
        ("https://www.zaobao.com:443/a?b=c+d", "https://www.zaobao.com/a?b=c+d"),
        ("https://www.zaobao.com/国会", "https://www.zaobao.com/%E5%9B%BD%E4%BC%9A"),
    ],
)
def test_an_address_of_the_site_is_normalised(asked: str, sent: str) -> None:
    """Host in lower case, no default port, no fragment, path percent-encoded."""
    assert sent == str(SITE.check(asked))


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/news", "https://www.zaobao.com.sg/news"),
        ("other", "https://www.zaobao.com.sg/realtime/china/other"),
        ("?page=2", STORY + "?page=2"),
        ("//www.zaobao.com/x", "https://www.zaobao.com/x"),
        ("https://www.zaobao.com/x#y", "https://www.zaobao.com/x"),
    ],
)
def test_redirects_within_the_site_are_resolved_against_the_real_address(
    location: str, target: str
) -> None:
    """Relative, absolute and host-relative locations lead where RFC 3986 says."""
    assert target == str(SITE.follow("asked", URL(STORY), location))


def test_a_redirect_to_a_public_site_is_told_apart() -> None:
    """Leaving the site is normal there, so it is RedirectedAway and carries the location."""
    with pytest.raises(RedirectedAway) as caught:
        SITE.follow(STORY, URL(STORY), "https://interactive.zaobao.com.sg/2026/map/")

    assert caught.value.url == STORY
    assert caught.value.location == "https://interactive.zaobao.com.sg/2026/map/"


@given(st.text() | st.from_regex(r"(https?:)?/{0,3}[\w.:@\[\]\\%-]*(/\S*)?"))
def test_a_location_never_raises_anything_untyped(location: str) -> None:
    """Whatever a server writes there, the outcome is a URL of the site or a typed error."""
    with suppress(Blocked, RedirectedAway):
        target = SITE.follow(STORY, URL(STORY), location)

        assert target.host in SITE.hosts
        assert target.scheme == "https"


@given(st.text() | st.from_regex(r"https://[\w.:@\[\]\\%-]*(/\S*)?"))
def test_a_url_never_raises_anything_untyped(url: str) -> None:
    """What passes the check is read the same way once more: host, scheme and port do not move."""
    with suppress(Blocked):
        checked = SITE.check(url)

        assert URL(str(checked)).raw_host == checked.raw_host
        assert checked.raw_host in SITE.hosts


@pytest.mark.parametrize("text", ["http://127.0.0.1:8080", "http://[::1]:80/", "https://replica"])
def test_an_origin_is_scheme_host_and_port(text: str) -> None:
    """A closing slash is no path."""
    assert text.rstrip("/") == str(parse_origin(text)).rstrip("/").replace("[::1]", "[::1]:80")


@pytest.mark.parametrize(
    "text",
    ["", "127.0.0.1:8080", "ftp://h", "http://h/path", "http://h?q", "http://u@h", "http://h:x"],
)
def test_any_other_origin_is_wrong_usage(text: str) -> None:
    """The error names the option and what was given."""
    with pytest.raises(UsageError, match="--site-origin"):
        parse_origin(text)
