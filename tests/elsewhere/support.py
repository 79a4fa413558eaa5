"""A service on virtual time with fetchers for it, and captures to be found."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from harvester.elsewhere import Index, Seen, commoncrawl, wayback
from harvester.elsewhere.commoncrawl import CommonCrawl
from harvester.elsewhere.wayback import Wayback
from harvester.fetch import FetchSettings
from harvester.fetch.client import Fetcher
from harvester.model import HostState, Scope
from tests.support.commoncrawl import CommonCrawlServer, Crawl
from tests.support.service import Service
from tests.support.virtual_time import VirtualClock, run
from tests.support.wayback import Kept, WaybackServer

SG, HK = "https://www.zaobao.com.sg", "https://www.zaobao.com"
CHINA = Scope(date(2021, 11, 1), date(2021, 11, 30), ("realtime/china",))


def story(number: int, day: str = "20211105", site: str = SG, path: str = "realtime/china") -> str:
    """Return the address of a story."""
    return f"{site}/{path}/story{day}-{number}"


def html(text: str) -> bytes:
    """Return a page."""
    return f"<!DOCTYPE html><title>{text}</title>".encode()


class Memory:
    """What is remembered of hosts from run to run."""

    def __init__(self) -> None:
        self.states: dict[str, HostState] = {}

    async def load_host(self, host: str) -> HostState:
        """Return what was saved."""
        return self.states.get(host, HostState())

    async def save_host(self, host: str, state: HostState) -> None:
        """Keep it."""
        self.states[host] = state


@dataclass
class World:
    """A service, and runs that ask it; all share the clock and the memory."""

    clock: VirtualClock
    service: Service
    settings: FetchSettings
    hosts: frozenset[str]
    memory: Memory = field(default_factory=Memory)

    @asynccontextmanager
    async def fetcher(self, **settings: Any) -> AsyncIterator[Fetcher]:  # noqa: ANN401
        """Open a fetcher, as a run does."""
        asked = replace(self.settings, site_origin=self.service.origin, **settings)
        async with Fetcher(asked, self.clock, self.memory, self.hosts) as fetcher:
            yield fetcher

    @asynccontextmanager
    async def wayback(self, limit: int = 1_000, **settings: Any) -> AsyncIterator[Wayback]:  # noqa: ANN401
        """Open a run that asks the Wayback Machine."""
        async with self.fetcher(**settings) as fetcher:
            yield Wayback(fetcher, self.clock, limit)

    @asynccontextmanager
    async def commoncrawl(self, **settings: Any) -> AsyncIterator[CommonCrawl]:  # noqa: ANN401
        """Open a run that asks Common Crawl."""
        async with self.fetcher(**settings) as fetcher:
            yield CommonCrawl(fetcher)


Act = Callable[[World], Awaitable[None]]


def with_wayback(kept: Kept, act: Act) -> None:
    """Run `act` beside a Wayback Machine."""
    clock = VirtualClock()
    server = WaybackServer(kept, clock.monotonic)
    _play(World(clock, server, wayback.fetch_settings("harvester/test"), wayback.HOSTS), act)


def with_commoncrawl(folder: Path, crawls: list[Crawl], act: Act) -> None:
    """Run `act` beside Common Crawl, whose files lie below `folder`."""
    clock = VirtualClock()
    server = CommonCrawlServer(folder, crawls, clock.monotonic)
    settings = commoncrawl.fetch_settings("harvester/test")
    _play(World(clock, server, settings, commoncrawl.HOSTS), act)


def _play(world: World, act: Act) -> None:
    async def main() -> None:
        async with world.service.running():
            await act(world)

    run(main(), world.clock)


async def batches(index: Index, scope: Scope = CHINA) -> list[tuple[Seen, ...]]:
    """Return what an index has of a scope."""
    return [batch async for batch in index.seen(scope)]


async def places(index: Index, scope: Scope = CHINA) -> set[tuple[str, str]]:
    """Return what an index has of a scope: instants in 14 digits, and originals."""
    found = [seen for batch in await batches(index, scope) for seen in batch]
    told = {(f"{seen.captured_at:%Y%m%d%H%M%S}", seen.url) for seen in found}
    assert len(told) == len(found)
    return told
