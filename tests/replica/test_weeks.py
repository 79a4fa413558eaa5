"""The plan of the simulated weeks against the replica alone, and the figures drawn from a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from benchmarks import weeks_figures as figures
from benchmarks.figures import Figure
from benchmarks.weeks import results
from benchmarks.weeks_figures import Alarm, Observed, shown
from benchmarks.weeks_plan import Edit, Outage, Plan, Publish, Redesigned, Remove, make_plan
from harvester.judge import content_hash
from harvester.replica import Site
from harvester.replica.server import Request
from harvester.replica.story import SG, SITE_ZONE

DAYS = 22
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Return a plan long enough for every trouble."""
    return make_plan(DAYS)


@pytest.fixture(scope="module")
def perfect(plan: Plan) -> Observed:
    """Return a run that stored every text five minutes after the site showed it."""
    truth = shown(plan)
    stored = {
        story_id: [(at + 5 * MINUTE, text) for at, text in versions]
        for story_id, versions in truth.items()
    }
    return Observed(plan, truth, stored, (), (), ())


def figure(seen: Observed, name: str) -> Figure:
    """Return the figure whose name begins so."""
    return next(row for row in results(seen) if row.what.startswith(name))


def test_a_plan_is_the_same_for_a_seed(plan: Plan) -> None:
    """One seed gives one plan, in order of time, and another seed another."""
    assert make_plan(2, 7) == make_plan(2, 7)
    assert make_plan(2, 7) != make_plan(2, 8)
    assert plan.actions == tuple(sorted(plan.actions, key=lambda action: action.at))


def test_a_plan_has_the_rhythm_of_the_newspaper(plan: Plan) -> None:
    """About 250 stories a day: 45 of print at dawn, the others over the day, few at night."""
    stories = [action.story for action in plan.published]
    live = [story for story in stories if story.section.startswith("realtime/")]
    printed = [story for story in stories if not story.section.startswith("realtime/")]
    dawn = {story.local.hour * 60 + story.local.minute for story in printed}

    assert 235 <= len(stories) / DAYS <= 270
    assert len(printed) == 45 * DAYS
    assert 5 * 60 <= min(dawn) <= max(dawn) <= 5 * 60 + 40
    assert sum(story.local.hour < 6 for story in live) / len(live) < 0.05
    assert len({story.story_id for story in stories}) == len(stories)


def test_a_plan_has_edits_removals_and_troubles(plan: Plan) -> None:
    """Shares of edits, of silent ones and of removals are those of the newspaper."""
    kinds = Counter(type(action) for action in plan.actions)
    edited = Counter(action.story_id for action in plan.actions if isinstance(action, Edit))
    silent = sum(action.silent for action in plan.actions if isinstance(action, Edit))
    count = kinds[Publish]

    assert 0.12 <= len(edited) / count <= 0.18
    assert 0.15 <= silent / kinds[Edit] <= 0.25
    assert 0.001 <= kinds[Remove] / count <= 0.006
    assert (kinds[Outage], kinds[Redesigned]) == (3, 1)


def test_the_site_lives_the_plan(plan: Plan, perfect: Observed) -> None:
    """Every action can be done in order, and in the end the site shows the last texts."""
    now = plan.start
    site = Site(plan.before, now=lambda: now)
    for action in plan.actions:
        now = action.at
        action.act(site)
    ended = {each.story.story_id: each.story for each in site.truth()}
    last = {story_id: versions[-1][1] for story_id, versions in perfect.truth.items()}

    assert site.now == plan.actions[-1].at
    assert site.answer(SG, "/robots.txt").status == 200
    assert all(
        last[story_id] == content_hash(story.title, story.blocks)
        for story_id, story in list(ended.items())[::20]
    )
    assert 0 < len(last) - len(ended) < 60


