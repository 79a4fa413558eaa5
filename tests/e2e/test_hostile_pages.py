"""Half the pages of a site are traps: the rest is archived, and each address counted once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

import pytest

from harvester.fetch import FetchSettings
from harvester.fetch.client import Fetcher
from harvester.fetch.settings import PAGE_CAP, UNCONDITIONAL
from harvester.model import Page, Validators
from harvester.replica import Site
from harvester.replica.story import SG
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

# What only a limit of time ends.
SLOW = frozenset(TRAPS[:2])


@dataclass(frozen=True)
class Visits:
    """Visits the pages at `slow` with short limits of time, all others with the usual ones."""

    usual: Fetcher
    short: Fetcher
    slow: Container[str]

    async def get(
        self, url: str, validators: Validators = UNCONDITIONAL, cap: int = PAGE_CAP
    ) -> Page:
        """Fetch `url`."""
        fetcher = self.short if url in self.slow else self.usual
        return await fetcher.get(url, validators, cap)


@pytest.mark.alone
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
        slow = set()
        for shown, (kind, trap) in zip(stories[1::2], cycle(traps.items()), strict=False):
            site.serve(f"/{shown.path}", trap)
            if kind in SLOW:
                slow.add(address(shown))
        place = Place(tmp_path, site.origin)
        run = await backfill(place, slow)

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


def replies(site: HostileSite, sentinels: Sentinels) -> dict[str, Reply]:
    """Return the nine troubles by their names."""
    coding, make = BOMBS["gzip"]
    kinds = scripts(0.02)
    inside = f"https://127.0.0.1:{sentinels.port}/"
    return {
        **{trap: kinds[trap][0] for trap in TRAPS},
        "bomb": site.reply(200, make(64 * MIB), Content_Encoding=coding),
        "inside": site.reply(302, Location=inside),
    }


async def backfill(place: Place, slow: Container[str]) -> Run:
    """Run a backfill whose limits of time are short for the pages at `slow`."""
    watcher = Watcher()
    settings = place.settings(concurrency=4)
    usual = FetchSettings(
        "harvester/test", rate=1e6, concurrency=4, site_origin=place.origin, attempts=1
    )
    short = replace(usual, first_byte=1.0, total=3.0)
    async with (
        open_writer(settings, watcher, place.clock) as archive,
        Fetcher(usual, place.clock, archive, SITE_HOSTS, watcher.waiting) as others,
        Fetcher(short, place.clock, archive, SITE_HOSTS, watcher.waiting) as hasty,
    ):
        await hasty.get(f"https://{SG}/sitemap.xml")  # robots.txt is read before anything floods
        workshop = Workshop(settings, archive, Visits(others, hasty, slow), place.clock)
        return Run(await perform(Order(), workshop, watcher, asyncio.Event()), watcher)
