"""What the daemon costs the site: on a busy day, and while the site is down."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web

from harvester.replica.server import ReplicaServer
from harvester.replica.site import Site
from tests.daemon.support import HOUR, MINUTE, World, live
from tests.support.figures import FULL, Figures, cases

# A rest of six hours, and what it is spread by.
LONGEST_REST = 6.6
RESTING_DAYS = cases(1, 7)
HOURS = cases(8, 24)

PAUSES = [("7200", 2), *([("86400", 24), ("9999999", 24)] if FULL else [])]


class Observant(ReplicaServer):
    """Notes how many requests it had at once, and which lists were as they had been."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._at_work = 0
        self.most_at_once = 0
        self.unchanged: list[int] = []
        self._shown: dict[str, str] = {}

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._at_work += 1
        self.most_at_once = max(self.most_at_once, self._at_work)
        try:
            return await super()._handle(request)
        finally:
            self._at_work -= 1

    def _answer(self, request: web.BaseRequest) -> web.Response:
        response = super()._answer(request)
        tag = response.headers.get("ETag")
        if tag and "/story" not in request.raw_path:
            if self._shown.get(request.raw_path) == tag:
                self.unchanged.append(response.status)
            self._shown[request.raw_path] = tag
        return response


@pytest.mark.gate("M10", "politeness")
def test_a_busy_day_costs_the_site_little(folder: Path, figures: Figures) -> None:
    """Slow answers, much news and none: one request at a time, a second apart, and 304s."""

    async def act(world: World) -> None:
        assert isinstance(world.server, Observant)
        async with world.daemon():
            for number in range(4 * HOURS):
                if number % 12 < 5:  # news for an hour and a quarter, then none for longer
                    story = world.publish()
                    world.site.slow(f"/{story.path}", 5.0 * (number % 2))
                await world.sleep(15 * MINUTE)
        times = [request.at for request in world.server.log]
        gaps = [after - before for before, after in pairwise(times)]
        figures.at_least("requests", len(times), cases(80, 200))
        figures.at_most("requests at once", world.server.most_at_once, 1)
        figures.at_least("least seconds between two", min(gaps), 1.0)
        unchanged = world.server.unchanged
        figures.at_least("unchanged lists asked for", len(unchanged), 10)
        figures.at_least("of them with 304", 100 * unchanged.count(304) / len(unchanged), 90, "%")

    live(folder, act, held=60, server_of=Observant)


def test_a_day_without_news_costs_few_requests(folder: Path) -> None:
    """Lists are asked not more often than their rhythm, nearly all answered with 304."""

    async def act(world: World) -> None:
        world.publish()  # so that there is a sitemap of this month
        async with world.daemon():
            await world.sleep(3 * HOUR)
            before = len(world.server.log)
            await world.sleep(HOURS * HOUR)
            asked = world.server.log[before:]
        lists = [request for request in asked if "story" not in request.target]
        assert len(lists) <= cases(60, 130)
        assert sum(request.status == 304 for request in lists) >= 0.9 * len(lists)

    live(folder, act, held=5)


@pytest.mark.gate("M9", "outage of a week")
@pytest.mark.parametrize("status", [500, None], ids=["500", "no answer"])
def test_an_outage_costs_few_requests_and_nothing_is_missed(
    folder: Path, figures: Figures, status: int | None
) -> None:
    """At most 40 requests in seven days; afterwards what was published meanwhile is held."""

    async def act(world: World) -> None:
        async with world.daemon():
            await world.sleep(2 * HOUR)
            world.site.outage(status)
            before = len(world.server.log)
            missed = []
            for _ in range(RESTING_DAYS):
                await world.sleep(cases(12, 24) * HOUR)
                missed += [world.publish().story_id for _ in range(15)]
            figures.at_most("requests", len(world.server.log) - before, cases(15, 40))
            await world.sleep(HOUR)
            newest = world.publish().story_id
            world.site.recover()
            after, at = len(world.server.log), world.clock.monotonic()
            while not world.read().keys() & set(missed):
                await world.sleep(10 * MINUTE)
            waited = (world.clock.monotonic() - at) / HOUR
            figures.at_most("hours to the first story", waited, LONGEST_REST)
            # The newest first; two may be on their way at once.
            first = [asked.target.rpartition("-")[2] for asked in world.asked("/story", after)[:2]]
            assert newest in first
            await world.sleep(2 * HOUR)
            figures.none("stories missed", len(set(missed) - world.read().keys()), len(missed))

    live(folder, act, held=5)


@pytest.mark.gate("M9", "outage of a week")
@pytest.mark.parametrize(("asked", "hours"), PAUSES)
def test_a_pause_the_site_asks_for_is_kept(
    folder: Path, figures: Figures, asked: str, hours: int
) -> None:
    """Retry-After is obeyed up to a day; a longer one is taken for a day."""

    async def act(world: World) -> None:
        async with world.daemon():
            await world.sleep(2 * HOUR)
            world.site.outage(503, asked)
            before = len(world.server.log)
            while len(world.server.log) == before:
                await world.sleep(MINUTE)
            told = world.server.log[before].at
            world.site.recover()
            story = world.publish()
            await world.sleep((hours + 2) * HOUR)
            early = sum(told < r.at < told + hours * HOUR for r in world.server.log)
            figures.none("requests within the pause", early, of=hours)
            assert story.story_id in world.read()

    live(folder, act)
