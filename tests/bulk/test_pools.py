"""Processes that read files: one that dies is no one's end but its file's."""

from __future__ import annotations

import asyncio
import os
import signal
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from harvester.bulk.locations import WarcFile
from harvester.bulk.pools import hired
from harvester.bulk.reading import Job
from harvester.bulk.shards import Shard
from harvester.model import BodyMode, Scope
from tests.bulk.watching import has_ended, until


def die(_: str) -> Shard:
    """Be killed, as by a system that is out of memory."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def live(name: str) -> Shard:
    """Read a file of this name."""
    return Shard(name, 1)


async def test_a_file_that_kills(tmp_path: Path) -> None:
    """A file whose process dies again and again is told of; those beside and after it are read."""
    async with hired(2, None, tmp_path) as crew:
        first = [crew.run(die if n == 2 else live, str(n)) for n in range(5)]
        found = await asyncio.gather(*first, return_exceptions=True)
        after = await crew.run(live, "after")

    assert isinstance(found.pop(2), BrokenProcessPool)
    assert found == [Shard(name, 1) for name in "0134"]
    assert after == Shard("after", 1)


async def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """Trouble of a worker's own disk is a problem of the file, in one line."""
    async with hired(1, None, tmp_path / "nowhere") as crew:
        job = Job(WarcFile(str(tmp_path / "a.warc"), 0, ""), Scope(), BodyMode.CLEAN)
        shard = await crew.read(job)

    assert (shard.path, shard.findings) == ("", 0)
    assert shard.problem.startswith(f"{tmp_path / 'a.warc'}: no worker could read it: ")


async def test_nothing_is_waited_for(tmp_path: Path) -> None:
    """At the end a process that still reads is ended."""
    told = tmp_path / "told"
    async with hired(1, None, tmp_path) as crew:
        reading = asyncio.ensure_future(crew.run(read_for_ever, str(told)))
        process = await asyncio.to_thread(until, lambda: told.exists() and int(told.read_text()))
        reading.cancel()

    await asyncio.to_thread(until, lambda: has_ended(process))


def read_for_ever(told: str) -> Shard:
    """Tell which process this is, and never end."""
    path = Path(told)
    path.with_suffix(".new").write_text(str(os.getpid()), "ascii")
    path.with_suffix(".new").rename(path)
    signal.pause()
    raise AssertionError
