"""Slots of a host, by a clock that never waits."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.clock import SystemClock
from harvester.errors import HostResting
from harvester.fetch.pace import Pace
from harvester.model import Lane

if TYPE_CHECKING:
    from tests.fetch.conftest import FakeClock


def no_rest() -> float:
    """Return the pause of a host that asked for none."""
    return 0.0


async def test_starts_are_a_gap_apart_and_one_at_a_time(fake_clock: FakeClock) -> None:
    """Twenty impatient tasks get their slots one after the other, a second apart."""
    pace = Pace(fake_clock, 1.0, 1)
    starts: list[float] = []
    inside = 0

    async def visit() -> None:
        nonlocal inside
        async with pace.slot(no_rest):
            inside += 1
            assert inside == 1
            starts.append(fake_clock.elapsed)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(visit() for _ in range(20)))

    assert [float(n) for n in range(20)] == starts


async def test_more_in_flight_keep_the_gap(fake_clock: FakeClock) -> None:
    """Concurrency lets answers overlap; it does not bring the starts closer together."""
    pace = Pace(fake_clock, 0.5, 3)
    starts: list[float] = []
    inside: list[int] = [0]

    async def visit() -> None:
        async with pace.slot(no_rest):
            starts.append(fake_clock.elapsed)
            inside.append(inside[-1] + 1)
            await fake_clock.sleep(5.0)
            inside.append(inside[-1] - 1)

    await asyncio.gather(*(visit() for _ in range(12)))

    assert max(inside) <= 3
    assert all(later - earlier >= 0.5 for earlier, later in pairwise(starts))


async def test_unused_time_is_not_saved_up(fake_clock: FakeClock) -> None:
    """After a long silence there is one slot at once, not a burst."""
    pace = Pace(fake_clock, 1.0, 1)
    async with pace.slot(no_rest):
        pass
    await fake_clock.sleep(100.0)
    fake_clock.slept.clear()

    for _ in range(3):
        async with pace.slot(no_rest):
            pass

    assert fake_clock.slept == [1.0, 1.0]


async def test_a_rest_is_asked_again_after_every_wait(fake_clock: FakeClock) -> None:
    """A pause that begins while somebody waits for a slot holds for them too."""
    pace = Pace(fake_clock, 1.0, 1)
    rests = iter([3.0, 7.0, 0.0])

    async with pace.slot(lambda: next(rests)):
        pass

    assert fake_clock.slept == [3.0, 7.0]


async def test_a_wait_that_is_given_up_frees_its_slot(fake_clock: FakeClock) -> None:
    """An error or a cancellation while waiting leaves the slot to the next one."""
    pace = Pace(fake_clock, 1.0, 1)

    def resting() -> float:
        raise HostResting("url", "resting")

    with pytest.raises(HostResting):
        async with pace.slot(resting):
            pass
    async with pace.slot(no_rest):
        assert fake_clock.slept == []


async def started(pace: Pace, lanes: list[Lane]) -> list[tuple[Lane, int]]:
    """Return the order in which requests of `lanes` start that wait for the one slot."""
    starts: list[tuple[Lane, int]] = []

    async def visit(lane: Lane, number: int) -> None:
        async with pace.slot(no_rest, lane):
            starts.append((lane, number))

    async with asyncio.TaskGroup() as tasks, pace.slot(no_rest):
        for number, lane in enumerate(lanes):
            tasks.create_task(visit(lane, number))
            await asyncio.sleep(0)
    return starts


@given(st.lists(st.sampled_from(Lane), max_size=12))
async def test_who_waits_goes_by_lane_then_by_arrival(lanes: list[Lane]) -> None:
    """Live before what is looked at again before backfill; within a lane nobody overtakes."""
    expected = sorted((lane, number) for number, lane in enumerate(lanes))

    assert expected == await started(Pace(SystemClock(), 0.0, 1), lanes)


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_live_overtakes_until_the_very_start(fake_clock: FakeClock, concurrency: int) -> None:
    """Who is first in the queue and waits for the gap still lets a live request go before."""
    pace = Pace(fake_clock, 1.0, concurrency)
    async with pace.slot(no_rest):
        pass
    starts: list[tuple[Lane, float]] = []

    async def visit(lane: Lane) -> None:
        async with pace.slot(no_rest, lane):
            starts.append((lane, fake_clock.elapsed))

    await asyncio.gather(visit(Lane.BACKFILL), visit(Lane.LIVE))

    assert starts == [(Lane.LIVE, 1.0), (Lane.BACKFILL, 2.0)]


async def test_who_gives_up_in_the_queue_is_forgotten(fake_clock: FakeClock) -> None:
    """A cancelled request leaves its place, also the first one; the others get their slots."""
    pace = Pace(fake_clock, 1.0, 1)
    starts: list[int] = []

    async def visit(number: int) -> None:
        async with pace.slot(no_rest):
            starts.append(number)

    async with pace.slot(no_rest):
        tasks = [asyncio.create_task(visit(number)) for number in range(4)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[2].cancel()
    await asyncio.wait(tasks)

    assert starts == [1, 3]
