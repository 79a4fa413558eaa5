"""More stories are on their way than are asked for at once, and none is begun after the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from harvester import judge, post
from harvester.fetch import PAGE_CAP
from harvester.fetch.settings import UNCONDITIONAL
from harvester.model import (
    Decision,
    Page,
    Scope,
    StoryRef,
    Validators,
    Verdict,
    Visit,
    VisitState,
)
from harvester.pipeline import Pipeline, Plan, Work
from harvester.replica import Site
from harvester.replica.site import NOW
from harvester.replica.story import SG
from harvester.store import Archive
from harvester.zaobao import story_ref
from tests.e2e.support import Clock, Watcher

STORIES = 40
AT_ONCE, ON_THEIR_WAY = 3, 12
PLAN = Plan(concurrency=AT_ONCE, workers=ON_THEIR_WAY)

# What is published outside of the days asked for is passed by without a look.
LONG_AGO = Visit("1", "", VisitState.HELD, NOW, published=datetime(2000, 1, 1, tzinfo=UTC))


class Newspaper:
    """Answers for the stories of a replica; knows how many were asked for, and at once."""

    def __init__(self, stopping: asyncio.Event, stop_at: int) -> None:
        self.site = Site.bulk(STORIES)
        self.asked = self.now = self.most = 0
        self._stopping = stopping
        self._stop_at = stop_at

    async def get(
        self, url: str, _validators: Validators = UNCONDITIONAL, _cap: int = PAGE_CAP
    ) -> Page:
        """Return the page of a story after some turns of the event loop."""
        self.asked += 1
        self.now += 1
        self.most = max(self.most, self.now)
        if self.asked == self._stop_at:
            self._stopping.set()
        for _ in range(5):
            await asyncio.sleep(0)
        self.now -= 1
        parts = urlsplit(url)
        answer = self.site.answer(parts.netloc, parts.path)
        return Page(url, url, answer.status, answer.body, NOW, answer.charset)


def refs() -> list[StoryRef]:
    """Return all stories of the newspaper."""
    return [story_ref(shown.urls[0]) for shown in Site.bulk(STORIES).truth()]


async def run(
    folder: Path, work: Sequence[Work] = (), plan: Plan = PLAN, stop_at: int = 0
) -> tuple[Newspaper, Pipeline, Watcher]:
    """Take stories of a newspaper, all where none are named, to an archive."""
    stopping, clock, watcher = asyncio.Event(), Clock(), Watcher()
    newspaper = Newspaper(stopping, stop_at)

    async def given() -> AsyncIterator[Work]:
        for each in work or [(ref, None) for ref in refs()]:
            yield each

    async with Archive.open(
        folder / "seeds",
        folder / "state",
        decide=judge.decide,
        name_key=post.name_key,
        clock=clock,
    ) as archive:
        pipeline = Pipeline(archive, newspaper, clock, plan, watcher, stopping)
        await pipeline.run(given())
    return newspaper, pipeline, watcher


async def test_no_more_are_asked_for_at_once(tmp_path: Path) -> None:
    """However many stories are on their way, so many requests are in flight, and all are taken."""
    newspaper, pipeline, _ = await run(tmp_path)

    assert newspaper.most == AT_ONCE
    assert pipeline.tally == {Verdict.NEW: STORIES}


@pytest.mark.parametrize("stop_at", [1, 7, STORIES - 1])
async def test_none_is_begun_after_the_end(tmp_path: Path, stop_at: int) -> None:
    """What waits for its turn when a run is stopped is not asked for; what was, is stored."""
    newspaper, pipeline, _ = await run(tmp_path, stop_at=stop_at)

    assert newspaper.asked == stop_at
    assert pipeline.tally == {Verdict.NEW: stop_at}
    assert pipeline.halt is None


@pytest.mark.parametrize("between", [0, 6_000])
async def test_one_story_at_two_addresses(tmp_path: Path, between: int) -> None:
    """It is asked for at the first of them, also `again`; the other is counted as passed by."""
    first = refs()[0]
    other = story_ref(first.url.replace(first.section, "realtime/other"))
    passed = [
        (story_ref(f"https://{SG}/news/china/story20200101-{number}"), LONG_AGO)
        for number in range(between)
    ]
    plan = Plan(Scope(since=first.day - timedelta(days=2)), again=True)
    newspaper, _, watcher = await run(tmp_path, [(first, None), *passed, (other, None)], plan)

    assert newspaper.asked == 1
    seen = Decision(Verdict.SKIPPED, "the story was seen at another address")
    assert (other.url, seen) in watcher.ends
