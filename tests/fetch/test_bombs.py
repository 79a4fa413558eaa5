"""Bodies that unfold to far more than was sent: refused at the cap, at the cost of the cap."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from harvester.errors import BodyTooLarge, FetchFailed
from harvester.fetch import PAGE_CAP, SITEMAP_CAP
from tests.fetch import visitor
from tests.fetch.bombs import BOMBS, MIB
from tests.fetch.visitor import Visit
from tests.support.figures import Figures

if TYPE_CHECKING:
    from tests.fetch.conftest import Desk, FakeSite

URL = "https://www.zaobao.com.sg/x"
REFUSALS = {
    "nested": (FetchFailed, "not a readable HTTP answer"),  # a coding that was not offered
}


@pytest.mark.gate("N5", "bombs")
@pytest.mark.parametrize("kind", BOMBS)
async def test_a_bomb_is_stopped_while_it_unfolds(
    desk: Desk, site: FakeSite, figures: Figures, kind: str
) -> None:
    """A small body that unfolds to eight times the cap is refused, with less than twice it held."""
    coding, make = BOMBS[kind]
    body, cap = make(64 * MIB), PAGE_CAP
    site.serve("/x", site.reply(200, body, Content_Encoding=coding))
    fetcher = await desk.open(attempts=1)
    await fetcher.get("https://www.zaobao.com.sg/other")

    tracemalloc.start()
    try:
        with pytest.raises(FetchFailed) as caught:
            await fetcher.get(URL, cap=cap)
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    expected = REFUSALS.get(kind, (BodyTooLarge, f"larger than {cap:,} bytes"))
    assert (type(caught.value), caught.value.problem) == expected
    assert site.pages == ["www.zaobao.com.sg/other", "www.zaobao.com.sg/x"]
    figures.at_most("memory held, in caps", held / cap, 2)


@pytest.mark.gate("N5", "bombs")
@pytest.mark.alone
@pytest.mark.release
@pytest.mark.timeout(600)
@pytest.mark.parametrize("cap", [PAGE_CAP, SITEMAP_CAP], ids=["page", "sitemap"])
async def test_a_gigabyte_costs_no_more_than_the_cap(
    site: FakeSite, figures: Figures, cap: int
) -> None:
    """As above with 1 GiB, seen from outside: memory of the process, time, and others' fetches."""
    serve_well(site)
    refused, growths, times, beside = 0, [], [], []
    for kind, (coding, make) in BOMBS.items():
        body = await asyncio.to_thread(make, 1024 * MIB)
        site.serve("/x", site.reply(200, body, Content_Encoding=coding))
        outcome = await visitor.send(Visit(site.origin, ["/x"], cap, beside=40))
        expected = REFUSALS.get(kind, (BodyTooLarge, f"larger than {cap:,} bytes"))
        end = outcome.ends["/x"]
        refused += (end.kind, end.problem) == (expected[0].__name__, expected[1])
        growths.append(outcome.growth / cap)
        times.append(end.seconds)
        beside.append(max(outcome.beside))

    figures.all("bombs of 1 GiB refused", refused, of=len(BOMBS))
    figures.at_most("growth of memory, in caps", max(growths), 2)
    figures.at_most("until refused", max(times), 5, " s")
    # Each of them takes 50 ms at the server.
    figures.at_most("the slowest fetch beside a bomb", max(beside), 0.5, " s")


def serve_well(site: FakeSite) -> None:
    """Let `/well` answer after 50 ms, on a connection that is not used again."""

    async def well(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(site.reply(200, b"well", Connection="close"))
        await writer.drain()

    site.serve("/well", well)


@pytest.mark.parametrize("kind", ["gzip", "deflate", "br", "zstd", "many members"])
async def test_packed_bodies_arrive_unpacked(desk: Desk, site: FakeSite, kind: str) -> None:
    """Up to the cap itself, every coding that we offer is read."""
    coding, make = BOMBS[kind]
    site.serve("/x", site.reply(200, make(64 * MIB), Content_Encoding=coding))

    page = await (await desk.open()).get(URL, cap=64 * MIB)

    assert page.body == bytes(64 * MIB)


async def test_others_get_their_turn_while_a_body_unfolds(desk: Desk, site: FakeSite) -> None:
    """A large body does not hold the event loop: others run many times until it is there."""
    coding, make = BOMBS["br"]
    site.serve("/x", site.reply(200, make(64 * MIB), Content_Encoding=coding))
    fetcher = await desk.open()
    await fetcher.get("https://www.zaobao.com.sg/other")
    turns = 0

    large = asyncio.create_task(fetcher.get(URL, cap=64 * MIB))
    while not large.done():
        await asyncio.sleep(0)
        turns += 1

    assert (await large).status == 200
    assert turns > 500
