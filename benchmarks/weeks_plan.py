"""What happens at the newspaper in some weeks: one list of timed actions, the same for a seed.

A day has about 250 stories: the print sections in the early morning, the live ones over the day.
Some are edited, some of those silently, a few are taken away; and now and then the site is down,
or has a new layout.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from harvester.model import Era
from harvester.replica import Redesign, Site, Story
from harvester.replica.making import make
from harvester.replica.story import SITE_ZONE

FIRST_DAY = date(2026, 10, 5)
DAYS_BEFORE = 2
PRINT = 45
_PRINT_FROM, _PRINT_MINUTES = timedelta(hours=5), 40
# Live stories an hour by hour of the Singapore day: 209 in all.
_LIVE = (1,) * 6 + (9,) * 3 + (15,) * 4 + (11,) * 5 + (12,) * 5 + (1,)
_LIVE_SECTIONS = ("china",) * 35 + ("world",) * 30 + ("singapore",) * 20 + ("finance",) * 15
_PRINT_SECTIONS = (
    ("news/singapore",) * 10
    + ("news/china",) * 7
    + ("news/world",) * 7
    + ("news/sea",) * 3
    + ("news/sports",) * 4
    + ("finance/singapore",) * 3
    + ("finance/world",) * 2
    + ("forum/editorial",)
    + ("forum/views",) * 2
    + ("forum/talk",) * 2
    + ("entertainment",) * 2
    + ("lifestyle/culture", "lifestyle/food")
)
_FIRST_ID = 10_200_001

_ONE_EDIT, _TWO_EDITS, _SILENT, _NEW_TITLE = 0.12, 0.03, 0.2, 0.25
# Shares of edits by age: up to so many hours.
_EDIT_AGES = ((0.60, 0.02, 2.0), (0.25, 2.0, 12.0), (0.10, 12.0, 48.0), (0.05, 48.0, 480.0))
_REMOVED, _COMES_BACK, _BACK_AFTER = 0.003, 0.4, timedelta(days=5)

# Day, hour of the Singapore day, hours, status (None: connections are dropped).
_OUTAGES = ((5, 11.0, 1 / 3, 503), (9, 15.0, 2.0, None), (14, 8.0, 6.0, None))
# Day and hour; it lasts a day: then the reader is mended.
_REDESIGN, _REDESIGN_HOURS = (20, 10.0), 24.0


@dataclass(frozen=True, slots=True)
class Action:
    """Something that happens on the site at `at` (UTC)."""

    at: datetime

    def act(self, site: Site) -> None:
        """Let it happen."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Publish(Action):
    """A story appears."""

    story: Story

    def act(self, site: Site) -> None:
        """Show it."""
        site.publish(self.story)


@dataclass(frozen=True, slots=True)
class Edit(Action):
    """A story shows another text."""

    story_id: str
    title: str
    blocks: tuple[str, ...]
    silent: bool

    def act(self, site: Site) -> None:
        """Show it."""
        site.edit(self.story_id, title=self.title, blocks=self.blocks, silent=self.silent)


@dataclass(frozen=True, slots=True)
class Remove(Action):
    """A story is taken away; the sitemap does not tell."""

    story_id: str

    def act(self, site: Site) -> None:
        """Take it away."""
        site.remove(self.story_id, silent=True)


@dataclass(frozen=True, slots=True)
class Restore(Action):
    """A story that was taken away is back."""

    story_id: str

    def act(self, site: Site) -> None:
        """Bring it back."""
        site.restore(self.story_id)


@dataclass(frozen=True, slots=True)
class Outage(Action):
    """The site is down until `until`: every request answers `status`, or is dropped."""

    until: datetime
    status: int | None

    def act(self, site: Site) -> None:
        """Go down."""
        site.outage(self.status)


@dataclass(frozen=True, slots=True)
class Recover(Action):
    """The site is up again."""

    def act(self, site: Site) -> None:
        """Come up."""
        site.recover()


