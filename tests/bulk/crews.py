"""What several hands make of three files, held to what one makes of them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from harvester.replica import Site
from tests.bulk.warcs import Shot, shots, write
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


def make_warcs(place: Path) -> Path:
    """Make a folder of three files; the first takes longest."""
    taken = shots(Site.arranged())
    parts = {"a": often(taken[:20]), "b": taken[20:40], "c": taken[40:]}
    for name, part in parts.items():
        write(place / "warcs" / name, part)
    return place / "warcs"


def make_by_one(place: Path, warcs: Path) -> Harvest:
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
            with suppress(ProcessLookupError):  # all of it has ended
                os.killpg(process.pid, signal.SIGKILL)


def same(harvest: Harvest, by_one: Harvest) -> None:
    """Hold an archive to what one core made: posts, rows, files that were merged; no shard left."""
    assert harvest.posts() == by_one.posts()
    assert differing(by_one.tables(TIMES), harvest.tables(TIMES)) == {}
    assert harvest.table("warc_files", TIMES) == by_one.table("warc_files", TIMES)
    assert harvest.select("SELECT * FROM warc_files WHERE merged_at IS NULL") == []
    assert list((harvest.state / "shards").iterdir()) == []
