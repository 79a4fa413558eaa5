"""Promises to the archives, kept by the clock of the server that is asked."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from harvester.errors import FetchFailed, HostResting, SiteUnreachable
from harvester.model import Scope
from tests.elsewhere.support import (
    CHINA,
    World,
    batches,
    places,
    story,
    with_commoncrawl,
    with_wayback,
)
from tests.elsewhere.test_wayback import NOV_7, kept, many, seen
from tests.support.commoncrawl import Crawl
from tests.support.service import saying

NAME = "web.archive.org"


def gaps(instants: list[float]) -> list[float]:
    """Return the seconds between instants."""
    return [round(later - earlier, 6) for earlier, later in pairwise(instants)]


def test_the_index_is_asked_24_times_a_minute_at_most() -> None:
    """Evenly, and no quicker after an idle time; the first time no sooner after a start."""

    async def act(world: World) -> None:
        for _ in range(2):
            async with world.wayback(5) as index:
                await batches(index)
        asked = world.service.instants()
        assert asked[0] >= 2.5
        assert min(gaps(asked)) >= 2.5
        assert len(asked) > 24
        for at in asked:
            assert sum(at <= other < at + 60 for other in asked) <= 24

    with_wayback(kept(*many()), act)


def test_captures_are_asked_for_once_a_second_at_most() -> None:
    """Those of a second run too."""

    async def act(world: World) -> None:
        for _ in range(2):
            async with world.wayback() as index:
                for _ in range(5):
                    await index.page(seen())
        assert world.service.asked[0].at >= 1
        assert min(gaps(world.service.instants())) >= 1
        assert max(gaps(world.service.instants())) < 1.1

    with_wayback(kept((NOV_7, story(1))), act)


def test_both_kinds_stand_in_one_queue() -> None:
    """Captures between two looks at the index bring these no nearer together."""

    async def act(world: World) -> None:
        async with world.wayback(10) as index:
            async for batch in index.seen(CHINA):
                for each in batch[:2]:
                    await index.page(each)
        assert min(gaps(world.service.instants())) >= 1
        assert min(gaps(world.service.instants("/cdx/"))) >= 2.5

    with_wayback(kept(*many()), act)


def test_too_many_requests_stop_everything_for_a_minute() -> None:
    """Whichever kind was too much, neither is asked before the minute is over."""

    async def act(world: World) -> None:
        async with world.wayback(attempts=1) as index:
            world.service.first.append(saying(429))
            await places(index)
            await index.page(seen())
            assert "429 Too Many Requests" in index.problems[0]
        first, *later = world.service.instants()
        assert 60 <= later[0] - first < 61
        assert len(later) == 2

    with_wayback(kept((NOV_7, story(1))), act)


@pytest.mark.parametrize("kind", ["index", "capture"])
def test_each_further_one_doubles_the_pause_up_to_an_hour(kind: str) -> None:
    """An answer ends the row, and then a minute is enough again."""
    pauses = [60, 120, 240, 480, 960, 1920, 3600, 3600]

    async def act(world: World) -> None:
        world.service.first.extend([saying(429)] * len(pauses))
        async with world.wayback(max_rest=3600.0, attempts=20) as index:
            await (batches(index) if kind == "index" else index.page(seen()))
            asked = world.service.instants()
            world.service.first.append(saying(429))
            await index.page(seen())
        for pause, gap in zip(pauses, gaps(asked), strict=False):
            assert pause <= gap < pause + 40  # and the random wait of one who tries again
        assert 60 <= gaps(world.service.instants())[-1] < 100

    with_wayback(kept((NOV_7, story(1))), act)


@pytest.mark.parametrize("pause", [5, 90, 599])
def test_a_pause_that_is_asked_for_is_kept_to_the_second(pause: int) -> None:
    """It is the service that knows."""

    async def act(world: World) -> None:
        async with world.wayback(attempts=1) as index:
            world.service.first.append(saying(429, Retry_After=str(pause)))
            with pytest.raises(FetchFailed):
                await index.page(seen())
            await index.page(seen())
        (gap,) = gaps(world.service.instants())
        assert pause <= gap < pause + 1

    with_wayback(kept((NOV_7, story(1))), act)


def test_a_pause_outlives_the_run() -> None:
    """A run that begins in it waits, and goes on with the doubling."""

    async def act(world: World) -> None:
        world.service.first.extend([saying(429)] * 2)
        for _ in range(2):
            async with world.wayback(attempts=1) as index:
                with pytest.raises(FetchFailed):
                    await index.page(seen())
        async with world.wayback(attempts=1) as index:
            await index.page(seen())
        first, second = gaps(world.service.instants())
        assert 60 <= first < 61
        assert 120 <= second < 121
        assert world.memory.states[NAME].failures == 0

    with_wayback(kept((NOV_7, story(1))), act)


def test_a_pause_longer_than_a_run_waits_ends_it() -> None:
    """Nothing is asked in it, neither then nor by the next run."""

    async def act(world: World) -> None:
        world.service.first.extend([saying(429)] * 9)
        async with world.wayback(attempts=9) as index:
            with pytest.raises(HostResting):
                await batches(index, Scope())
        asked = len(world.service.asked)
        assert asked == 5  # 1 + 2 + 4 + 8 minutes; 16 are too long
        async with world.wayback() as index:
            with pytest.raises(HostResting):
                await index.page(seen())
        assert asked == len(world.service.asked)

    with_wayback(kept((NOV_7, story(1))), act)


def test_a_refused_connection_counts_like_too_many_requests() -> None:
    """A block shows itself so: who goes on knocking is shut out for longer."""

    async def act(world: World) -> None:
        async with world.wayback(attempts=1) as index:
            await index.page(seen())
            await world.service.stop()
            began = world.clock.monotonic()
            for _ in range(3):
                with pytest.raises(FetchFailed, match="no connection"):
                    await index.page(seen())
            assert 180 <= world.clock.monotonic() - began < 184
            await world.service.start()
            await index.page(seen())
        assert 420 <= gaps(world.service.instants())[-1] < 430

    with_wayback(kept((NOV_7, story(1))), act)


def test_a_service_that_stays_away_ends_the_run() -> None:
    """Three questions in a row without any connection are enough, whatever had come before."""

    async def act(world: World) -> None:
        async with world.wayback(attempts=1) as index:
            found = index.seen(Scope(CHINA.since, CHINA.until, ("realtime", "news")))
            await anext(found)
            await world.service.stop()
            with pytest.raises(SiteUnreachable, match="no connection"):
                await anext(found)

    with_wayback(kept((NOV_7, story(1, path="realtime"))), act)


@pytest.mark.parametrize("status", [403, 429, 503])
def test_common_crawl_says_so_in_other_words(tmp_path: Path, status: int) -> None:
    """Its 503, and the 403 that follows, pause like a 429."""

    async def act(world: World) -> None:
        world.service.first.append(saying(status, "Please reduce your request rate."))
        async with world.commoncrawl() as index:
            await batches(index)
        assert 60 <= gaps(world.service.instants())[0] < 100

    crawl = Crawl("CC-MAIN-2021-49", "2021-11-26T00:00:00", "2021-12-09T00:00:00")
    with_commoncrawl(tmp_path, [crawl], act)


def test_the_index_of_common_crawl_is_asked_every_two_seconds_at_most(tmp_path: Path) -> None:
    """The list of crawls counts too."""
    crawls = [
        Crawl(f"CC-MAIN-2022-{n:02}", f"2022-{n:02}-01T00:00:00", f"2022-{n:02}-20T00:00:00")
        for n in range(1, 6)
    ]

    async def act(world: World) -> None:
        async with world.commoncrawl() as index:
            await batches(index)
        asked = world.service.instants()
        assert asked[0] >= 2
        assert min(gaps(asked)) >= 2
        assert len(asked) == 1 + len(crawls) * 4

    with_commoncrawl(tmp_path, crawls, act)