@dataclass(frozen=True, slots=True)
class Redesigned(Action):
    """Pages look different until `until`."""

    until: datetime

    def act(self, site: Site) -> None:
        """Show the new layout."""
        site.redesign(Redesign.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Mended(Action):
    """Pages can be read again: here because the old layout is back."""

    def act(self, site: Site) -> None:
        """Show the old layout."""
        site.redesign(None)


@dataclass(frozen=True, slots=True)
class Plan:
    """Some weeks from `start` to `end` (midnights of Singapore); `before` is older than that."""

    start: datetime
    end: datetime
    before: tuple[Story, ...]
    actions: tuple[Action, ...]

    @property
    def published(self) -> tuple[Publish, ...]:
        """The stories of the weeks, in order."""
        return tuple(action for action in self.actions if isinstance(action, Publish))

    @property
    def outages(self) -> tuple[tuple[datetime, datetime], ...]:
        """From when to when the site was down."""
        return tuple((a.at, a.until) for a in self.actions if isinstance(a, Outage))

    @property
    def redesigns(self) -> tuple[tuple[datetime, datetime], ...]:
        """From when to when pages could not be read."""
        return tuple((a.at, a.until) for a in self.actions if isinstance(a, Redesigned))


def make_plan(days: int, seed: int = 0) -> Plan:
    """Return the plan of so many days."""
    luck = random.Random(f"weeks:{seed}")  # noqa: S311 - a plan, no secret
    start, end = midnight(0), midnight(days)
    stories = [story for day in range(-DAYS_BEFORE, days) for story in _day(luck, day)]
    numbered = [_named(story, number) for number, story in enumerate(sorted(stories))]
    before = tuple(story for story in numbered if story.published < start)
    actions: list[Action] = [Publish(s.published, s) for s in numbered if s.published >= start]
    for story in numbered:
        fate = list(_fate(luck, story))
        # What happened before the first day is not shown; half of a fate would be wrong.
        if all(action.at >= start for action in fate):
            actions += fate
    actions += _troubles()
    kept = sorted((a for a in actions if start <= a.at < end), key=lambda action: action.at)
    return Plan(start, end, before, tuple(kept))


def without(plan: Plan, section: str, since: datetime) -> Plan:
    """Return the plan with a section that has fallen silent at `since`."""
    dead = {
        each.story.story_id
        for each in plan.published
        if each.story.section == section and each.at >= since
    }
    kept = (each for each in plan.actions if _story_of(each) not in dead)
    return replace(plan, actions=tuple(kept))


def _story_of(action: Action) -> str:
    if isinstance(action, Publish):
        return action.story.story_id
    return action.story_id if isinstance(action, Edit | Remove | Restore) else ""


def midnight(day: int) -> datetime:
    """Return the start of a Singapore day of the plan, from 0."""
    return datetime.combine(FIRST_DAY + timedelta(days=day), time(), SITE_ZONE).astimezone(UTC)


def _day(luck: random.Random, day: int) -> Iterator[tuple[datetime, str]]:
    """Yield the moments of publication and the sections of a day's stories."""
    start = midnight(day)
    for section in luck.sample(_PRINT_SECTIONS, PRINT):
        minutes = luck.uniform(0, _PRINT_MINUTES)
        yield _second(start + _PRINT_FROM + timedelta(minutes=minutes)), section
    for hour, rate in enumerate(_LIVE):
        at = luck.expovariate(rate)
        while at < 1:
            moment = _second(start + timedelta(hours=hour + at))
            yield moment, f"realtime/{luck.choice(_LIVE_SECTIONS)}"
            at += luck.expovariate(rate)


def _second(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def _named(story: tuple[datetime, str], number: int) -> Story:
    at = story[0].astimezone(SITE_ZONE)
    path = f"{story[1]}/story{at:%Y%m%d}-{_FIRST_ID + 3 * number}"
    return make(path, Era.SG_2024, f"{at:%Y-%m-%dT%H:%M:%S}", pictures=number % 2)


def _fate(luck: random.Random, story: Story) -> Iterator[Action]:
    """Yield what becomes of a story: nothing, edits, or its removal."""
    dice = luck.random()
    if dice < _REMOVED:
        gone = _second(story.published + timedelta(hours=luck.uniform(1, 72)))
        yield Remove(gone, story.story_id)
        if luck.random() < _COMES_BACK:
            yield Restore(gone + _BACK_AFTER, story.story_id)
        return
    dice -= _REMOVED
    count = 1 if dice < _ONE_EDIT else 2 if dice < _ONE_EDIT + _TWO_EDITS else 0
    title, blocks = story.title, story.blocks
    for at in sorted(_second(story.published + _age(luck)) for _ in range(count)):
        if luck.random() < _NEW_TITLE:
            title = f"{title}（更新{at:%H%M}）"
        number = luck.randrange(len(blocks))
        added = f"（{at.astimezone(SITE_ZONE):%d日%H时%M分%S秒}更新）"
        blocks = (*blocks[:number], blocks[number].rstrip() + added, *blocks[number + 1 :])
        yield Edit(at, story.story_id, title, blocks, luck.random() < _SILENT)


def _age(luck: random.Random) -> timedelta:
    weights = [share for share, _, _ in _EDIT_AGES]
    _, low, high = luck.choices(_EDIT_AGES, weights)[0]
    return timedelta(hours=luck.uniform(low, high))


def _troubles() -> Iterator[Action]:
    for day, hour, hours, status in _OUTAGES:
        at = midnight(day) + timedelta(hours=hour)
        until = at + timedelta(hours=hours)
        yield Outage(at, until, status)
        yield Recover(until)
    day, hour = _REDESIGN
    at = midnight(day) + timedelta(hours=hour)
    until = at + timedelta(hours=_REDESIGN_HOURS)
    yield Redesigned(at, until)
    yield Mended(until)
