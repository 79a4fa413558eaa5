"""The replica on its port: hosts, validators, compression, faults, log."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import aiohttp
import pytest

from harvester.replica import Site
from harvester.replica.server import DROPPED, ReplicaServer
from harvester.replica.story import HK, SG

BOTH_HOSTS_PATH = "/realtime/china/story20260930-9762332"


@dataclass(frozen=True)
class Reply:
    """What a client got."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Client:
    """A plain client that names the real host."""

    session: aiohttp.ClientSession
    server: ReplicaServer

    async def get(self, path: str, host: str = SG, **headers: str) -> Reply:
        """Ask for a path; underscores in header names become hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.get(
            self.server.origin + path, headers={"Host": host, **sent}, allow_redirects=False
        ) as response:
            return Reply(response.status, response.headers, await response.read())


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Yield a client of a running replica of the arranged site."""
    connector = aiohttp.TCPConnector(force_close=True)
    async with (
        ReplicaServer(Site.arranged()) as server,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        yield Client(session, server)


async def test_the_host_header_chooses_the_layout(client: Client) -> None:
    """One path shows the layout of the host that was asked."""
    singapore = await client.get(BOTH_HOSTS_PATH, SG)
    hong_kong = await client.get(BOTH_HOSTS_PATH, HK)

    assert b"seo-article-page" in singapore.body
    assert b'content="Astro' in hong_kong.body


async def test_charset_is_missing_in_the_header_of_2025(client: Client) -> None:
    """The .com of 2025 names no charset, .com.sg does, the old page says GB2312."""
    old = await client.get("/news/fukan/mini-columns/story20180614-867010")

    assert (await client.get(BOTH_HOSTS_PATH, HK)).headers["Content-Type"] == "text/html"
    assert "charset=utf-8" in (await client.get(BOTH_HOSTS_PATH)).headers["Content-Type"]
    assert "charset=GB2312" in old.headers["Content-Type"]


@pytest.mark.parametrize(
    "path", [BOTH_HOSTS_PATH, "/sitemap.xml", "/sitemaps/sitemap-202609.xml", "/realtime/china"]
)
async def test_validators_answer_304_until_something_changes(client: Client, path: str) -> None:
    """ETag and Last-Modified give 304 without a body; after an edit there is a new 200."""
    first = await client.get(path)
    by_tag = await client.get(path, If_None_Match=first.headers["ETag"])
    by_date = await client.get(path, If_Modified_Since=first.headers["Last-Modified"])
    client.server.site.edit("9762332", title="改了标题")
    later = await client.get(path, If_Modified_Since=first.headers["Last-Modified"])

    assert (by_tag.status, by_tag.body) == (304, b"")
    assert first.headers["ETag"] == by_tag.headers["ETag"]
    assert (by_date.status, by_date.body) == (304, b"")
    assert later.status == 200


async def test_an_edit_changes_the_tag(client: Client) -> None:
    """After an edit the old ETag no longer matches."""
    first = await client.get(BOTH_HOSTS_PATH)
    client.server.site.edit("9762332", blocks=("改了。",))
    second = await client.get(BOTH_HOSTS_PATH, If_None_Match=first.headers["ETag"])

    assert second.status == 200
    assert first.headers["ETag"] != second.headers["ETag"]


async def test_pages_are_compressed_when_accepted(client: Client) -> None:
    """Gzip is used when the client takes it, and only then."""
    packed = await client.get(BOTH_HOSTS_PATH, Accept_Encoding="gzip")
    plain = await client.get(BOTH_HOSTS_PATH, Accept_Encoding="identity")

    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.body == plain.body


async def test_redirects_name_real_addresses(client: Client) -> None:
    """A redirect's location is an address of the real site, never of this machine."""
    moved = await client.get("/realtime/world/story20191101-1001201", HK)

    assert moved.status == 302
    assert moved.headers["Location"] == f"https://{SG}/realtime/world/story20191101-1001201"


async def test_fail_answers_the_next_requests_only(client: Client) -> None:
    """`fail` gives its status the asked number of times, with Retry-After, then all is well."""
    client.server.site.fail(BOTH_HOSTS_PATH, 503, times=2, retry_after=7)
    replies = [await client.get(BOTH_HOSTS_PATH) for _ in range(3)]

    assert [reply.status for reply in replies] == [503, 503, 200]
    assert replies[0].headers["Retry-After"] == "7"


async def test_drop_closes_the_connection(client: Client) -> None:
    """`drop` ends connections without an answer (aiohttp asks twice), and the log tells."""
    client.server.site.drop(BOTH_HOSTS_PATH, times=2)
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.get(BOTH_HOSTS_PATH)
    after = await client.get(BOTH_HOSTS_PATH)

    assert after.status == 200
    assert [request.status for request in client.server.log] == [DROPPED, DROPPED, 200]


async def test_slow_answers_still_come(client: Client) -> None:
    """A slow path answers as usual, only later; a short deadline does not live to see it."""
    client.server.site.slow(BOTH_HOSTS_PATH, 60)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.get(BOTH_HOSTS_PATH), 0.05)
    client.server.site.slow(BOTH_HOSTS_PATH, 0)

    assert (await client.get(BOTH_HOSTS_PATH)).status == 200


async def test_the_log_tells_every_request(client: Client) -> None:
    """The log has host, path with query, User-Agent, status and whether it was conditional."""
    target = "/_plat/api/v2/page-content/realtime/china?page=0"
    await client.get(target, User_Agent="test/1")
    await client.get("/nowhere", HK, If_None_Match='"x"')
    first, second = client.server.log

    assert (SG, target, "test/1", 200, False) == (
        first.host,
        first.target,
        first.user_agent,
        first.status,
        first.conditional,
    )
    assert (
        second.host,
        second.target,
        second.status,
        second.conditional,
    ) == (HK, "/nowhere", 404, True)
    assert first.at <= second.at


async def test_it_runs_in_a_process_of_its_own() -> None:
    """`python -m harvester.replica` prints its origin, serves, and ends quietly on Ctrl-C."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "harvester.replica", "--stories", "5"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    origin = (await process.stdout.readline()).decode().strip()
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{origin}/sitemap.xml", headers={"Host": SG}) as response,
    ):
        body = await response.text()
    process.send_signal(signal.SIGINT)
    _, errors = await process.communicate()

    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", origin)
    assert "<sitemapindex" in body
    assert errors == b""
