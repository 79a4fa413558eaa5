"""Half the pages of a site are traps: the rest is archived, and each address counted once."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import cycle
from pathlib import Path

import pytest

from harvester.fetch import FetchSettings
from harvester.fetch.client import Fetcher
from harvester.replica import Site
from harvester.runs import Order, perform
from harvester.workshop import Workshop, open_writer
from harvester.zaobao import SITE_HOSTS
from tests.e2e.hostile import HostileSite
from tests.e2e.support import Place, Run, Watcher, address, story
from tests.fetch.bombs import BOMBS, MIB
from tests.fetch.conftest import FakeClock, Reply, Sentinels
from tests.fetch.test_slow import scripts
from tests.support.figures import Figures, cases

TRAPS = (
    "/a-byte-now-and-then",
    "/silence",
    "/endless-body",
    "/endless-interim",
    "/endless-headers",
    "/reset",
    "/length-too-long",
)


@pytest.mark.gate("N1 N5 N6", "the rest of the crawl goes on")
async def test_every_other_story_is_archived(
    tmp_path: Path, sentinels: Sentinels, figures: Figures
) -> None:
    """Every second page is a trap, of nine kinds in turn; the others are archived.

    Ten troubles in a row would end the run: then it is the site that is in trouble.
    """
    count = cases(36, 900)
    stories = [story(9_700_000 + n, f"2026-09-{1 + n % 27:02}T09:00:00") for n in range(count)]
    site = HostileSite(FakeClock(), truth=Site(stories))
    async with site.running():
        traps = replies(site, sentinels)
        bad = {shown.path for shown in stories[1::2]}
        for shown, trap in zip(stories[1::2], cycle(traps), strict=False):
            site.serve(f"/{shown.path}", trap)
        place = Place(tmp_path, site.origin)
        run = await backfill(place)

    assert run.outcome.halted is None
    ends = Counter(url for url, _ in run.watcher.ends)
    told = sum(number != 1 for number in ends.values())
    wrong = [
        url
        for url, verdict in run.ends.items()
        if verdict != ("failed" if url.partition(".sg/")[2] in bad else "new")
    ]
    assert ends.keys() == {address(shown) for shown in stories}
    place.check()
    figures.all("stories beside the traps archived", len(place.articles()), of=count - len(bad))
    figures.none("addresses that ended otherwise", len(wrong), of=count)
    figures.none("addresses counted twice", told, of=count)
    figures.none("connections at a sentinel", len(sentinels.seen), of=count)


def replies(site: HostileSite, sentinels: Sentinels) -> list[Reply]:
    """Return the nine troubles."""
    coding, make = BOMBS["gzip"]
    kinds = scripts(0.02)
    inside = f"https://127.0.0.1:{sentinels.port}/"
    return [
        *(kinds[trap][0] for trap in TRAPS),
        site.reply(200, make(64 * MIB), Content_Encoding=coding),
        site.reply(302, Location=inside),
    ]


async def backfill(place: Place) -> Run:
    """Run a backfill whose limits of time are short."""
    watcher = Watcher()
    settings = place.settings(concurrency=4)
    limits = FetchSettings(
        "harvester/test",
        rate=1e6,
        concurrency=4,
        site_origin=place.origin,
        attempts=1,
        first_byte=1.0,
        total=3.0,
    )
    async with (
        open_writer(settings, watcher, place.clock) as archive,
        Fetcher(limits, place.clock, archive, SITE_HOSTS, watcher.waiting) as fetcher,
    ):
        workshop = Workshop(settings, archive, fetcher, place.clock)
        return Run(await perform(Order(), workshop, watcher, asyncio.Event()), watcher)
