"""Silent decay: a section from which nothing new comes any more is told, the others are not."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.weeks_plan import Plan, make_plan, without
from harvester.drift import Alarm, Look, Record, Sign
from harvester.replica import Story
from tests.daemon.support import HOUR, MINUTE, World, live
from tests.support.figures import Figures, cases
from tests.support.virtual_time import START

LOOKED = timedelta(minutes=50)
DEAD_FROM = cases(8, 10)
READ = Look("", "", "", START, frozenset({Sign.UNREADABLE}), frozenset())
LIST_READ = Look("realtime", "", "", START, frozenset({Sign.STALE, Sign.EMPTY}), frozenset())


def came(record: Record, section: str, at: datetime) -> tuple[Alarm, ...]:
    """Let a story be published and read."""
    return record.observe(replace(READ, section=section, at=at, published=at))


def wait(record: Record, now: datetime) -> tuple[Alarm, ...]:
    """Let a list be read that shows nothing new."""
    return record.observe(replace(LIST_READ, at=now))


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Return 30 days of the newspaper."""
    return make_plan(cases(11, 30))


def sections(plan: Plan) -> dict[str, list[datetime]]:
    """Return when stories were published, by section."""
    found: defaultdict[str, list[datetime]] = defaultdict(list)
    for story in stories(plan):
        found[story.section].append(story.published)
    return dict(found)


def stories(plan: Plan) -> list[Story]:
    """Return all stories, the oldest first."""
    every = (*plan.before, *(each.story for each in plan.published))
    return sorted(every, key=lambda story: story.published)


def longest(times: list[datetime]) -> timedelta:
    """Return the longest pause of a section."""
    return max(after - before for before, after in pairwise(times))


def alarms(plan: Plan) -> Iterator[tuple[datetime, Alarm]]:
    """Yield what a record tells that hears of every story and looks at the time all day."""
    record, now = Record(), plan.start
    for story in stories(plan):
        while now < story.published:
            yield from ((now, alarm) for alarm in wait(record, now))
            now += LOOKED
        yield from ((now, alarm) for alarm in came(record, story.section, story.published))
    while now < plan.end:
        yield from ((now, alarm) for alarm in wait(record, now))
        now += LOOKED


@pytest.mark.gate("M13", "silent decay")
def test_a_section_that_falls_silent_is_told_in_time(plan: Plan, figures: Figures) -> None:
    """30 days, each section dead from day 10 in turn: told after three of its longest pauses."""
    assert list(alarms(plan)) == []
    dead_at = plan.start + timedelta(days=DEAD_FROM)
    late = false = due_within = 0
    dead = sorted(sections(plan), key=lambda section: len(sections(plan)[section]))[cases(-3, 0) :]
    for section in dead:
        silenced = without(plan, section, dead_at)
        told = [(at, alarm) for at, alarm in alarms(silenced) if alarm.on]
        false += sum(alarm.section != section for _, alarm in told)
        known = sections(silenced)[section]
        due = known[-1] + 3 * longest(known) + LOOKED
        times = [at for at, alarm in told if alarm.section == section]
        due_within += due < plan.end
        late += not (times and times[0] <= due) and due < plan.end
    figures.none("sections told late", late, of=due_within)
    figures.none("false alarms", false, of=len(dead) * len(sections(plan)))


def silent_record(now: datetime) -> Record:
    """Return a record of a section with a story an hour until two hours ago, for ten days."""
    record = Record()
    for hour in range(240, 1, -1):
        at = now - timedelta(hours=hour)
        came(record, "realtime/china", at)
        wait(record, at)
    return record


@pytest.mark.parametrize("asleep", [timedelta(hours=3), timedelta(days=30), -timedelta(days=1)])
def test_who_did_not_look_begins_to_wait_anew(asleep: timedelta) -> None:
    """After a stop, an outage or a jump of the clock silence counts from then on."""
    record = silent_record(START)
    now = START + asleep

    assert wait(record, now) == ()
    assert wait(record, now + timedelta(hours=2)) == ()
    assert Record.load(record.dump()).dump() == record.dump()
    if asleep > timedelta():
        (alarm,) = wait(record, now + timedelta(hours=3.5))
        assert (alarm.section, alarm.sign, alarm.on) == ("realtime/china", "silent", True)
        assert Record.load(record.dump()).alarms() == record.alarms() == (alarm,)
        (over,) = came(record, "realtime/china", now + timedelta(hours=4))
        assert (over.on, record.alarms()) == (False, ())


def test_a_section_that_is_closed_alarms_for_a_month() -> None:
    """Then it is forgotten, and the alarm with it."""
    record, now, told = silent_record(START), START, []
    while now < START + timedelta(days=40):
        now += timedelta(hours=1)
        told += [(now, alarm.on) for alarm in wait(record, now)]

    assert [on for _, on in told] == [True, False]
    assert timedelta(days=29) < told[1][0] - told[0][0] < timedelta(days=31)
    assert record.alarms() == ()


def test_the_daemon_tells_of_a_silent_section(folder: Path) -> None:
    """What it knew stands in the catalogue; hours without a story of that section raise it."""

    async def act(world: World) -> None:
        async with world.daemon():
            await world.sleep(10 * MINUTE)
        known = silent_record(world.clock.now()).dump()
        connection = sqlite3.connect(world.settings.state / "harvester.db")
        connection.execute("UPDATE notes SET value = ? WHERE name = 'gauges'", (known,))
        connection.commit()
        connection.close()
        async with world.daemon():
            for _ in range(5):
                await world.sleep(HOUR)
                world.publish("realtime/world")
            with world.reader() as reader:
                alarms = Record.load(reader.note("gauges") or "").alarms()
            assert [(alarm.section, alarm.sign) for alarm in alarms] == [
                ("realtime/china", "silent")
            ]
            world.publish("realtime/china")
            await world.sleep(HOUR + 2 * MINUTE)
            with world.reader() as reader:
                assert Record.load(reader.note("gauges") or "").alarms() == ()

    live(folder, act)