def test_a_perfect_run_meets_every_figure(perfect: Observed) -> None:
    """Five minutes after the site is in time; no alarm is the only thing that is missed."""
    missed = [row.what for row in results(perfect) if not row.held]

    assert missed == ["minutes from the redesign to the alarm"]
    assert figure(perfect, "delay, all told, 06-24 h, median").value == pytest.approx(5)
    assert figure(perfect, "edits held within a day, silent").value == 100


def test_a_day_that_is_not_complete_is_told(perfect: Observed) -> None:
    """What comes after the night counts as missing on its day; a redesign's day stands apart."""
    troubled = figures.unreadable_days(perfect.plan)
    late = {day: day_of(perfect.plan, day)[0] for day in ("2026-10-08", *troubled)}
    stored = dict(perfect.stored)
    for story_id in late.values():
        stored[story_id] = [(at + timedelta(days=2), text) for at, text in stored[story_id]]
    shares = figures.shares(replace(perfect, stored=stored))

    assert troubled == {"2026-10-25"}
    assert {day for day, share in shares.items() if share < 1} == set(late)
    assert 99 < figure(replace(perfect, stored=stored), "least share").value < 100


def day_of(plan: Plan, day: str) -> list[str]:
    """Return the ids of the stories of a Singapore day that are not edited within it."""
    return [
        action.story.story_id
        for action in plan.published
        if f"{action.at.astimezone(SITE_ZONE):%Y-%m-%d}" == day
    ]


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (lambda stored: [(stored[0][0], "v1:other")], "doubtful posts"),
        (lambda stored: [(at + timedelta(hours=1), text) for at, text in stored], "delay, outside"),
        (lambda stored: stored[:1], "edits held within a day, all ("),
    ],
)
def test_what_is_wrong_is_counted(
    perfect: Observed,
    wrong: Callable[[list[tuple[datetime, str]]], list[tuple[datetime, str]]],
    name: str,
) -> None:
    """Other texts, late posts and edits that were not seen each miss their figure."""
    stored = {story_id: wrong(versions) for story_id, versions in perfect.stored.items()}

    assert not figure(replace(perfect, stored=stored), name).held


def test_alarms_outside_of_a_redesign_are_false(perfect: Observed) -> None:
    """The first alarm within the redesign counts, those outside of it are false."""
    begun, _ = perfect.plan.redesigns[0]
    times = (begun - MINUTE, begun + 20 * MINUTE, begun + 30 * MINUTE)
    seen = replace(
        perfect,
        alarms=tuple(Alarm(at, "*", "unreadable", "") for at in times),
        polls=tuple(begun + 3 * number * MINUTE for number in range(-5, 50)),
    )

    assert figure(seen, "false alarms").value == 1
    assert figure(seen, "minutes from the redesign").value == 20
    assert figure(seen, "  polls until then").value == 7


def test_requests_are_told_by_what_they_are_for(perfect: Observed) -> None:
    """A story that is held already is asked for again; before, it is new."""
    action = perfect.plan.published[0]
    path = f"/{action.story.path}"
    asked = (
        ("/robots.txt", MINUTE),
        ("/sitemaps/sitemap-202610.xml", MINUTE),
        ("/_plat/api/v2/page-content/realtime?page=0", MINUTE),
        (path, 5 * MINUTE),
        (path, 65 * MINUTE),
    )
    requests = tuple(
        (action.at + after, Request(0.0, SG, target, "", 200, conditional=False))
        for target, after in asked
    )

    assert figures.requests_of(replace(perfect, requests=requests)) == {
        "lists": 1,
        "sitemaps": 1,
        "robots": 1,
        "stories": 1,
        "again": 1,
    }


@pytest.mark.parametrize(
    ("count", "expected"), [(0, 0.0), (1, 0.0), (20, 18.0), (21, 19.0), (100, 94.0)]
)
def test_the_95th_percentile_is_the_nearest_rank(count: int, expected: float) -> None:
    """Of n values in order it is number ceil(0.95 n)."""
    assert figures.most([float(value) for value in range(count)]) == expected
