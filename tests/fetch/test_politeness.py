"""robots.txt, pace, retries and pauses, as the site sees them."""

from __future__ import annotations

import asyncio
import gzip
from datetime import timedelta
from email.utils import format_datetime
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from harvester.errors import FetchFailed, HostResting, RobotsDenied

if TYPE_CHECKING:
    from tests.fetch.conftest import Desk, FakeClock, FakeSite

SITE = "https://www.zaobao.com.sg"
FORBID = b"User-agent: *\nDisallow: /private"


def gaps(site: FakeSite) -> list[float]:
    """Return the seconds between the requests, robots.txt included."""
    return [later.at - earlier.at for earlier, later in pairwise(site.requests)]


async def test_robots_is_asked_first_and_once_a_day(
    desk: Desk, site: FakeSite, fake_clock: FakeClock
) -> None:
    """One robots.txt per host and day, also after a restart."""
    site.serve("/robots.txt", site.reply(200, FORBID))
    await (await desk.open()).get(f"{SITE}/1")
    await (await desk.open()).get(f"{SITE}/2")
    await fake_clock.sleep(24 * 3600)
    await (await desk.open()).get(f"{SITE}/3")

    assert [r.path for r in site.requests] == ["/robots.txt", "/1", "/2", "/robots.txt", "/3"]


async def test_robots_is_read_once_by_many_tasks(desk: Desk, site: FakeSite) -> None:
    """Tasks that start together share one robots.txt."""
    fetcher = await desk.open(concurrency=5)

    await asyncio.gather(*(fetcher.get(f"{SITE}/{n}") for n in range(5)))

    assert [r.path for r in site.requests].count("/robots.txt") == 1


async def test_what_robots_forbids_is_not_asked_for(desk: Desk, site: FakeSite) -> None:
    """A forbidden address is a typed error and costs no request."""
    site.serve("/robots.txt", site.reply(200, b"\xef\xbb\xbf" + FORBID))
    fetcher = await desk.open()

    with pytest.raises(RobotsDenied, match=f"{SITE}/private/1: robots.txt of www"):
        await fetcher.get(f"{SITE}/private/1")

    assert site.pages == []


