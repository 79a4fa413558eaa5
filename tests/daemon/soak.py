"""Days of the daemon before a busy site that remembers nothing: what of the process grows.

`python -m tests.daemon.soak FOLDER DAYS HOURS SECONDS` prints a JSON line for each simulated day of
so many HOURS; a story appears every so many SECONDS. The site is made up on the fly and bounded, so
that what grows is the daemon. The feeds are written every minute on the first day, as always, and
every hour after it: they would cost more than all else.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import re
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

import structlog
from aiohttp import web

from harvester import settings as options
from harvester.daemon import outlets, service
from harvester.model import Era
from harvester.replica import Block, Site, Story
from harvester.replica.listings import PAGE_SIZE, sg_json
from harvester.replica.making import make
from harvester.replica.pages import render
from harvester.replica.server import ReplicaServer
from harvester.replica.site import JSON, TEXT, XML, Answer
from harvester.replica.story import SG, SITE_ZONE
from tests.daemon.support import HOUR
from tests.support.virtual_time import START, VirtualClock, run

_POOL = 50
_CHILD = 1_000
_FIRST_ID = 9_000_000
_STORY = re.compile(r"/story\d{8}-(\d+)$")
_MORE = re.compile(r"^/_plat/api/v2/page-content/(\S+)\?page=(\d+)$")
_FILE = re.compile(r"^/sitemaps/sitemap-(\d+)\.xml$")
_SECTIONS = ("realtime/china", "realtime/world", "realtime/singapore", "realtime/finance")
_XMLNS = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
# Where the process stands is what it is at rest: the least of so many looks.
_LOOKS, _BETWEEN = 20, 7.0


@lru_cache(maxsize=_POOL)
def _pattern(number: int) -> Story:
    return make(f"news/sea/story20260901-{number}", Era.SG_2024, "2026-09-01T08:00:00", 1)


class Endless(Site):
    """A site with a story every so many seconds since two days before the start, and no memory."""

    def __init__(self, clock: VirtualClock, every: float) -> None:
        super().__init__((), now=clock.now)
        self._since = START - timedelta(days=2)
        self._every = timedelta(seconds=every)

    @property
    def count(self) -> int:
        """How many stories have appeared."""
        return (self.now - self._since) // self._every + 1

    def story(self, number: int) -> Story:
        """Return a story: one of a few texts, made its own."""
        at = (self._since + number * self._every).replace(microsecond=0)
        pattern, own = _pattern(number % _POOL), f"第{number}篇。"
        path = f"{self._path(number, at)}-{_FIRST_ID + number}"
        body = (Block("p", own + pattern.body[0].text), *pattern.body[1:])
        title = f"{own}{pattern.title}"
        return replace(
            pattern,
            story_id=str(_FIRST_ID + number),
            path=path,
            title=title,
            published=at,
            body=body,
        )

    def _path(self, number: int, at: datetime) -> str:
        section = _SECTIONS[number % len(_SECTIONS)]
        return f"{section}/story{at.astimezone(SITE_ZONE):%Y%m%d}"

    def answer(self, host: str, target: str) -> Answer:
        """Return what either host answers."""
        del host
        if target == "/robots.txt":
            return Answer(200, b"User-agent: *\nDisallow:\n", TEXT)
        if target == "/sitemap.xml":
            return Answer(200, self._index(), XML, changed=self._since)
        if (file := _FILE.match(target)) and int(file[1]) <= self._children():
            return Answer(200, self._child(int(file[1])), XML, changed=self._since)
        if (page := _MORE.match(target)) and page[1] == "realtime":
            newest = self.count - 1 - int(page[2]) * PAGE_SIZE
            shown = [self.story(n) for n in range(newest, max(-1, newest - PAGE_SIZE), -1)]
            return Answer(200, sg_json(page[1], shown, 0), JSON, changed=self._since)
        return Answer(404)

    def _children(self) -> int:
        return -(-self.count // _CHILD)

    def _index(self) -> bytes:
        files = range(1, self._children() + 1)
        items = "".join(
            f"<sitemap><loc>https://{SG}/sitemaps/sitemap-{n}.xml</loc></sitemap>" for n in files
        )
        return f"<sitemapindex {_XMLNS}>{items}</sitemapindex>".encode()

    def _child(self, child: int) -> bytes:
        numbers = range((child - 1) * _CHILD, min(child * _CHILD, self.count))
        items = "".join(map(self._entry, numbers))
        return f"<urlset {_XMLNS}>{items}</urlset>".encode()

    def _entry(self, number: int) -> str:
        at = self._since + number * self._every
        loc = f"https://{SG}/{self._path(number, at)}-{_FIRST_ID + number}"
        return f"<url><loc>{loc}</loc><lastmod>{at.isoformat()}</lastmod></url>"


class Forgetful(ReplicaServer):
    """Counts requests instead of noting them; a story's validator needs no page."""

    def __init__(self, site: Endless) -> None:
        super().__init__(site)
        self._endless = site
        self.count = 0

    def _note(self, request: web.BaseRequest, at: float, status: int) -> None:
        del request, at, status
        self.count += 1

    def _answer(self, request: web.BaseRequest) -> web.Response:
        found = _STORY.search(request.raw_path)
        if not found:
            return super()._answer(request)
        tag = f'"{found[1]}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        page = render(self._endless.story(int(found[1]) - _FIRST_ID), SG)
        return web.Response(body=page, content_type="text/html", headers={"ETag": tag})


async def _rest(clock: VirtualClock) -> dict[str, int]:
    """Return open handles, threads and tasks of the process at rest, and its memory in bytes."""
    looks = []
    for _ in range(_LOOKS):
        await clock.sleep(_BETWEEN)
        tasks = len(asyncio.all_tasks())
        handles = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - no disk
        threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208
        looks.append((handles, threads, tasks))
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])  # noqa: ASYNC240
    handles, threads, tasks = map(min, zip(*looks, strict=True))
    memory = pages * os.sysconf("SC_PAGE_SIZE")
    return {"memory": memory, "handles": handles, "threads": threads, "tasks": tasks}


async def _days(folder: Path, days: int, hours: float, every: float, clock: VirtualClock) -> None:
    site = Endless(clock, every)
    async with Forgetful(site) as server:
        place = {"seeds": folder / "seeds", "state": folder / "state"}
        flags = {"site_origin": server.origin, "http": "off", "min_free": "0"}
        settings = options.load({**place, **flags}, {})
        signals = service.Signals()
        daemon = asyncio.create_task(service.run(settings, clock, signals, {}))
        for day in range(1, days + 1):
            await clock.sleep(hours * HOUR - _LOOKS * _BETWEEN)
            told = {"day": day, "requests": server.count} | await _rest(clock)
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()
            if daemon.done():
                break
            outlets._FEEDS_EVERY = HOUR  # noqa: SLF001 - see above
        signals.stop()
        await daemon


def main() -> None:
    """Run the days."""
    days, hours, every = map(float, sys.argv[2:])
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    clock = VirtualClock(START)
    run(_days(Path(sys.argv[1]), int(days), hours, every, clock), clock)


if __name__ == "__main__":
    main()
