"""The real daemon on virtual time, against the replica in the same loop."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from harvester import settings as options
from harvester.daemon import service
from harvester.model import Era
from harvester.replica.making import bulk, make
from harvester.replica.server import ReplicaServer, Request
from harvester.replica.site import Site
from harvester.replica.story import SITE_ZONE, Story
from harvester.settings import Settings
from harvester.store import ArticleRow, Reader, open_archive
from tests.support.virtual_time import START, VirtualClock, run

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
LIST = "page-content/realtime?page=0"
_PAST = date(2026, 9, 20)


def stories(count: int, since: date = _PAST) -> list[Story]:
    """Return generated stories of the days before the start, the oldest first."""
    made = bulk(count, 1, since, START.date() - timedelta(days=1))
    return sorted(made, key=lambda story: story.published)


@dataclass
class World:
    """A daemon, its site and its place. `signals` is the running daemon's."""

    clock: VirtualClock
    site: Site
    server: ReplicaServer
    settings: Settings
    signals: service.Signals = field(default_factory=service.Signals)
    _fresh: int = 0

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[None]:
        """Run the daemon while the block runs; it is told to end then."""
        self.signals = service.Signals()
        work = service.run(self.settings, self.clock, self.signals, {})
        task = asyncio.create_task(work)
        try:
            yield
        finally:
            self.signals.stop()
            await task

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await self.clock.sleep(seconds)

    def publish(self, section: str = "realtime/china") -> Story:
        """Publish a story now and return it."""
        self._fresh += 1
        here = self.clock.now().astimezone(SITE_ZONE)
        path = f"{section}/story{here:%Y%m%d}-{9_000_000 + self._fresh}"
        story = make(path, Era.SG_2024, f"{here:%Y-%m-%dT%H:%M:%S}", 1)
        self.site.publish(story)
        return story

    def asked(self, part: str, since: int = 0) -> list[Request]:
        """Return the requests for addresses with this part, after so many of the log."""
        return [request for request in self.server.log[since:] if part in request.target]

    def read(self) -> dict[str, ArticleRow]:
        """Return what the archive holds, by story id."""
        with self.reader() as reader:
            return {row.story_id: row for row in reader.articles()}

    def reader(self) -> AbstractContextManager[Reader]:
        """Open the archive for reading."""
        return open_archive(self.settings.seeds, self.settings.state)


def slots(world: World) -> list[tuple[str, str]]:
    """Return the slots that were used, each with its watch."""
    connection = sqlite3.connect(world.settings.state / "harvester.db")
    rows = connection.execute("SELECT watch, slot FROM polls").fetchall()
    connection.close()
    return rows


def live(
    tmp_path: Path,
    act: Callable[[World], Awaitable[None]],
    *,
    held: int = 30,
    since: date = _PAST,
    start: datetime = START,
    server_of: Callable[[Site], ReplicaServer] = ReplicaServer,
    **flags: object,
) -> None:
    """Run `act` in a world whose site has `held` older stories, the oldest of the day `since`."""
    clock = VirtualClock(start)

    async def main() -> None:
        site = Site(stories(held, since), now=clock.now)
        async with server_of(site) as server:
            settings = options.load(
                {
                    "seeds": tmp_path / "seeds",
                    "state": tmp_path / "state",
                    "site_origin": server.origin,
                    "http": "off",
                    **flags,
                },
                {},
            )
            await act(World(clock, site, server, settings))

    run(main(), clock)
