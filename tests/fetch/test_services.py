"""What is for services made for programs, and off for the site: parts, rates by address, pauses."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from harvester.errors import BodyTooLarge, FetchFailed, HostResting
from harvester.fetch import Part

if TYPE_CHECKING:
    from tests.fetch.conftest import Desk, FakeSite

SITE = "https://www.zaobao.com.sg"
PART = Part(100, 5)


def gaps(site: FakeSite) -> list[float]:
    """Return the seconds between the requests."""
    return [round(later.at - earlier.at, 6) for earlier, later in pairwise(site.requests)]


async def test_a_part_is_asked_for_as_it_lies_there(desk: Desk, site: FakeSite) -> None:
    """By its first and last byte, in no coding; the page says that it is a part."""
    site.serve("/file", site.reply(206, b"bytes", Content_Range="bytes 100-104/999"))

    page = await (await desk.open()).get_part(f"{SITE}/file", PART)

    assert (page.status, page.body) == (206, b"bytes")
    sent = site.requests[-1].headers
    assert (sent["Range"], sent["Accept-Encoding"]) == ("bytes=100-104", "identity")
    assert page.exchange is not None
    assert page.exchange.body == b"bytes"


async def test_a_part_is_accepted_only_when_asked_for(desk: Desk, site: FakeSite) -> None:
    """Who asks for the whole gets no piece of it, and who asks for a piece not the whole."""
    site.serve("/file", site.reply(206, b"bytes"))
    site.serve("/whole", site.reply(200, b"x" * 1000))
    fetcher = await desk.open()

    with pytest.raises(FetchFailed, match="206 Partial Content"):
        await fetcher.get(f"{SITE}/file")
    with pytest.raises(FetchFailed, match="200 OK, the whole and not the part asked for"):
        await fetcher.get_part(f"{SITE}/whole", PART)
    assert (await fetcher.get_part(f"{SITE}/gone", PART)).status == 404


async def test_a_part_is_no_longer_than_asked_for(desk: Desk, site: FakeSite) -> None:
    """A server that sends on is cut off."""
    site.serve("/file", site.reply(206, b"x" * 1000))

    with pytest.raises(BodyTooLarge, match="larger than 5 bytes"):
        await (await desk.open()).get_part(f"{SITE}/file", PART)


async def test_a_redirect_takes_the_part_along(desk: Desk, site: FakeSite) -> None:
    """What is asked of the second address is the same part."""
    site.serve("/a", site.reply(302, Location="/b"))
    site.serve("/b", site.reply(206, b"bytes"))

    assert (await (await desk.open()).get_part(f"{SITE}/a", PART)).body == b"bytes"
    assert site.requests[-1].headers["Range"] == "bytes=100-104"


async def test_without_robots_only_pages_are_asked_for(desk: Desk, site: FakeSite) -> None:
    """Nothing is asked of robots.txt, and nothing that it says is known."""
    site.serve("/robots.txt", site.reply(200, b"User-agent: *\nDisallow: /"))
    site.serve("/a", site.reply(200, b"text"))

    assert (await (await desk.open(robots=False)).get(f"{SITE}/a")).body == b"text"
    assert [request.path for request in site.requests] == ["/a"]


async def test_each_kind_of_address_has_its_rate(desk: Desk, site: FakeSite) -> None:
    """The slow kind keeps its distance to whatever was before; the quick one only its own."""
    fetcher = await desk.open(robots=False, rates={f"{SITE}/slow": 0.1})

    for path in ("quick", "slow/1", "slow/2", "quick", "quick", "slow/3"):
        await fetcher.get(f"{SITE}/{path}")

    assert [round(gap) for gap in gaps(site)] == [10, 10, 1, 1, 10]
    assert all(gap > round(gap) for gap in gaps(site))


async def test_a_redirect_keeps_to_the_rate_of_where_it_leads(desk: Desk, site: FakeSite) -> None:
    """Who is led to the slow kind has not asked for it any less."""
    site.serve("/quick", site.reply(302, Location="/slow"))
    fetcher = await desk.open(robots=False, rates={f"{SITE}/slow": 0.1})

    await fetcher.get(f"{SITE}/quick")

    assert gaps(site)[0] >= 10


@pytest.mark.parametrize("status", [403, 503])
async def test_any_status_may_mean_that_it_was_too_much(
    desk: Desk, site: FakeSite, status: int
) -> None:
    """It is tried again after the pause, like a 429; a pause that is asked for counts instead."""
    site.serve("/a", *[site.reply(status), site.reply(status, Retry_After="7")], site.reply(200))
    fetcher = await desk.open(robots=False, throttled=frozenset({status}))

    assert (await fetcher.get(f"{SITE}/a")).status == 200
    first, second = gaps(site)
    assert 60 <= first < 100
    assert 7 <= second < 50
    assert fetcher.hosts()["www.zaobao.com.sg"].failures == 0


async def test_an_error_of_another_kind_does_not_end_the_row(desk: Desk, site: FakeSite) -> None:
    """Between two that say it was too much, only an answer lets the pause begin small again."""
    site.serve("/a", *[site.reply(429), site.reply(500)] * 5)
    fetcher = await desk.open(robots=False, throttled=frozenset({429}), attempts=20)

    with pytest.raises(HostResting):
        await fetcher.get(f"{SITE}/a")

    for pause, gap in zip([60, 120, 240, 480], gaps(site)[::2], strict=True):
        assert pause <= gap < pause + 40
