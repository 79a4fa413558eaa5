"""A writing process for the tests: `python -m tests.handoff.follower_writer ROOT SEED`.

It prints `ready` when there is a catalogue. For each line on stdin, a number, it makes so many
changes, new, revised and gone stories mixed as the seed says, and prints `done` when they are
durable.
"""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

from harvester.store import Archive
from tests.handoff.follower_archive import missing, open_writer, real_draft

_GROUP = 10


class Newsroom:
    """Makes changes, each of which gets one entry in the log."""

    def __init__(self, archive: Archive, chance: random.Random) -> None:
        self._archive = archive
        self._chance = chance
        self._versions: list[int] = []
        self._gone: set[int] = set()

    async def change(self, count: int) -> None:
        """Make so many changes, some of them at once; each of those concerns another story."""
        for start in range(0, count, _GROUP):
            await self._changes_at_once(min(_GROUP, count - start))

    async def _changes_at_once(self, count: int) -> None:
        old = len(self._versions)
        edited = self._chance.sample(range(old), min(old, self._chance.randrange(count)))
        self._versions += [0] * (count - len(edited))
        numbers = [*edited, *range(old, len(self._versions))]
        await asyncio.gather(*map(self._change, numbers))

    async def _change(self, number: int) -> None:
        removed = self._versions[number] and number not in self._gone
        if removed and self._chance.random() < 0.2:
            self._gone.add(number)
            assert await self._archive.bury(missing(number))
            return
        self._gone.discard(number)
        self._versions[number] += 1
        await self._archive.put(real_draft(number, self._versions[number]))


async def _main(root: Path, seed: str) -> None:
    async with open_writer(root) as archive:
        print("ready", flush=True)  # noqa: T201
        newsroom = Newsroom(archive, random.Random(seed))  # noqa: S311
        while line := await asyncio.to_thread(sys.stdin.readline):
            await newsroom.change(int(line))
            print("done", flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2]))
