"""Clocks that jump: each slot is used once, and what was missed is caught up at most once."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.daemon.support import DAY, HOUR, LIST, MINUTE, World, live, slots
from tests.support.figures import Figures, cases
from tests.support.virtual_time import START

# When the clock does it, and by how many seconds; the wall clocks of a zone change without a jump.
SCENARIOS = {
    "-1 h": (START, -HOUR, "UTC"),
    "+1 h": (START, HOUR, "UTC"),
    "-1 day": (START, -DAY, "UTC"),
    "+30 days": (START, 30 * DAY, "UTC"),
    "daylight saving ends": (datetime.fromisoformat("2026-11-01T06:00Z"), 0, "America/New_York"),
    "daylight saving begins": (datetime.fromisoformat("2027-03-14T07:00Z"), 0, "America/New_York"),
    "leap second": (datetime.fromisoformat("2027-01-01T00:00Z"), -1, "UTC"),
    "2038": (datetime.fromisoformat("2038-01-19T03:14:07Z"), 0, "UTC"),
}
BEFORE = 3 * HOUR


@pytest.fixture
def zone(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the machine be in the zone of a scenario."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = SCENARIOS[request.getfixturevalue("scenario")][2]
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.gate("M5", "clock jumps")
@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_slot_is_used_once_whatever_the_clock_does(
    scenario: str, folder: Path, figures: Figures
) -> None:
    """The rounds neither stop nor race, daily work is done once, and what comes is held."""
    moment, jump, _ = SCENARIOS[scenario]

    async def act(world: World) -> None:
        async with world.daemon():
            await world.sleep(BEFORE)
            at = world.clock.monotonic()
            world.clock.jump(jump)
            await world.sleep(70 * MINUTE)
            story = world.publish()
            await world.sleep(70 * MINUTE)
            figures.all("stories held within the longest pause", story.story_id in world.read(), 1)
        times = [request.at for request in world.asked(LIST)]
        claimed = sum(watch == "realtime" for watch, _ in slots(world))
        figures.none("looks without a slot of their own", len(times) - claimed, of=claimed)
        at_once = sum(at <= each <= at + 2 * MINUTE for each in times)
        figures.at_most("looks at the list to catch up", at_once, 1)
        gaps = [after - before for before, after in pairwise(times)]
        figures.at_least("least seconds between two looks", min(gaps), MINUTE)
        figures.at_most("most seconds between two looks", max(gaps), HOUR + MINUTE)

    with capture_logs() as told:
        live(folder, act, held=cases(5, 30), start=moment - timedelta(seconds=BEFORE))
    days = Counter(line["day"] for line in told if line["event"] == "reconciled")
    copies = sum(line["event"] == "snapshot" for line in told)
    figures.at_most("reconciliations of one day", max(days.values()), 1)
    # The first start does the day's work; only a day that is new has another.
    figures.at_most("days reconciled", len(days), 2)
    figures.at_most("copies of the catalogue", copies, 2)


def test_a_clock_set_back_does_not_prolong_a_rest(folder: Path) -> None:
    """After an outage and a clock that is put right, news is held as ever."""

    async def act(world: World) -> None:
        async with world.daemon():
            await world.sleep(HOUR)
            world.site.outage(503)
            await world.sleep(HOUR)
            world.clock.jump(-HOUR)
            world.site.recover()
            story = world.publish()
            await world.sleep(2 * HOUR)
            assert story.story_id in world.read()

    live(folder, act)
