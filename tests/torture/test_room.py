"""No room on the disk: the daemon idles, says so, and goes on by itself."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from harvester.store import free_bytes
from tests.daemon.support import HOUR, World, live
from tests.support.figures import Figures

_BALLAST = 2**29
_CYCLE = 60.0 + 10.0
"""Seconds: it looks at the disk with each beat, and does nothing before the next tick."""


@pytest.fixture
def ballast(tmp_path: Path) -> Iterator[Path]:
    """Yield a file that takes up room on the disk of a place."""
    if shutil.disk_usage(tmp_path).free < 2 * _BALLAST:
        pytest.skip("the disk has too little room to be filled")
    path = tmp_path / "ballast"
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, _BALLAST)
    yield path
    path.unlink(missing_ok=True)


def empty(ballast: Path) -> None:
    """Give the room back."""
    ballast.unlink()


@pytest.mark.gate("M3", "no room on the disk")
def test_it_goes_on_within_a_cycle_after_room_returns(
    tmp_path: Path, ballast: Path, figures: Figures
) -> None:
    """Without room nothing is asked for; what came meanwhile is held within one cycle of room."""
    waited = asked = 0.0

    async def act(world: World) -> None:
        nonlocal waited, asked
        async with world.daemon():
            story = world.publish()
            await world.sleep(2 * HOUR)
            asked = len(world.server.log)
            empty(ballast)
            while story.story_id not in world.read() and waited < HOUR:
                await world.sleep(1)
                waited += 1

    live(tmp_path, act, min_free=str(free_bytes(tmp_path) + _BALLAST // 2))
    figures.at_most("requests without room", asked, 0)
    figures.at_most("seconds until it goes on", waited, _CYCLE, " s")
