"""Which stories are to be looked at, and that they are found at once."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.model import Scope, StoryRef, Visit, VisitState
from harvester.store import Archive, rows, sightings
from harvester.store.database import connect_writer, migrate, seal
from harvester.store.schema import MIGRATIONS
from tests.store.support import NOON, TODAY, StillClock, make_ref, make_visit, open_store

SOON = NOON + timedelta(hours=1)
EARLIER_DAY = TODAY - timedelta(days=400)


def visit_of(ref: StoryRef, **changes: object) -> Visit:
    """Return a visit at that address."""
    visit = Visit(ref.story_id, ref.url, VisitState.HELD, NOON)
    return replace(visit, **changes)  # type: ignore[arg-type]


async def ids(archive: Archive, scope: Scope | None = None, limit: int = 100) -> list[str]:
    """Return the ids of the stories that are due at noon."""
    return [ref.story_id for ref, _ in await archive.due(NOON, scope or Scope(), limit)]


async def test_never_visited(tmp_path: Path) -> None:
    """A story is due until it has been visited; one that was only passed by is due again."""
    async with open_store(tmp_path) as archive:
        await archive.record([make_ref(story_id) for story_id in "123"])
        await archive.note(make_visit("1"))
        await archive.note(visit_of(make_ref("2"), state=VisitState.PENDING))
        assert await ids(archive) == ["3", "2"]
        await archive.note(visit_of(make_ref("2"), state=VisitState.PENDING, next_check_at=SOON))
        await archive.record([make_ref("1", "news/china"), make_ref("2", "news/china")])
        assert await ids(archive) == ["3"]
        await archive.note(visit_of(make_ref("2"), state=VisitState.PENDING))
        assert [(make_ref("3"), None)] == await archive.due(NOON, Scope(), 1)
        assert await ids(archive) == ["3", "2"]


async def test_whose_time_has_come(tmp_path: Path) -> None:
    """A visited story is due from its time on, whatever its state, and however old it is."""
    old = make_ref("1", day=EARLIER_DAY)
    async with open_store(tmp_path) as archive:
        await archive.record([old, make_ref("2"), make_ref("3")])
        await archive.note(visit_of(old, next_check_at=NOON))
        await archive.note(visit_of(make_ref("2"), next_check_at=SOON))
        await archive.note(
            visit_of(make_ref("3"), state=VisitState.FAILED, next_check_at=NOON - timedelta(1))
        )
        assert await ids(archive, Scope(since=TODAY)) == ["3", "1"]
        assert [(old, visit_of(old, next_check_at=NOON))] == (
            await archive.due(NOON, Scope(since=TODAY), 9)
        )[1:]


async def test_scope(tmp_path: Path) -> None:
    """New stories are those of the scope's days; all must be in its sections."""
    refs = [
        make_ref("1", "realtime/china"),
        make_ref("2", "realtime/china", EARLIER_DAY),
        make_ref("3", "news/china"),
        make_ref("4", "news/china", EARLIER_DAY),
        make_ref("5", "realtime/world", EARLIER_DAY),
    ]
    async with open_store(tmp_path) as archive:
        await archive.record(refs)
        for ref in refs[3:]:
            await archive.note(visit_of(ref, next_check_at=NOON))
        assert await ids(archive, Scope(since=TODAY)) == ["3", "1", "5", "4"]
        assert await ids(archive, Scope(TODAY, sections=("realtime",))) == ["1", "5"]
        assert await ids(archive, Scope(sections=("news",))) == ["3", "4"]
        assert await ids(archive, Scope(TODAY, sections=("real",))) == []


async def test_one_entry_for_a_story(tmp_path: Path) -> None:
    """A story of several addresses comes with that of its visit, else with the first in scope."""
    clock = StillClock()
    first, second = make_ref("1", "realtime/china"), make_ref("1", "news/china")
    async with open_store(tmp_path, clock) as archive:
        await archive.record([first])
        clock.at += timedelta(minutes=1)
        await archive.record([second])
        assert [(first, None)] == await archive.due(NOON, Scope(), 9)
        assert [(second, None)] == await archive.due(NOON, Scope(sections=("news",)), 9)
        visit = visit_of(second, next_check_at=NOON)
        await archive.note(visit)
        assert [(second, visit)] == await archive.due(NOON, Scope(), 9)
        assert [(first, visit)] == await archive.due(NOON, Scope(sections=("realtime",)), 9)
        elsewhere = replace(visit, url="https://www.zaobao.com/x")
        await archive.note(elsewhere)
        assert [(first, elsewhere)] == await archive.due(NOON, Scope(), 9)


