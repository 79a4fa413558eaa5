"""What others take from the archive, kept up to date while the daemon works: feeds and hooks."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from typing import Self

import structlog

from harvester.clock import Clock
from harvester.errors import HarvesterError
from harvester.handoff.feeds import renew_feeds
from harvester.handoff.hooks import Couriers, HookStatus
from harvester.settings import Settings
from harvester.store import uninterrupted

log = structlog.stdlib.get_logger(__name__)

# Feeds are written whole; nobody reads them more often.
_FEEDS_EVERY = 60.0


class Outlets:
    """Renews the feeds and delivers to hooks while the block runs (`async with`).

    They only read the archive, beside its writer: however slow or broken they are, nothing waits
    for them, and nothing of it is raised.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._couriers = Couriers(settings.hooks, settings.seeds, settings.state, clock)
        self._news = asyncio.Event()
        self._opened = AsyncExitStack()

    @property
    def hooks(self) -> Collection[HookStatus]:
        """Return how each hook stood when it was last looked at."""
        return self._couriers.statuses.values()

    def nudge(self) -> None:
        """Tell that something has changed."""
        self._news.set()
        self._couriers.nudge()

    async def __aenter__(self) -> Self:
        await self._opened.enter_async_context(self._couriers)
        self._feeds = asyncio.create_task(self._keep_feeds(), name="feeds")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._feeds.cancel()
        await asyncio.gather(self._feeds, return_exceptions=True)
        await self._opened.aclose()

    async def _keep_feeds(self) -> None:
        told = 0  # all of them once: a story may have moved to another section
        seeds, state = self._settings.seeds, self._settings.state
        while True:
            self._news.clear()
            try:
                # A thread cannot be cut, and two must not write the same files.
                told = await uninterrupted(asyncio.to_thread(renew_feeds, seeds, state, told))
            except HarvesterError as problem:
                log.warning("feeds", problem=str(problem))
                self._news.set()
            except Exception:
                log.exception("feeds")
                self._news.set()
            await self._clock.sleep(_FEEDS_EVERY)
            await self._news.wait()
