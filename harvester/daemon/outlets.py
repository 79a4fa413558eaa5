"""What others take from the archive, kept up to date while the daemon works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from harvester.clock import Clock
from harvester.errors import HarvesterError
from harvester.handoff.feeds import renew_feeds
from harvester.settings import Settings
from harvester.store import uninterrupted

log = structlog.stdlib.get_logger(__name__)

_FEEDS_EVERY = 60.0


@asynccontextmanager
async def outlets(settings: Settings, clock: Clock) -> AsyncIterator[None]:
    """Renew the feeds while the block runs; they only read the archive."""
    feeds = asyncio.create_task(_keep_feeds(settings, clock), name="feeds")
    try:
        yield
    finally:
        feeds.cancel()
        await asyncio.gather(feeds, return_exceptions=True)


async def _keep_feeds(settings: Settings, clock: Clock) -> None:
    told = 0  # all of them once: a story may have moved to another section
    while True:
        try:
            # A thread cannot be cut, and two must not write the same files.
            told = await uninterrupted(
                asyncio.to_thread(renew_feeds, settings.seeds, settings.state, told)
            )
        except HarvesterError as problem:
            log.warning("feeds", problem=str(problem))
        await clock.sleep(_FEEDS_EVERY)