async def test_a_redirect_obeys_the_robots_of_where_it_leads(desk: Desk, site: FakeSite) -> None:
    """Each host's own rules hold at every hop."""
    site.serve("www.zaobao.com/robots.txt", site.reply(200, FORBID))
    site.serve("/a", site.reply(302, Location="https://www.zaobao.com/private"))
    fetcher = await desk.open()

    with pytest.raises(RobotsDenied):
        await fetcher.get(f"{SITE}/a")

    assert site.pages == ["www.zaobao.com.sg/a"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_no_robots_means_all_is_allowed(desk: Desk, site: FakeSite, status: int) -> None:
    """RFC 9309: a 4xx says that there are no rules."""
    site.serve("/robots.txt", site.reply(status))
    site.serve("/a", site.reply(200, b"body"))

    assert (await (await desk.open()).get(f"{SITE}/a")).body == b"body"


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_robots_in_trouble_means_nothing_is_allowed_for_now(
    desk: Desk, site: FakeSite, status: int
) -> None:
    """The failure is transient, says why, and is forgotten as soon as robots.txt is back."""
    site.serve("/robots.txt", *[site.reply(status)] * 2, site.reply(200))
    site.serve("/a", site.reply(200, b"body"))
    fetcher = await desk.open(attempts=2)

    with pytest.raises(FetchFailed, match=rf"robots\.txt of .* cannot be read: {status}") as caught:
        await fetcher.get(f"{SITE}/a")

    assert caught.value.transient
    assert not isinstance(caught.value, RobotsDenied)
    assert site.pages == []
    assert (await fetcher.get(f"{SITE}/a")).body == b"body"


async def test_robots_may_be_redirected_within_the_site(desk: Desk, site: FakeSite) -> None:
    """The rules found at the end of the redirects are those of the host that was asked."""
    site.serve("www.zaobao.com/robots.txt", site.reply(301, Location=f"{SITE}/robots.txt"))
    site.serve("www.zaobao.com.sg/robots.txt", site.reply(200, FORBID))
    fetcher = await desk.open()

    with pytest.raises(RobotsDenied):
        await fetcher.get("https://www.zaobao.com/private")


async def test_robots_that_leads_away_says_so(desk: Desk, site: FakeSite) -> None:
    """Rules that cannot be read allow nothing."""
    site.serve("/robots.txt", site.reply(301, Location="https://example.com/robots.txt"))
    fetcher = await desk.open()

    with pytest.raises(FetchFailed, match=r"cannot be read: redirected to https://example\.com"):
        await fetcher.get(f"{SITE}/a")


HUGE = FORBID + b"\n#" + b"".join(sha256(b"%d" % n).hexdigest().encode() for n in range(20_000))


@pytest.mark.parametrize(("coding", "body"), [("identity", HUGE), ("gzip", gzip.compress(HUGE))])
async def test_only_the_start_of_a_huge_robots_is_read(
    desk: Desk, site: FakeSite, coding: str, body: bytes
) -> None:
    """Beyond 500 KiB, packed or not, the rest is ignored, not the file."""
    site.serve("/robots.txt", site.reply(200, body, Content_Encoding=coding))
    fetcher = await desk.open()

    with pytest.raises(RobotsDenied):
        await fetcher.get(f"{SITE}/private")


async def test_requests_are_a_second_apart_and_never_two_at_once(
    desk: Desk, site: FakeSite
) -> None:
    """robots.txt, pages, redirects and retries all keep the default pace."""
    site.serve("/1", site.reply(302, Location="/2"))
    site.serve("/2", site.reply(500), site.reply(200))
    fetcher = await desk.open()

    await asyncio.gather(*(fetcher.get(f"{SITE}/{n}") for n in range(8)))

    assert site.peak == 1
    assert all(gap >= 1.0 - 1e-9 for gap in gaps(site))


async def test_hosts_are_paced_apart(desk: Desk, site: FakeSite, fake_clock: FakeClock) -> None:
    """The budget belongs to a host; another host does not wait for it."""
    fetcher = await desk.open()

    await fetcher.get(f"{SITE}/a")
    await fetcher.get("https://www.zaobao.com/a")

    assert [r.host for r in site.requests[1:3]] == ["www.zaobao.com.sg", "www.zaobao.com"]
    assert pytest.approx(fake_clock.elapsed) == 2.02


async def test_a_crawl_delay_slows_us_down(desk: Desk, site: FakeSite) -> None:
    """A delay above our own is kept from the first page on; a smaller one changes nothing."""
    site.serve("www.zaobao.com.sg/robots.txt", site.reply(200, b"User-agent: *\nCrawl-delay: 7"))
    fetcher = await desk.open()

    for n in range(3):
        await fetcher.get(f"{SITE}/{n}")

    assert pytest.approx(gaps(site)) == [7.01, 7.01, 7.01]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_trouble_that_passes_is_not_seen(desk: Desk, site: FakeSite, status: int) -> None:
    """A transient status is tried again, and the wait is told."""
    site.serve("/a", site.reply(status), site.reply(status), site.reply(200, b"body"))

    page = await (await desk.open()).get(f"{SITE}/a")

    assert page.body == b"body"
    assert len(site.pages) == 3
    assert [("www.zaobao.com.sg", str(status))] * 2 == [
        (host, why.split()[0]) for host, _, why in desk.waits
    ]


async def test_trouble_that_stays_is_reported_in_plain_words(desk: Desk, site: FakeSite) -> None:
    """The last error says what the site answered and how often it was asked."""
    site.serve("/a", site.reply(503))
    fetcher = await desk.open()

    with pytest.raises(FetchFailed, match=r"/a: 503 Service Unavailable after 4 tries$") as caught:
        await fetcher.get(f"{SITE}/a")

    assert caught.value.transient
    assert len(site.pages) == 4


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_pause_holds_for_the_whole_host(
    desk: Desk, site: FakeSite, fake_clock: FakeClock, status: int, form: str
) -> None:
    """Nobody sends to the host before the pause is over; then the work goes on."""
    date = format_datetime(fake_clock.start + timedelta(seconds=121), usegmt=True)
    pause = "120" if form == "seconds" else date
    site.serve("/a", site.reply(status, Retry_After=pause), site.reply(200, b"body"))
    fetcher = await desk.open()

    pages = await asyncio.gather(*(fetcher.get(f"{SITE}/{name}") for name in "abc"))

    assert pages[0].body == b"body"
    asked = next(r.at for r in site.requests if r.path == "/a")
    later = [r.at for r in site.requests if r.at > asked]
    assert len(later) == 3
    assert min(later) >= 120.0


async def test_a_long_pause_ends_the_visit_at_once(
    desk: Desk, site: FakeSite, fake_clock: FakeClock
) -> None:
    """Longer than a run should wait: HostResting with the time left, also after a restart."""
    site.serve("/a", site.reply(503, Retry_After="7200"), site.reply(200, b"body"))

    with pytest.raises(HostResting, match="asked to be left alone until 2026-11-01 14:00 UTC"):
        await (await desk.open()).get(f"{SITE}/a")
    await fake_clock.sleep(3600)
    with pytest.raises(HostResting) as caught:
        await (await desk.open()).get(f"{SITE}/a")

    assert pytest.approx(caught.value.retry_after, abs=2) == 3600
    assert len(site.pages) == 1

    await fake_clock.sleep(3600 - 300)
    assert (await (await desk.open()).get(f"{SITE}/a")).body == b"body"
    assert desk.waits[-1][2] == "it asked for a pause, or was in trouble"


async def test_a_pause_is_never_longer_than_a_day(desk: Desk, site: FakeSite) -> None:
    """An absurd Retry-After is cut to 24 hours."""
    site.serve("/a", site.reply(429, Retry_After="9999999999"))
    fetcher = await desk.open()

    with pytest.raises(HostResting) as caught:
        await fetcher.get(f"{SITE}/a")

    assert caught.value.retry_after == 24 * 3600
