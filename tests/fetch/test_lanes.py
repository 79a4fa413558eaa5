"""Lanes: who goes first where several wait for one host, and who asked how often."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from harvester.model import Lane

if TYPE_CHECKING:
    from harvester.fetch import Getter
    from tests.fetch.conftest import Desk, FakeSite

NAME = "www.zaobao.com.sg"
SITE = f"https://{NAME}"


async def test_a_live_request_overtakes_waiting_backfill(desk: Desk, site: FakeSite) -> None:
    """What came later but is live is asked next; the pace stays as it was."""
    arrived, release = asyncio.Event(), asyncio.Event()

    async def held(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await release.wait()
        writer.write(site.reply(200))
        await writer.drain()

    site.serve("/first", held)
    fetcher = await desk.open()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fetcher.get(f"{SITE}/first"))
        await arrived.wait()
        for lane in (Lane.BACKFILL, Lane.AGAIN, Lane.LIVE):
            for number in (1, 2):
                tasks.create_task(fetcher.get(f"{SITE}/{lane.name}-{number}", lane=lane))
        release.set()

    expected = [f"{lane.name}-{number}" for lane in Lane for number in (1, 2)]
    assert [f"{NAME}/{name}" for name in ("first", *expected)] == site.pages
    assert site.peak == 1


async def test_a_lane_is_a_getter_that_counts(desk: Desk, site: FakeSite) -> None:
    """Everything begun is counted by lane: pages, redirects, retries, and robots.txt as live."""
    site.serve("/a", site.reply(302, Location="/b"))
    site.serve("/b", site.reply(503), site.reply(200, b"text"))
    fetcher = await desk.open()
    again: Getter = fetcher.in_lane(Lane.AGAIN)

    assert (await again.get(f"{SITE}/a")).body == b"text"
    await fetcher.get(f"{SITE}/b")

    assert fetcher.asked == {Lane.LIVE: 1, Lane.AGAIN: 4, Lane.BACKFILL: 1}
    assert fetcher.asked.total() == len(site.requests)
