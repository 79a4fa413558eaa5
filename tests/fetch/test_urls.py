"""URLs: what may be asked for, where a redirect may lead."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from harvester.errors import Blocked, HostUnreachable, NotAStory, RedirectedAway, UsageError
from harvester.fetch.urls import Site, parse_origin
from harvester.zaobao import story_ref
from tests.support.figures import Figures, cases

if TYPE_CHECKING:
    from tests.fetch.conftest import Desk

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
    "https://@www.zaobao.com.sg/",
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
    with pytest.raises(UsageError, match="not an address of the form"):
        parse_origin(text)


class Nobody(AbstractResolver):
    """A resolver that knows no name and notes which it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Note the name."""
        self.asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, f"no {host}:{port} of {family}")

    async def close(self) -> None:
        """Hold nothing."""


_NAMES = ["www.zaobao.com.sg", "www.zaobao.com", "zaobao.com", "WWW.Zaobao.COM.SG"]
_ODD = [
    "evil.com",
    "127.0.0.1",
    "[::1]",
    "www.zaobao.com.sg.evil.com",
    "ｗｗｗ.zaobao.com",
    "xn--a",
]
_BITS = ["@", ":", "/", "//", "?", "#", "%40", "%2f", "%00", ".", "..", ":443", ":80", ";", "&"]
_ILL = ["\\", "\t", "\n", "\r", "\x00", "\x7f", " ", "\x85"]
_STORY = "/realtime/china/story20211101-1209230"


def addresses(count: int, dice: Random) -> Iterator[str]:
    """Yield addresses whose host is easily read in two ways.

    In turn: any mixture; of the site as it stands; with user info; with a character that parsers
    drop or turn round.
    """
    for number in range(count):
        name = dice.choice(_NAMES)
        tail = "".join(dice.choices([*_BITS, *_ODD, "a", "国"], k=dice.randrange(6)))
        tail = dice.choice(["/", _STORY, "?", "#", ":443/"]) + tail
        match number % 4:
            case 0:
                parts = dice.choices([*_NAMES, *_ODD, *_BITS, *_ILL], k=dice.randrange(1, 5))
                yield dice.choice(["https://", "https:", "//", ""]) + "".join(parts) + tail
            case 1:
                yield f"https://{name}{tail}"
            case 2:
                yield f"https://{dice.choice([*_ODD, '', 'a:b', ':'])}@{name}{tail}"
            case _:
                yield f"https://{name}{tail}{dice.choice(_ILL)}{dice.choice(['', *_ODD])}"


@pytest.mark.gate("N3", "one reading of an address")
async def test_the_host_that_was_checked_is_the_host_that_is_asked_for(
    desk: Desk, figures: Figures
) -> None:
    """What is refused is not looked up; what passes is looked up under the name that was checked.

    A parser of another make reads the same host, and the canonical form of a story keeps it.
    """
    resolver, count = Nobody(), cases(500, 10_000)
    fetcher = await desk.open(resolver, rate=1e6, site_origin=None, attempts=1)
    site, passed, differ, ill = Site(frozenset({*map(str.lower, _NAMES)})), 0, [], 0
    for url in addresses(count, Random(11)):  # noqa: S311 - the same addresses each time
        resolver.asked.clear()
        with suppress(Blocked, HostUnreachable):
            await fetcher.get(url)
        checked = host_of(site, url)
        passed += checked is not None
        ill += checked is not None and any(bit in url for bit in ("\\", "\x00", "\n", "\t", "\r"))
        # Without an answer of the name server not even robots.txt is asked for.
        asked = {checked} if checked else set()
        read = urlsplit(url).netloc.lower().removesuffix(":443") if checked else None
        if set(resolver.asked) != asked or read != checked:
            differ.append(url)

    figures.at_least("addresses that pass, in percent", 100 * passed / count, 20, " %")
    figures.none("hosts that differ", len(differ), of=count)
    figures.none("with backslash or control character let through", ill, of=count)


@pytest.mark.gate("N3", "one reading of an address")
def test_the_canonical_form_keeps_the_host(figures: Figures) -> None:
    """The address of a story is of the host that another parser reads, with `www.` in front."""
    count, differ, stories = cases(2_000, 10_000), 0, 0
    for url in addresses(count, Random(12)):  # noqa: S311
        with suppress(NotAStory):
            canonical = urlsplit(story_ref(url).url).hostname
            stories += 1
            read = urlsplit(url).hostname
            differ += read is None or canonical != "www." + read.removeprefix("www.")

    figures.at_least("stories among the addresses", stories, count // 100)
    figures.none("canonical forms of another host", differ, of=count)


def host_of(site: Site, url: str) -> str | None:
    """Return the host of an address that passes the check."""
    with suppress(Blocked):
        return site.check(url).raw_host
    return None
