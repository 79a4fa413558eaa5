"""Pages are read by processes where they come fast, and to the same end as in a thread."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from harvester.findings import Finding, find
from harvester.model import BodyMode, Page
from harvester.readers import Read, open_readers
from harvester.replica import Site
from harvester.replica.site import NOW
from harvester.zaobao import story_ref
from tests.bulk.watching import has_ended, until
from tests.e2e.processes import replica, started
from tests.e2e.test_kill import backfill, read_until

FAST = 1000.0
MODE = BodyMode.CLEAN


def pages() -> list[Page]:
    """Return the pages of all stories, of some that are none, and one of no known layout."""
    site = Site.arranged()
    urls = [shown.urls[0] for shown in site.truth()] + list(site.others())
    answers = [(url, site.answer(urlsplit(url).netloc, urlsplit(url).path)) for url in urls]
    made = [
        Page(url, url, 200, answer.body, NOW, answer.charset)
        for url, answer in answers
        if answer.status == 200 and "/story" in url
    ]
    return [*made, replace(made[0], body=b"<p>another layout</p>")]


def children() -> list[int]:
    """Return the processes that this one began and that have not ended."""
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    begun = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return [child for child in begun if not has_ended(child)]


def new_since(before: list[int]) -> list[int]:
    """Return the processes begun since."""
    return [child for child in children() if child not in before]


async def read_all(read: Read, some: list[Page]) -> list[Finding]:
    """Read pages at once."""
    return await asyncio.gather(*(read(page, story_ref(page.url), MODE) for page in some))


@asynccontextmanager
async def at_work(page: Page) -> AsyncIterator[tuple[Read, list[int]]]:
    """Give a reader whose processes have begun, and these."""
    before = children()
    async with open_readers(FAST, 1) as read:
        while not (begun := new_since(before)):
            await read(page, story_ref(page.url), MODE)
        yield read, begun


async def test_the_same_as_in_a_thread() -> None:
    """Articles, rejected pages and unreadable ones: what a process finds is what a thread finds."""
    some = pages()
    async with at_work(some[0]) as (read, _):
        found = await read_all(read, some)

    expected = [find(page, story_ref(page.url), MODE) for page in some]
    assert found == expected
    assert {finding.draft is None for finding in found} == {True, False}


async def test_slow_pages_cost_no_process() -> None:
    """At the pace of a polite run, and for the first pages of any, no process is begun."""
    before, some = children(), pages()[:3]
    for rate in (1.0, FAST):
        async with open_readers(rate) as read:
            await read_all(read, some)
            assert not new_since(before)


async def test_a_lost_process() -> None:
    """Killed in the middle, one after the other: every page is read all the same."""
    some = pages()
    async with at_work(some[0]) as (read, begun):
        reading = asyncio.create_task(read_all(read, some))
        for process in begun:
            await read(some[0], story_ref(some[0].url), MODE)
            os.kill(process, signal.SIGKILL)
        assert await reading == [find(page, story_ref(page.url), MODE) for page in some]


async def test_whoever_gives_up() -> None:
    """One who no longer waits for its page takes none of the answers from those after it."""
    some = pages()[:20]
    async with at_work(some[0]) as (read, _):
        leaving = [asyncio.create_task(read_all(read, some)) for _ in range(3)]
        await read(some[1], story_ref(some[1].url), MODE)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        assert await read_all(read, some) == [find(p, story_ref(p.url), MODE) for p in some]


async def test_they_end_with_the_run() -> None:
    """After a run none of its processes is left."""
    async with at_work(pages()[0]) as (_, begun):
        assert begun
    assert all(map(has_ended, begun))


def test_they_end_with_a_killed_run(tmp_path: Path) -> None:
    """Nor after one that was killed."""
    with replica(300) as (origin, _), started(*backfill(origin), cwd=tmp_path) as process:
        read_until(process, "new", 150)
        listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii")
        begun = list(map(int, listed.split()))
        assert begun
        process.kill()
        process.communicate()
    assert until(lambda: all(map(has_ended, begun)))
