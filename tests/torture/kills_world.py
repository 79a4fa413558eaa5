"""A daemon that is killed again and again, and the site it harvests, which does not stand still."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from harvester.cli.status_command import ask_daemon
from harvester.model import Scope
from harvester.replica.making import bulk
from harvester.replica.server import ReplicaServer
from harvester.replica.site import Site
from harvester.replica.story import Story
from harvester.settings import Address
from harvester.store import CATALOGUE, open_archive
from harvester.store.database import connect_reader
from harvester.store.sightings import due
from tests.e2e.processes import DEADLINE, environment

CLOCKED = Path(__file__).with_name("clocked.py")
UNTIL = date(2026, 10, 2)
# Each story removed was one more that was published: this share of all.
_REMOVED = 0.02


class Clock:
    """The hour at which site and daemon are: the machine's, but put to `at`."""

    def __init__(self, at: datetime) -> None:
        self.ahead = (at - datetime.now(UTC)).total_seconds()

    def now(self) -> datetime:
        """Return the hour."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead)


@dataclass
class Newsroom:
    """Publishes stories as their time comes, edits some and takes some away."""

    clock: Clock
    chance: random.Random
    to_come: list[Story]
    removals: int
    every: int
    site: Site = field(init=False)
    edited: int = 0
    removed: dict[str, Story] = field(default_factory=dict)
    shown: dict[str, Story] = field(default_factory=dict)
    ever: defaultdict[str, list[Story]] = field(default_factory=lambda: defaultdict(list))
    """Each story as it was shown, the newest last."""

    def __post_init__(self) -> None:
        self.site = Site([], now=self.clock.now)

    def publish(self) -> None:
        """Publish what has its time by now."""
        while self.to_come and self.to_come[0].published <= self.clock.now():
            story = self.to_come.pop(0)
            self._show(story)
            self.site.publish(story)

    def work(self) -> None:
        """Publish, edit a story, and take one away every so often."""
        self.publish()
        self._edit()
        if len(self.removed) < self.removals and self.edited % self.every == 0:
            story_id = self.chance.choice(list(self.shown))
            self.removed[story_id] = self.shown.pop(story_id)
            self.site.remove(story_id)

    def _edit(self) -> None:
        story_id = self.chance.choice(list(self.shown))
        self.edited += 1
        blocks = [f"第{self.edited}次更正，写得更清楚，也更长一些，好让读者明白。"] * 2
        self._show(self.site.edit(story_id, blocks=blocks))

    def _show(self, story: Story) -> None:
        self.shown[story.story_id] = story
        self.ever[story.story_id].append(story)


def newsroom(stories: int, kills: int, pause: timedelta, chance: random.Random) -> Newsroom:
    """Return a site that will show so many stories after so many kills, one in each `pause`."""
    removals = min(kills, round(stories * _REMOVED))
    begin = datetime(UNTIL.year, UNTIL.month, UNTIL.day, tzinfo=UTC) - kills * pause
    # A first start takes up the last two days.
    made = list(bulk(stories + removals, 1, begin.date() - timedelta(days=1), UNTIL))
    room = Newsroom(Clock(begin), chance, made, removals, kills // removals)
    room.publish()
    return room


@dataclass
class Lives:
    """The daemon's lives in a place, one after the other."""

    place: Path
    server: ReplicaServer
    clock: Clock
    chance: random.Random
    ends: Counter[int | None] = field(default_factory=Counter)
    defects: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def daemon(self, *more: str) -> AsyncIterator[Process]:
        """Run the daemon while the block runs; note how it ended."""
        options = ("--log-format", "json", "--min-free", "0", *(more or ("--http", "off")))
        speed = ("--rate", "1000", "--concurrency", "4", "--site-origin", self.server.origin)
        command = (sys.executable, str(CLOCKED), str(self.clock.ahead), "daemon", *options, *speed)
        process = await asyncio.create_subprocess_exec(
            *command, cwd=self.place, env=environment({}), stdout=DEVNULL, stderr=PIPE
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            _, rest = await process.communicate()
            self._hear(rest)
            self.ends[process.returncode] += 1

    async def kill(self) -> None:
        """Kill one at a moment of chance: in its start, at work, or right after the last."""
        async with self.daemon() as process:
            if self.chance.random() < 0.7:
                await self._heard(process, b'"open"')
                moment = self.chance.uniform(0, 0.6)
            else:
                moment = self.chance.uniform(0, 0.8)
            await asyncio.wait({asyncio.ensure_future(process.wait())}, timeout=moment)
            process.kill()

    async def finish(self) -> None:
        """Let one do what it is offered at its first tick, and end it in order."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = Address("127.0.0.1", free.getsockname()[1])
        async with self.daemon("--http", str(address)) as process, asyncio.timeout(DEADLINE):
            ended = asyncio.ensure_future(process.wait())
            while not await asyncio.to_thread(self._is_idle, address):
                await asyncio.wait({ended}, timeout=0.1)
                assert not ended.done(), self.defects
            process.terminate()
            await ended

    def is_anything_due(self) -> bool:
        """Say whether the rows have more: at each tick the daemon offers a hundred of a kind."""
        now = self.clock.now()
        scope = Scope(now.date() - timedelta(days=60))
        with closing(connect_reader(self.place / "state" / CATALOGUE)) as connection:
            return bool(due(connection, now, scope, 1))

    def _is_idle(self, address: Address) -> bool:
        """Say whether the daemon there has nothing more to do before its next round."""
        told = ask_daemon(address, self.place / "state")
        if told is None or told["status"] == "starting" or any(told["details"]["waiting"].values()):
            return False
        with open_archive(self.place / "seeds", self.place / "state") as archive:
            rounds = [watch.next_check_at for watch in archive.watches()]
        return all(at and at > self.clock.now() for at in rounds)

    async def _heard(self, process: Process, *words: bytes) -> None:
        assert process.stderr
        async for line in process.stderr:
            self._hear(line)
            if any(word in line for word in words):
                return
        raise AssertionError("the daemon ended before it was killed")

    def _hear(self, lines: bytes) -> None:
        for line in lines.splitlines():
            if not line.startswith(b"{") or json.loads(line).get("level") in {"error", "critical"}:
                self.defects.append(line.decode())
