"""The same pages a second time, under whatever addresses: nothing is new, nothing is touched."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from harvester.replica import Site, Story
from harvester.replica.making import bulk
from harvester.replica.server import ReplicaServer
from harvester.replica.story import HK, SG
from harvester.zaobao import story_ref
from tests.e2e.support import Place, Run
from tests.handoff.follower_archive import quick_folder
from tests.support.figures import Figures, cases

PAGES = cases(100, 1_000)
_QUERIES = ("", "/", "?ref=today-news-section-card", "?utm_source=x&a=%E4%B8%AD", "#top", "/?a=1#b")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder on a quick disk."""
    with quick_folder() as folder:
        yield folder


def everywhere(count: int) -> list[Story]:
    """Return stories that stand on both hosts and in two or three sections each."""
    stories = bulk(count, 5, date(2016, 1, 1), date(2026, 9, 29))
    return [
        replace(story, hosts=(SG, HK), also=_also(story.path, number))
        for number, story in enumerate(stories)
    ]


def _also(path: str, number: int) -> tuple[str, ...]:
    name = path.rpartition("/")[2]
    return (f"special/report/topic{number % 7}/{name}", f"news/sea/{name}")[: 1 + number % 2]


def spelled(story: Story, luck: random.Random) -> str:
    """Return one of the many addresses of a story."""
    scheme = luck.choice(("https", "http", "HTTPS"))
    host = luck.choice(story.hosts)
    host = luck.choice((host, host.removeprefix("www."), host.upper()))
    port = luck.choice(("", ":443" if scheme != "http" else ":80"))
    return f"{scheme}://{host}{port}/{luck.choice(story.paths)}{luck.choice(_QUERIES)}"


def shuffled(stories: list[Story], seed: int) -> list[str]:
    """Return an address of each story, in random order."""
    luck = random.Random(seed)  # noqa: S311
    urls = [spelled(story, luck) for story in stories]
    luck.shuffle(urls)
    return urls


def stamps(place: Place) -> dict[str, tuple[int, ...]]:
    """Return of each file what no writing leaves as it was."""
    found = {path: (place.seeds / path).stat() for path in place.files()}
    return {p: (s.st_ino, s.st_mtime_ns, s.st_ctime_ns, s.st_size) for p, s in found.items()}


@pytest.mark.gate("A3", "replay twice")
async def test_a_second_pass_finds_nothing_new(folder: Path, figures: Figures) -> None:
    """Pages under other addresses, and their posts: 0 new, 0 revised, 0 files touched."""
    stories = everywhere(PAGES)
    async with ReplicaServer(Site(stories)) as server:
        place = Place(folder / "one", server.origin)
        first = await place.backfill_urls(shuffled(stories, 1))
        assert first.counts == {"new": PAGES}
        before, asked = stamps(place), len(server.log)

        def hold(run: Run, what: str, held: Place, then: dict[str, tuple[int, ...]]) -> None:
            """Hold a further pass to the figures."""
            done = run.outcome.counts.discovered
            assert done >= PAGES
            figures.none(f"{what}: new", run.counts.get("new", 0), of=done)
            figures.none(f"{what}: revised", run.counts.get("revised", 0), of=done)
            after = stamps(held)
            touched = sum(then.get(path) != after[path] for path in after)
            figures.none(f"{what}: files touched", touched, of=len(after))
            assert then.keys() == after.keys()

        hold(await place.backfill_urls(shuffled(stories, 2)), "listed again", place, before)
        assert asked == len(server.log)  # what is held and well is not even asked for
        again = await place.fetch(*{story_ref(u).url for u in shuffled(stories, 3)})
        hold(again, "fetched again", place, before)
        assert len(server.log) - asked >= PAGES

        copy = folder / "copy"
        shutil.copytree(place.seeds, copy)
        hold(await place.take_in(copy), "imported", place, before)
        other = Place(folder / "two", server.origin)
        assert (await other.take_in(copy)).counts == {"new": PAGES}
        held = stamps(other)
        hold(await other.take_in(copy), "imported twice", other, held)
        hold(await other.fetch(*shuffled(stories, 4)), "fetched after import", other, held)
        place.check()
        other.check()
