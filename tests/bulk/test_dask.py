"""`backfill --warc --dask ADDRESS`: a real cluster comes to what one core comes to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.bulk.crews import same, started
from tests.bulk.watching import holder_of, shard_of, until
from tests.e2e.processes import environment, refused
from tests.rereading.harvests import ROOT, Harvest

pytestmark = pytest.mark.skipif(find_spec("distributed") is None, reason="distributed is absent")


@contextmanager
def process(name: str, *options: object, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of Dask's own programs while the block runs."""
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            f"distributed.cli.dask_{name}",
            "--no-dashboard",
            *map(str, options),
        ],
        cwd=folder,
        env=environment({"PYTHONPATH": str(ROOT)}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


@pytest.fixture
def cluster(place: Path) -> Iterator[str]:
    """Yield the address of a scheduler with three workers, each a process of one thread."""
    known = place / "scheduler.json"
    with ExitStack() as stack:
        begin = stack.enter_context
        listening = ("--host", "127.0.0.1", "--port", 0, "--scheduler-file", known)
        begin(process("scheduler", *listening, folder=place))
        until(known.exists)
        alone = ("--nthreads", 1, "--no-nanny", "--local-directory", place / "dask")
        for _ in range(3):
            begin(process("worker", "--scheduler-file", known, *alone, folder=place))
        yield until(lambda: address_in(known))


def address_in(known: Path) -> str | None:
    """Return what a scheduler has written of itself, when all of it is there."""
    try:
        return str(json.loads(known.read_text("utf-8"))["address"])
    except ValueError:
        return None


def test_the_same_as_one(cluster: str, harvest: Harvest, by_one: Harvest, warcs: Path) -> None:
    """Posts and rows of a cluster are those of one core."""
    ended = asyncio.run(harvest.run("backfill", "--warc", warcs, "--dask", cluster))

    assert ended.returncode == 0, ended.stderr
    same(harvest, by_one)


def test_a_worker_is_killed(cluster: str, harvest: Harvest, by_one: Harvest, warcs: Path) -> None:
    """Killed while it reads, its file is read by another; each file is merged once."""
    with started(harvest, "backfill", "--warc", warcs, "--dask", cluster) as run:
        shard = until(lambda: shard_of(harvest, ".tmp"))
        os.kill(until(lambda: holder_of(shard)), signal.SIGKILL)
        _, told = run.communicate()
        assert run.returncode == 0, told

    same(harvest, by_one)


def test_the_run_is_killed(cluster: str, harvest: Harvest, by_one: Harvest, warcs: Path) -> None:
    """Killed between shard and merge and called again, it merges each file once."""
    with started(harvest, "backfill", "--warc", warcs, "--dask", cluster):
        until(lambda: shard_of(harvest, ".parquet"))

    ended = asyncio.run(harvest.run("backfill", "--warc", warcs, "--dask", cluster))

    assert ended.returncode == 0, ended.stderr
    same(harvest, by_one)


def test_no_cluster_is_there(harvest: Harvest, warcs: Path) -> None:
    """An address at which no cluster is ends it with 2 and the address."""
    environ = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "500ms"}
    words = ("backfill", "--warc", warcs, "--dask", "tcp://127.0.0.1:1")

    refused(asyncio.run(harvest.run(*words, environ=environ)), 2, "--dask tcp://127.0.0.1:1")
