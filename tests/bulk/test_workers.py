"""`backfill --warc --workers N`: several processes come to what one comes to, whoever dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from harvester.replica import Site
from tests.bulk.warcs import Shot, shots, write
from tests.bulk.watching import has_ended, holder_of, shard_of, until
from tests.e2e.processes import environment
from tests.rereading.harvests import ROOT, Harvest, differing

# When this machine stored what it did.
TIMES = ("first_seen", "updated_at", "stored_at", "at", "merged_at")
LOOKS = 12


def often(taken: list[Shot]) -> list[Shot]:
    """Return so many looks at each page, hours apart: a file that takes a worker seconds."""
    return [
        replace(each, at=each.at + timedelta(hours=look)) for look in range(LOOKS) for each in taken
    ]


@pytest.fixture
def warcs(place: Path) -> Path:
    """Return a folder of three files; the first takes longest."""
    taken = shots(Site.arranged())
    parts = {"a": often(taken[:20]), "b": taken[20:40], "c": taken[40:]}
    for name, part in parts.items():
        write(place / "warcs" / name, part)
    return place / "warcs"


@pytest.fixture
def by_one(place: Path, warcs: Path) -> Harvest:
    """Return what one core makes of them."""
    harvest = Harvest(place / "by-one")
    harvest.root.mkdir()
    assert asyncio.run(harvest.run("backfill", "--warc", warcs)).returncode == 0
    return harvest


@contextmanager
def started(harvest: Harvest, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Start a command as the first of a group of processes, which is killed in the end."""
    with subprocess.Popen(
        harvest.command(*arguments),
        cwd=harvest.root,
        env=environment({"PYTHONPATH": str(ROOT)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def same(harvest: Harvest, by_one: Harvest) -> None:
    """Hold an archive to what one core made: posts, rows, files that were merged; no shard left."""
    assert harvest.posts() == by_one.posts()
    assert differing(by_one.tables(TIMES), harvest.tables(TIMES)) == {}
    assert harvest.table("warc_files", TIMES) == by_one.table("warc_files", TIMES)
    assert harvest.select("SELECT * FROM warc_files WHERE merged_at IS NULL") == []
    assert list((harvest.state / "shards").iterdir()) == []


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
