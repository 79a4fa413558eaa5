"""`backfill --warc --workers N`: several processes come to what one comes to, whoever dies."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from tests.bulk.crews import same, started
from tests.bulk.watching import has_ended, holder_of, shard_of, until
from tests.rereading.harvests import Harvest


def test_the_same_as_one(harvest: Harvest, by_one: Harvest, warcs: Path) -> None:
    """Posts and rows of two processes are those of one."""
    ended = asyncio.run(harvest.run("backfill", "--warc", warcs, "--workers", 2))

    assert ended.returncode == 0, ended.stderr
    same(harvest, by_one)


def test_a_worker_is_killed(harvest: Harvest, by_one: Harvest, warcs: Path) -> None:
    """Killed while it reads, its file is read by another; each file is merged once."""
    with started(harvest, "backfill", "--warc", warcs, "--workers", 2) as process:
        shard = until(lambda: shard_of(harvest, ".tmp"))
        os.kill(until(lambda: holder_of(shard)), signal.SIGKILL)
        _, told = process.communicate()
        assert process.returncode == 0, told

    same(harvest, by_one)


def test_killed_between_shard_and_merge(harvest: Harvest, by_one: Harvest, warcs: Path) -> None:
    """A shard that is whole is taken as it is by the next run, and merged once."""
    with started(harvest, "backfill", "--warc", warcs, "--workers", 2):
        until(lambda: shard_of(harvest, ".parquet"))
    (second,) = warcs.glob("b.*")
    at = second.stat()
    second.write_bytes(bytes(at.st_size))  # would be read in vain
    os.utime(second, ns=(at.st_atime_ns, at.st_mtime_ns))

    ended = asyncio.run(harvest.run("backfill", "--warc", warcs, "--workers", 2))

    assert ended.returncode == 0, ended.stderr
    same(harvest, by_one)


def test_no_worker_outlives_the_run(harvest: Harvest, warcs: Path) -> None:
    """When the run itself is killed its processes end, too."""
    with started(harvest, "backfill", "--warc", warcs, "--workers", 2) as process:
        worker = until(lambda: holder_of(until(lambda: shard_of(harvest, ".tmp"))))
        process.kill()
        until(lambda: has_ended(worker))


def test_a_stop_is_not_waited_for(harvest: Harvest, by_one: Harvest, warcs: Path) -> None:
    """SIGTERM ends it before its files are read; the next run comes to the same end."""
    with started(harvest, "backfill", "--warc", warcs, "--workers", 2) as process:
        until(lambda: shard_of(harvest, ".tmp"))
        process.terminate()
        process.communicate()
        assert process.returncode == 130

    assert asyncio.run(harvest.run("backfill", "--warc", warcs, "--workers", 2)).returncode == 0
    same(harvest, by_one)


def test_a_damaged_file(harvest: Harvest, place: Path, warcs: Path) -> None:
    """The rest is done, what is before the damage too; it is told, and read again."""
    (second,) = warcs.glob("b.*")
    whole = second.read_bytes()
    second.write_bytes(whole[: len(whole) // 2])
    one = Harvest(place / "one")
    one.root.mkdir()

    alone = asyncio.run(one.run("backfill", "--warc", warcs))
    ended = asyncio.run(harvest.run("backfill", "--warc", warcs, "--workers", 2))

    assert (alone.returncode, ended.returncode) == (1, 1)
    assert f"not read: {second}, at byte" in ended.stderr
    assert harvest.posts() == one.posts()
    second.write_bytes(whole)
    assert asyncio.run(harvest.run("backfill", "--warc", warcs, "--workers", 2)).returncode == 0
    assert len(harvest.posts()) > len(one.posts())
    assert list((harvest.state / "shards").iterdir()) == []
