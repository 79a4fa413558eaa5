"""What a job is done with: archive and site, opened together and closed in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Container
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from harvester import __version__, judge, post, warc, zaobao
from harvester.clock import Clock
from harvester.discover import Discovery
from harvester.elsewhere import Index, commoncrawl, wayback
from harvester.errors import HarvesterError, NotAStory
from harvester.fetch import FetchSettings, Getter
from harvester.handoff.feeds import renew_feeds
from harvester.importing import Importer
from harvester.importing import Observer as ImportObserver
from harvester.model import Capture
from harvester.parser import parser_version
from harvester.pipeline import Observer as PipelineObserver
from harvester.readers import Read, in_thread, is_fast, open_readers
from harvester.settings import Settings
from harvester.store import WRITER_PATIENCE, Archive, Raw
from harvester.visitor import Scrutiny

if TYPE_CHECKING:
    from harvester.fetch.client import Fetcher

_log = logging.getLogger(__name__)
# Where pages come fast: how long a batch of the archive waits for more, and how many stories are
# on their way for each request that may be.
_LINGER = 0.02
_ON_THEIR_WAY = 4
# The note that tells up to which change the feeds are written.
_FEEDS = "feeds"


class Watcher(PipelineObserver, ImportObserver, Protocol):
    """Who watches a run from its beginning to its end."""

    def adopting(self, posts: int) -> None:
        """Hear that so many posts of the tree have no row and are taken up first."""

    def discovering(self, found: Discovery) -> None:
        """Hear how the reading of sources goes."""

    def planned(self, total: int) -> None:
        """Hear how many addresses the run will look at, at most."""

    def waiting(self, host: str, seconds: float, why: str) -> None:
        """Hear of a wait that is not the ordinary pace."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a job is done with, open already and perhaps shared with other work.

    `guard` may hold texts back, `read` reads pages.
    """

    settings: Settings
    archive: Archive
    fetcher: Getter
    clock: Clock
    guard: Scrutiny | None = None
    read: Read = in_thread

    @property
    def workers(self) -> int:
        """Return how many stories may be on their way at once.

        What was fetched waits for its reader and for its batch, and others are asked for meanwhile.
        """
        more = _ON_THEIR_WAY if is_fast(self.settings.rate) else 1
        return self.settings.concurrency * more


@asynccontextmanager
async def open_writer(
    settings: Settings,
    watcher: Watcher,
    clock: Clock,
    besides: Container[Path] = (),
    *,
    stopping: asyncio.Event | None = None,
    patience: float = WRITER_PATIENCE,
) -> AsyncIterator[Archive]:
    """Open the archive for writing; posts in the tree that have no row are taken up first.

    That is what a killed run or a lost catalogue leaves. `besides` are files that the caller will
    take up itself, and say so (`Archive.adopted`); `stopping` leaves the rest of them to the next
    time. `patience` is how long a write waits for readers, in seconds. In the end the feeds are
    brought up to date.
    """
    root = settings.seeds.resolve()
    async with Archive.open(
        settings.seeds,
        settings.state,
        decide=judge.decide,
        name_key=post.name_key,
        clock=clock,
        patience=patience,
        raw=_raw(settings),
    ) as archive:
        await _register_hooks(settings)
        orphans = [path for path in archive.orphans if (root / path) not in besides]
        if orphans:
            watcher.adopting(len(orphans))
            stopping = stopping or asyncio.Event()
            await Importer(archive, settings.seeds, watcher, clock, stopping).adopt(orphans)
        if len(orphans) == len(archive.orphans) and not (stopping and stopping.is_set()):
            archive.adopted()
        await _renew_feeds(settings, archive)  # a killed writer may have been in the middle of it
        yield archive
        await _renew_feeds(settings, archive)


@asynccontextmanager
async def open_workshop(
    settings: Settings, watcher: Watcher, clock: Clock
) -> AsyncIterator[Workshop]:
    """Open archive and site for one job."""
    async with (
        open_writer(settings, watcher, clock) as archive,
        open_fetcher(settings, archive, watcher, clock) as fetcher,
        open_readers(settings.rate) as read,
    ):
        if is_fast(settings.rate):
            archive.linger(_LINGER)
        yield Workshop(settings, archive, fetcher, clock, read=read)


def _raw(settings: Settings) -> Raw:
    software = user_agent(settings.contact)
    return Raw(warc, software, parser_version(), keep=settings.raw, is_of_story=_is_of_story)


def _is_of_story(capture: Capture) -> bool:
    try:
        return zaobao.story_ref(capture.url).story_id == capture.story_id
    except NotAStory:
        return False


async def _register_hooks(settings: Settings) -> None:
    """Let hooks never seen before begin here, whoever delivers to them later."""
    if settings.hooks:
        from harvester.handoff.hooks import register_hooks  # noqa: PLC0415 - few have any

        try:
            await asyncio.to_thread(register_hooks, settings.hooks, settings.seeds, settings.state)
        except HarvesterError as problem:
            _log.warning("new hooks begin later: %s", problem)


async def _renew_feeds(settings: Settings, archive: Archive) -> None:
    """Bring the feeds up to date, also where an earlier run was killed before it could.

    What is archived is archived: trouble with feeds is told, and no failure of a run.
    """
    told = int(await archive.read_note(_FEEDS) or 0)
    try:
        last = await asyncio.to_thread(renew_feeds, settings.seeds, settings.state, told)
    except HarvesterError as problem:
        _log.warning("the feeds are not up to date: %s", problem)
        return
    if last != told:
        await archive.write_note(_FEEDS, str(last))


def open_fetcher(
    settings: Settings, archive: Archive, watcher: Watcher, clock: Clock, *, breaker: bool = False
) -> Fetcher:
    """Return the one way to the site, to be entered; the archive is its memory of the hosts.

    With a `breaker`, hosts in trouble are left alone for growing pauses, and pauses are told
    rather than waited for.
    """
    from harvester.fetch.client import Fetcher  # noqa: PLC0415 - aiohttp, for those who ask a site

    asked = FetchSettings(
        user_agent=user_agent(settings.contact),
        rate=settings.rate,
        concurrency=settings.concurrency,
        site_origin=settings.site_origin,
    )
    if breaker:
        asked = replace(asked, breaker=True, max_rest=0.0, attempts=2)
    return Fetcher(asked, clock, archive, zaobao.SITE_HOSTS, watcher.waiting)


@asynccontextmanager
async def open_index(
    source: str, settings: Settings, archive: Archive, watcher: Watcher, clock: Clock
) -> AsyncIterator[Index]:
    """Open another archive: `wayback` or `commoncrawl`."""
    from harvester.fetch.client import Fetcher  # noqa: PLC0415 - as above

    agent = user_agent(settings.contact)
    if source == "wayback":
        asked = wayback.fetch_settings(agent, settings.wayback_origin)
        async with Fetcher(asked, clock, archive, wayback.HOSTS, watcher.waiting) as fetcher:
            yield wayback.Wayback(fetcher, clock)
    else:
        asked = commoncrawl.fetch_settings(agent, settings.commoncrawl_origin)
        async with Fetcher(asked, clock, archive, commoncrawl.HOSTS, watcher.waiting) as fetcher:
            yield commoncrawl.CommonCrawl(fetcher)


def user_agent(contact: str) -> str:
    """Return the honest name under which the site is asked."""
    return f"harvester/{__version__} (+{contact})" if contact else f"harvester/{__version__}"
