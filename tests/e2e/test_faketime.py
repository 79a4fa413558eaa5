"""The daemon as a process whose wall clock is put forward and back (libfaketime), on real time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harvester.model import Era
from harvester.replica.making import make
from harvester.replica.server import ReplicaServer
from harvester.replica.site import Site
from harvester.replica.story import SITE_ZONE, Story
from tests.e2e.processes import command, environment
from tests.e2e.support import Place
from tests.support.figures import Figures

LIST = "page-content/realtime?page=0"
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
# The daemon looks every ten seconds at what is due; so long is waited at most.
PATIENCE = 40
JUMPS = ("+30d", "+3600", "-1d", "-3600")


def story(number: int, at: datetime) -> Story:
    """Return a story published then."""
    here = at.astimezone(SITE_ZONE)
    path = f"realtime/china/story{here:%Y%m%d}-{9_800_000 + number}"
    return make(path, Era.SG_2024, f"{here:%Y-%m-%dT%H:%M:%S}")


@pytest.fixture
async def server() -> AsyncIterator[ReplicaServer]:
    """Yield a running replica of three stories of today."""
    now = datetime.now(UTC)
    async with ReplicaServer(
        Site(story(n, now - timedelta(minutes=n)) for n in range(3))
    ) as server:
        yield server


async def held(place: Place, number: int) -> bool:
    """Wait until so many posts lie in the tree; say whether they do."""
    for _ in range(10 * PATIENCE):
        if len(list(place.seeds.rglob("*.md"))) >= number:
            return True
        await asyncio.sleep(0.1)
    return False


async def jumped(jump: str, tmp_path: Path, server: ReplicaServer, figures: Figures) -> None:
    """Start the daemon, let its clock jump, and hold what it does then."""
    clock = tmp_path / "clock"
    clock.write_text("+0", "ascii")
    faked = {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    options = ("--site-origin", server.origin, "--http", "off", "--rate", "500", "--min-free", "0")
    process = await asyncio.create_subprocess_exec(
        *command("daemon", *options),
        cwd=tmp_path,
        env=environment(faked),
        stderr=asyncio.subprocess.DEVNULL,
    )
    place = Place(tmp_path)
    try:
        assert await held(place, 3)
        before = sum(LIST in request.target for request in server.log)
        clock.write_text(jump, "ascii")
        server.site.publish(story(9, datetime.now(UTC)))
        forward = jump.startswith("+")
        if forward:  # a slot has passed: one look catches up
            assert await held(place, 4)
        await asyncio.sleep(25)
        looks = sum(LIST in request.target for request in server.log) - before
        figures.at_most(f"looks to catch up ({jump})", looks, 1)
        if not forward:  # it has not stopped: when the next slots pass it looks again
            clock.write_text("+3600", "ascii")
            figures.all(f"looks when it is time again ({jump})", await held(place, 4), of=1)
        process.terminate()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    place.check()


@pytest.mark.release  # half a minute each, of real time
@pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed: no clock is set")
@pytest.mark.gate("M5", "clock jumps")
@pytest.mark.parametrize("jump", JUMPS)
async def test_a_process_whose_clock_is_set(
    jump: str, tmp_path: Path, server: ReplicaServer, figures: Figures
) -> None:
    """Set forward it catches up once; set back it does not race, nor stop; all is whole."""
    await jumped(jump, tmp_path, server, figures)
