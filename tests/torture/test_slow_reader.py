"""Readers that take their time: no store is lost by them, and no daemon ends by them."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from harvester.store import CATALOGUE
from harvester.store.database import durability
from tests.daemon.support import HOUR, MINUTE, World, live
from tests.e2e.processes import DEADLINE
from tests.handoff.follower_archive import open_writer, real_draft
from tests.support.figures import FULL, Figures

STORES = 1000
HELD = 60.0 if FULL else 0.0
"""Seconds for which a reader holds its snapshot."""
PATIENCE = 90.0
"""Seconds for which the writer waits: the program's 60 would end with the reader."""
IS_WAL = durability(sqlite3.sqlite_version_info)[0] == "WAL"


@contextmanager
def held(state: Path, begin: str = "BEGIN") -> Iterator[None]:
    """Hold the catalogue: a snapshot, or with `BEGIN EXCLUSIVE` all of it."""
    path = state / CATALOGUE
    with closing(sqlite3.connect(path, isolation_level=None, timeout=DEADLINE)) as connection:
        connection.execute(begin)
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        yield


def wait_for_writer(state: Path) -> None:
    """Wait until the writer waits for its readers: it lets no new ones in then."""
    until = time.monotonic() + DEADLINE
    with closing(sqlite3.connect(state / CATALOGUE, timeout=0)) as connection:
        while time.monotonic() < until:
            try:
                connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            except sqlite3.OperationalError:
                return
    raise AssertionError("the writer does not wait")


@pytest.mark.gate("M7", "a reader holds its snapshot")
@pytest.mark.alone
@pytest.mark.timeout(300)
async def test_a_store_waits_for_a_reader(place: Path, figures: Figures) -> None:
    """While a reader holds a snapshot 1,000 stores are asked for; all are done after it, or beside.

    With a rollback journal the writer waits for the reader, with a WAL nobody waits.
    """
    state = place / "state"
    async with open_writer(place, PATIENCE) as archive:
        await archive.put(real_draft(0))
        with held(state):
            began = time.monotonic()
            puts = [asyncio.ensure_future(archive.put(real_draft(n + 1))) for n in range(STORES)]
            await asyncio.wait(puts) if IS_WAL else await asyncio.to_thread(wait_for_writer, state)
            await asyncio.sleep(max(0.0, began + HELD - time.monotonic()))
            waiting = sum(not put.done() for put in puts)
            log = state / f"{CATALOGUE}-wal"
            megabytes = log.stat().st_size / 1e6 if IS_WAL else 0.0
        ends = await asyncio.gather(*puts, return_exceptions=True)

    failed = [end for end in ends if isinstance(end, BaseException)]
    figures.all("stores done", STORES - len(failed), STORES)
    if IS_WAL:
        figures.at_most("write-ahead log", megabytes, 64.0, " MB")
    else:
        figures.all("stores that waited", waiting, STORES)


@pytest.mark.gate("M7", "a reader holds longer than a writer waits")
def test_a_daemon_outlasts_whoever_holds_the_catalogue(place: Path, figures: Figures) -> None:
    """Held longer than a write waits, at its start or at work, it waits, says so, and goes on."""
    outlasted = 0

    async def act(world: World) -> None:
        nonlocal outlasted
        state = world.settings.state
        async with world.daemon():
            await world.sleep(HOUR)
        with held(state, "BEGIN EXCLUSIVE"):
            daemon = world.daemon()
            await daemon.__aenter__()
            await world.sleep(10)
        story = world.publish()
        await world.sleep(65 * MINUTE)
        outlasted += story.story_id in world.read()
        with held(state):
            story = world.publish()
            await world.sleep(70)  # it writes once a minute, if only that it lives
        await world.sleep(65 * MINUTE)
        outlasted += story.story_id in world.read()
        await daemon.__aexit__(None, None, None)

    live(place, act)
    figures.all("holds outlasted", outlasted, 2)