async def test_limit(tmp_path: Path) -> None:
    """Of many the newest come, whichever kind they are."""
    refs = [make_ref(str(n), day=TODAY - timedelta(days=9 - n)) for n in range(10)]
    async with open_store(tmp_path) as archive:
        await archive.record([*refs, make_ref("9", "news/china")])
        for ref in refs[::2]:
            await archive.note(visit_of(ref, next_check_at=NOON))
        assert await ids(archive, limit=3) == ["9", "8", "7"]
        assert await ids(archive, limit=0) == []


async def test_release(tmp_path: Path) -> None:
    """What rests for a reason can be made due at once; other reasons and no reason rest on."""
    reasons = {"1": "doubtful: no text", "2": "doubtful", "3": "not doubtful", "4": "Doubtful"}
    async with open_store(tmp_path) as archive:
        await archive.record([make_ref(story_id) for story_id in "12345"])
        await archive.note(make_visit("5"))
        for story_id, reason in reasons.items():
            await archive.note(make_visit(story_id, reason=reason))
        assert await ids(archive) == []
        assert await archive.release("doubtful", NOON) == 2
        assert await ids(archive) == ["2", "1"]
        assert await archive.release("%", NOON) == 0


STORIES = st.sampled_from("1234")
SECTIONS = st.sampled_from(["realtime/china", "realtime/world", "news"])
REFS = st.builds(
    lambda story, section: make_ref(story, section, TODAY - timedelta(days=int(story))),
    STORIES,
    SECTIONS,
)
VISITS = st.builds(
    lambda ref, state, minutes: visit_of(
        ref,
        state=state,
        next_check_at=None if minutes is None else NOON + timedelta(minutes=minutes),
    ),
    REFS,
    st.sampled_from(VisitState),
    st.none() | st.integers(-1, 1),
)


@given(
    steps=st.lists(REFS | VISITS, max_size=12), since=st.integers(0, 5), sections=st.sets(SECTIONS)
)
def test_due_is_what_the_rows_say(
    steps: list[StoryRef | Visit], since: int, sections: set[str]
) -> None:
    """Whatever was recorded in whatever order, due is what sightings and visits alone say."""
    scope = Scope(since=TODAY - timedelta(days=since), sections=tuple(sections))
    seen: dict[str, set[str]] = {}
    visits: dict[str, Visit] = {}
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.create_function("seal", -1, seal)
        migrate(connection, 0, MIGRATIONS)
        for step in steps:
            if isinstance(step, StoryRef):
                sightings.write_sightings(connection, [step], NOON)
                seen.setdefault(step.story_id, set()).add(step.section)
            else:
                rows.write_visit(connection, step)
                visits[step.story_id] = step
        found = sightings.due(connection, NOON, scope, 99)

    def is_due(story_id: str) -> bool:
        visit = visits.get(story_id)
        if visit is not None and visit.next_check_at is not None:
            return visit.next_check_at <= NOON
        return (visit is None or visit.state is VisitState.PENDING) and int(story_id) <= since

    expected = [
        s for s in "1234" if (seen.get(s, set()) & (sections or seen.get(s, set()))) and is_due(s)
    ]
    assert expected == [ref.story_id for ref, _ in found]
    assert [visits.get(ref.story_id) for ref, _ in found] == [visit for _, visit in found]


@pytest.mark.parametrize("scope", [Scope(), Scope(TODAY, date(2022, 1, 1), ("realtime", "news"))])
def test_due_reads_indexes_only(tmp_path: Path, scope: Scope) -> None:
    """No step of the question reads a whole table: few due stories are found among a million."""
    plans = []
    with closing(connect_writer(tmp_path / "harvester.db")) as connection:
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        sightings.due(connection, NOON, scope, 10)
        connection.set_trace_callback(None)
        for statement in statements:
            plans += [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]

    assert len(statements) == 2
    indexes = {
        match[1] for plan in plans if (match := re.search(r"INDEX (visits\w+|sight\w+)", plan))
    }
    assert {"visits_by_next_check", "sightings_by_story", "sightings_waiting"} == indexes
    whole = [plan for plan in plans if plan.startswith("SCAN")]
    assert {"INDEX sightings_waiting"} >= {plan.partition(" USING ")[2] for plan in whole}


def test_questions_of_every_poll_read_indexes_only(tmp_path: Path) -> None:
    """Neither `unseen` nor the mark of a visit reads all sightings."""
    with closing(connect_writer(tmp_path / "harvester.db")) as connection:
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        sightings.unseen(connection, [make_ref("1")])
        rows.write_visit(connection, make_visit("1"))
        sightings.write_sightings(connection, [make_ref("1")], NOON)
        connection.set_trace_callback(None)
        plans = [
            row[3]
            for statement in statements
            if statement.startswith(("SELECT", "UPDATE", "INSERT"))
            for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]

    assert any("sightings_by_story" in plan for plan in plans)
    assert not [plan for plan in plans if re.search(r"SCAN (sightings|visits)", plan)]
