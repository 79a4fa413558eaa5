"""One page: what is sent, what comes back, what each status means."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from harvester.errors import FetchFailed, HostUnreachable, UsageError
from harvester.model import Validators

if TYPE_CHECKING:
    from tests.fetch.conftest import Desk, FakeClock, FakeSite

URL = "https://www.zaobao.com.sg/news/story20211101-1?a=1&b=%E5%9B%BD"


async def test_a_page_carries_what_the_site_said(
    desk: Desk, site: FakeSite, fake_clock: FakeClock
) -> None:
    """Body, charset, validators and the real addresses; the time is that of the clock."""
    site.serve(
        "/news/story20211101-1?a=1&b=%E5%9B%BD",
        site.reply(
            200,
            b"body",
            Content_Type="text/html; charset=GBK",
            ETag='"v1"',
            Last_Modified="Mon, 01 Nov 2021 00:00:00 GMT",
        ),
    )

    page = await (await desk.open()).get(URL)

    assert (page.url, page.final_url) == (URL, URL)
    assert (page.status, page.body, (page.charset or "").lower()) == (200, b"body", "gbk")
    assert (page.etag, page.last_modified) == ('"v1"', "Mon, 01 Nov 2021 00:00:00 GMT")
    assert fake_clock.now() == page.fetched_at


async def test_requests_are_honest_and_bare(desk: Desk, site: FakeSite) -> None:
    """Our name, the real host, the language; no referrer, no cookies, also after one was set."""
    site.serve("/a", site.reply(200, b"", Set_Cookie="id=1"))
    fetcher = await desk.open()

    await fetcher.get("https://www.zaobao.com.sg/a")
    await fetcher.get("https://www.zaobao.com.sg/a")

    headers = site.requests[-1].headers
    assert headers["User-Agent"] == "harvester/test (+contact)"
    assert headers["Host"] == "www.zaobao.com.sg"
    assert headers["Accept-Language"].startswith("zh")
    assert headers["Accept-Encoding"].split(", ") == ["gzip", "deflate", "br"]
    assert not {"Cookie", "Referer", "If-None-Match", "If-Modified-Since"} & set(headers)


@pytest.mark.parametrize("status", [404, 410])
async def test_what_is_not_there_is_a_page(desk: Desk, site: FakeSite, status: int) -> None:
    """404 and 410 are answers, not failures, and need one request."""
    site.serve("/gone", site.reply(status, b"not here"))

    page = await (await desk.open()).get("https://www.zaobao.com.sg/gone")

    assert (status, b"") == (page.status, page.body)
    assert site.pages == ["www.zaobao.com.sg/gone"]


@pytest.mark.parametrize("status", [204, 206, 304, 305, 400, 401, 403, 418, 451])
async def test_a_refusal_is_final(desk: Desk, site: FakeSite, status: int) -> None:
    """Other statuses fail at once, name the URL, and are not tried again."""
    site.serve("/no", site.reply(status))
    fetcher = await desk.open()

    with pytest.raises(FetchFailed, match=rf"https://www\.zaobao\.com\.sg/no: {status} ") as caught:
        await fetcher.get("https://www.zaobao.com.sg/no")

    assert not caught.value.transient
    assert len(site.pages) == 1


async def test_an_unchanged_page_is_not_sent_again(desk: Desk, site: FakeSite) -> None:
    """Validators are sent; 304 gives an empty page that keeps those the site does not repeat."""
    site.serve("/list", site.reply(304, ETag='"v2"'))
    sent = Validators('"v1"', "Mon, 01 Nov 2021 00:00:00 GMT")

    page = await (await desk.open()).get("https://www.zaobao.com.sg/list", sent)

    headers = site.requests[-1].headers
    assert sent.etag == headers["If-None-Match"]
    assert sent.last_modified == headers["If-Modified-Since"]
    assert (304, b"", '"v2"', sent.last_modified) == (
        page.status,
        page.body,
        page.etag,
        page.last_modified,
    )


@pytest.mark.parametrize(("status", "expected"), [(200, 50.0), (304, 50.0), (404, None)])
async def test_a_page_says_for_how_long_it_is_fresh(
    desk: Desk, site: FakeSite, status: int, expected: float | None
) -> None:
    """What the site states of its answer, less what it lay in a cache; not of what is missing."""
    site.serve("/a", site.reply(status, Cache_Control="max-age=60", Age="10"))

    page = await (await desk.open()).get("https://www.zaobao.com.sg/a", Validators('"v1"'))

    assert expected == page.max_age


async def test_validators_that_could_not_be_sent_back_are_dropped(
    desk: Desk, site: FakeSite
) -> None:
    """Bytes outside ASCII in a header would break the catalogue or the next request."""
    site.serve("/a", b'HTTP/1.1 200 OK\r\nETag: "\xff\xfe"\r\nContent-Length: 0\r\n\r\n')

    page = await (await desk.open()).get("https://www.zaobao.com.sg/a")

    assert page.etag is None


@pytest.mark.parametrize(
    "kind", ["text/html; charset", "charset=x", "a/b; charset=\"'", ";;;", "é"]
)
async def test_an_odd_content_type_does_no_harm(desk: Desk, site: FakeSite, kind: str) -> None:
    """The body arrives whatever the label is."""
    site.serve("/a", site.reply(200, b"body", Content_Type=kind))

    page = await (await desk.open()).get("https://www.zaobao.com.sg/a")

    assert page.body == b"body"


async def test_a_refused_connection_is_an_unreachable_host(desk: Desk) -> None:
    """Nobody there: typed, transient, tried as often as set, and said so."""
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    fetcher = await desk.open(site_origin=f"http://127.0.0.1:{port}", attempts=3)

    with pytest.raises(HostUnreachable, match=r"no connection: .* after 3 tries") as caught:
        await fetcher.get(URL)

    assert caught.value.transient
    assert caught.value.url == URL


async def test_a_bad_origin_is_wrong_usage(desk: Desk) -> None:
    """The mistake shows when the fetcher is made, before anything is sent."""
    with pytest.raises(UsageError, match="not an address of the form"):
        await desk.open(site_origin="http://127.0.0.1/path")


async def test_cancelling_a_fetch_leaves_the_fetcher_usable(desk: Desk, site: FakeSite) -> None:
    """A cancelled request gives back its slot and its connection."""
    arrived = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        arrived.set()
        await reader.read()

    site.serve("/slow", silent)
    site.serve("/a", site.reply(200, b"body"))
    fetcher = await desk.open()

    task = asyncio.create_task(fetcher.get("https://www.zaobao.com.sg/slow"))
    await arrived.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await fetcher.get("https://www.zaobao.com.sg/a")).body == b"body"
