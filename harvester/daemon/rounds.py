"""The rounds: lists and the newest sitemap, each looked at in its own rhythm.

    slot claimed | fetch (conditional) | deeper until it overlaps | record, next slot

A slot is claimed durably before its request, so no kill and no clock makes it be used twice; what
was read is recorded together with the next slot, so a kill in between leaves no gap either: the
next look sees the same list as new and goes as deep.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from harvester import rhythm
from harvester.clock import Clock
from harvester.discover import Discoverer
from harvester.errors import (
    FetchFailed,
    HarvesterError,
    HostResting,
    SiteUnreachable,
    SourceUnreadable,
)
from harvester.fetch import SITEMAP_CAP, Getter
from harvester.model import Page, Poll, Scope, StoryRef, Validators, Watch
from harvester.store import Archive
from harvester.zaobao.listing import Card, Listing, read_listing
from harvester.zaobao.sections import LIVE_LISTS, below, in_any, listing_urls
from harvester.zaobao.sitemap import children_for, is_month, read_sitemap
from harvester.zaobao.urls import singapore_day

log = logging.getLogger(__name__)

SITEMAP = "sitemap"
# The sitemap has what appears once a day, at one go: it is not worth running after.
_SITEMAP_SHORTEST = 900.0
# So many of the oldest cards of a page must be known before it counts as overlapping: single ones
# may have been heard of in another way.
_OVERLAP = 5
_MAX_PAGES = 60
_RHYTHM_DAYS = timedelta(days=14)
_RECENT_MINUTES = 120.0
# A list that was never there is looked for once a day.
_ABSENT = 86_400.0
# A slot that lies further ahead than its pause is of a clock that was set back.
_SLACK = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a watch showed; without `page` it was not modified.

    `cards` are the stories named: `refs` those that this watch is there for, `others` those that
    another watch would have found.
    `rate` is the stories a minute that its own times show, `gap` says that stories may have been
    published between this look and the last unseen.
    """

    watch: Watch
    url: str
    cards: int = 0
    refs: tuple[StoryRef, ...] = ()
    others: tuple[StoryRef, ...] = ()
    page: Page | None = None
    newest: datetime | None = None
    rate: float | None = None
    max_age: float | None = None
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a poll that was made.

    `before` is the watch as it was, `cards` the stories named (None: not modified), `fresh` those
    never heard of, also those that another watch would have found. `unreadable` says that something
    was there and could not be read, `gap` that stories may be missing. By the record, `expected`
    stories should have come since the last that did, and `skipped` between the newest item of this
    look (`newest`) and the newest ever stated.
    """

    poll: Poll
    before: Watch
    cards: int | None = None
    fresh: int = 0
    unreadable: bool = False
    gap: bool = False
    newest: datetime | None = None
    expected: float = 0.0
    skipped: float = 0.0


class Rounds:
    """Looks at watches. `roll` gives numbers from 0 to 1, `told` hears of every poll."""

    def __init__(
        self,
        archive: Archive,
        fetcher: Getter,
        clock: Clock,
        sections: tuple[str, ...],
        roll: Callable[[], float],
        told: Callable[[Told], None],
    ) -> None:
        self._archive = archive
        self._fetcher = fetcher
        self._clock = clock
        self._sections = sections
        self._roll = roll
        self._told = told
        self._recent: dict[str, deque[tuple[float, int]]] = {}
        self._rows: dict[str, Watch] = {}
        self._hurried: set[str] = set()
        # The newest item of each list as it was last read: one that answers 304 still shows it.
        self._shown: dict[str, datetime | None] = {}
        self._began = clock.monotonic()

    async def load(self) -> None:
        """Read the rows; nobody else writes them while these rounds are made."""
        self._rows = {watch.name: watch for watch in await self._archive.watches()}

    @property
    def watches(self) -> tuple[Watch, ...]:
        """Return what is watched, as it stands."""
        return tuple(self._rows.get(name, Watch(name)) for name in self._names())

    def _names(self) -> tuple[str, ...]:
        return watched(self._sections, self._rows.values())

    def due(self) -> list[Watch]:
        """Return the watches to be looked at now."""
        now = self._clock.now()
        return [w for w in self.watches if is_due(w, now) or w.name in self._hurried]

    def hurry(self, name: str) -> None:
        """Look at a watch now, whatever its slot."""
        self._hurried.add(name)

    async def poll(self, watch: Watch) -> Poll:
        """Look at a watch in its slot.

        Raises HostResting where the site or our network must be left alone, and the errors of the
        archive; what is wrong with the list itself stands in the poll.
        """
        now = self._clock.now()
        hours = await self._archive.hours(watch.name, now - _RHYTHM_DAYS, now)
        claimed = self._scheduled(watch, now, self._pause(watch.name, hours, now))
        slot = await self._claim(watch, claimed, now)
        try:
            look = await self._look(watch)
        except HostResting as error:
            rest = timedelta(seconds=error.retry_after or 0.0)
            resting = replace(claimed, next_check_at=min(claimed.next_check_at or now, now + rest))
            await self._end(Poll(watch.name, slot, now, problem="resting"), resting)
            raise
        except (FetchFailed, SourceUnreadable, SiteUnreachable) as error:
            return await self._failed(watch, slot, error, hours)
        return await self._read(watch, slot, look, hours)

    async def _claim(self, watch: Watch, claimed: Watch, now: datetime) -> datetime:
        """Claim the watch's slot durably, before anything is asked; return it.

        Where the clock was set back a slot of that very second may have been used before.
        """
        hurried = watch.name in self._hurried
        self._hurried.discard(watch.name)
        slot = now if hurried or watch.next_check_at is None else watch.next_check_at
        while not await self._archive.begin_poll(claimed, slot, now):
            slot += timedelta(seconds=1)
        self._rows[watch.name] = claimed
        return slot

    async def _end(self, poll: Poll, after: Watch, refs: tuple[StoryRef, ...] = ()) -> Poll:
        poll = await self._archive.end_poll(poll, after, refs)
        self._rows[after.name] = after
        return poll

    async def _read(
        self, watch: Watch, slot: datetime, look: Look, hours: tuple[float, ...]
    ) -> Poll:
        now = self._clock.now()
        since = await self._archive.last_fresh(watch.name)
        expected = _expected(hours, since, now)
        unseen = await self._archive.unseen(look.refs)
        self._note_recent(watch.name, len(unseen) if watch.checked_at else 0)
        pause = self._pause(watch.name, hours, now, look.rate)
        pause = max(pause, min(look.max_age or 0.0, rhythm.LONGEST))
        after = replace(
            self._scheduled(watch, now, pause),
            url=look.url,
            validators=look.page.validators if look.page else watch.validators,
            checked_at=now,
            failures=0,
            newest=max(filter(None, (look.newest, watch.newest)), default=None),
            problem="",
        )
        if look.page:
            self._shown[watch.name] = look.newest
        newest = self._shown.get(watch.name)
        more = await self._archive.record(look.others) if look.others else 0
        poll = Poll(watch.name, slot, now, cards=look.cards)
        poll = await self._end(poll, after, look.refs)
        self._told(
            Told(
                poll,
                watch,
                cards=look.cards if look.page else None,
                fresh=poll.fresh + more,
                gap=look.gap,
                newest=newest,
                expected=expected,
                skipped=_expected(hours, newest, watch.newest),
            )
        )
        return poll

    async def _failed(
        self, watch: Watch, slot: datetime, error: HarvesterError, hours: tuple[float, ...]
    ) -> Poll:
        now, problem = self._clock.now(), str(error)
        trouble = isinstance(error, FetchFailed) or isinstance(error.__cause__, FetchFailed)
        failures = watch.failures + (not trouble)
        pause = self._pause(watch.name, hours, now)
        if not trouble:
            pause = min(rhythm.LONGEST, max(rhythm.SHORTEST, pause * 2 ** min(failures - 2, 5)))
        if failures > 1 and not watch.checked_at:
            pause = _ABSENT
        after = replace(self._scheduled(watch, now, pause), failures=failures, problem=problem)
        poll = await self._end(Poll(watch.name, slot, now, problem=problem), after)
        self._told(Told(poll, watch, unreadable=not trouble))
        return poll

    # --- what is looked at ---

    async def _look(self, watch: Watch) -> Look:
        return await (self._sitemap(watch) if watch.name == SITEMAP else self._list(watch))

    async def _sitemap(self, watch: Watch) -> Look:
        url = await self._newest_sitemap(watch)
        validators = watch.validators if url == watch.url else Validators()
        page = await self._fetcher.get(url, validators, SITEMAP_CAP)
        if page.status == 304:
            return Look(watch, url, max_age=page.max_age)
        if page.status != 200:
            raise SourceUnreadable(url, f"answered {page.status}")
        sitemap = await asyncio.to_thread(read_sitemap, page.body, url)
        if sitemap.problem:  # it is read again next time
            log.warning("%s: %s", url, sitemap.problem)
            page = replace(page, etag=None, last_modified=None)
        wanted = [ref for ref in sitemap.stories if in_any(ref.section, self._sections)]
        lists = [name for name in self._names() if name != SITEMAP]
        refs = tuple(ref for ref in wanted if not in_any(ref.section, lists))
        others = tuple(ref for ref in wanted if in_any(ref.section, lists))
        return Look(watch, url, len(sitemap.stories), refs, others, page, max_age=page.max_age)

    async def _newest_sitemap(self, watch: Watch) -> str:
        """Return the address of the newest sitemap; of the monthly form it is known for a month."""
        if watch.url and is_month(watch.url, singapore_day(self._clock.now())):
            return watch.url
        index = await Discoverer(self._archive, self._fetcher).index()
        return children_for(Scope(), index)[0].url

    async def _list(self, watch: Watch) -> Look:
        """Look at the list in the form that answered last, else in the first form that answers."""
        forms = dict.fromkeys((*([watch.url] if watch.url else ()), *listing_urls(watch.name)))
        problems: list[str] = []
        for url in forms:
            validators = watch.validators if url == watch.url else Validators()
            try:
                page = await self._fetcher.get(url, validators)
                if page.status == 304:
                    return Look(watch, url, max_age=page.max_age)
                listing = _listing(page)
            except (SourceUnreadable, FetchFailed) as problem:
                if isinstance(problem, FetchFailed) and problem.transient:
                    raise
                problems.append(str(problem))
                continue
            return await self._whole(watch, page, listing)
        raise SourceUnreadable(watch.name, "; ".join(problems))

    async def _whole(self, watch: Watch, page: Page, listing: Listing) -> Look:
        """Return the list down to where it overlaps with what is known."""
        cards = list(listing.cards)
        gap = False
        if watch.checked_at is not None:
            for _ in range(_MAX_PAGES):
                if await self._overlaps(listing.cards):
                    break
                deeper = await self._deeper(listing)
                if deeper is None:
                    gap = True
                    break
                listing = deeper
                cards += listing.cards
            else:
                gap = True
        refs = tuple(card.ref for card in cards)
        times = [card.at for card in cards if card.at]
        newest, rate = max(times, default=None), rhythm.first_rate(times, self._clock.now())
        return Look(watch, page.url, len(refs), refs, (), page, newest, rate, page.max_age, gap)

    async def _overlaps(self, cards: tuple[Card, ...]) -> bool:
        oldest = [card.ref for card in cards[-_OVERLAP:]]
        return not await self._archive.unseen(oldest)

    async def _deeper(self, listing: Listing) -> Listing | None:
        if listing.next_url is None:
            return None
        try:
            page = await self._fetcher.get(listing.next_url)
            return _listing(page)
        except (FetchFailed, SourceUnreadable) as problem:
            log.warning("%s: the list cannot be followed: %s", listing.next_url, problem)
            return None

    # --- when next ---

    def _pause(
        self, name: str, hours: tuple[float, ...], now: datetime, shown: float | None = None
    ) -> float:
        """Return the pause that fits the record; without one, what the list itself shows."""
        covered = min((self._clock.monotonic() - self._began) / 60, _RECENT_MINUTES)
        recent = sum(fresh for _, fresh in self._recent.get(name, ()))
        unknown = all(math.isnan(hour) for hour in hours)
        rate = shown if shown and unknown else rhythm.rate(hours, now, recent, covered)
        shortest = _SITEMAP_SHORTEST if name == SITEMAP else rhythm.SHORTEST
        return rhythm.pause(rate, shortest=shortest)

    def _note_recent(self, name: str, fresh: int) -> None:
        looks = self._recent.setdefault(name, deque())
        now = self._clock.monotonic()
        looks.append((now, fresh))
        while looks and now - looks[0][0] > _RECENT_MINUTES * 60:
            looks.popleft()

    def _scheduled(self, watch: Watch, now: datetime, pause: float) -> Watch:
        pause = rhythm.jittered(pause, self._roll())
        return replace(watch, next_check_at=now + timedelta(seconds=pause), pause=pause)


def watched(sections: tuple[str, ...], stored: Iterable[Watch]) -> tuple[str, ...]:
    """Return the names to be watched: the sections asked for or the live lists, and the sitemap.

    Beside a list of several sections that was never there stand the lists of its sections.
    """
    absent = {watch.name for watch in stored if _is_absent(watch)}
    names = [
        name
        for section in sections or LIVE_LISTS
        for name in (section, *(below(section) if section in absent else ()))
    ]
    return (*dict.fromkeys(names), SITEMAP)


def _is_absent(watch: Watch) -> bool:
    """Say whether a list was looked for twice and never there."""
    return watch.failures > 1 and not watch.checked_at


def is_due(watch: Watch, now: datetime) -> bool:
    """Say whether a watch is to be looked at: its slot has come, or the clock was set back."""
    if watch.next_check_at is None:
        return True
    too_far = now + timedelta(seconds=watch.pause) + _SLACK
    return watch.next_check_at <= now or watch.next_check_at > too_far


def _expected(hours: tuple[float, ...], since: datetime | None, until: datetime | None) -> float:
    return rhythm.expected(hours, since, until) if since and until else 0.0


def _listing(page: Page) -> Listing:
    """Return the list on a page. Raises SourceUnreadable where there is none."""
    if page.status != 200:
        raise SourceUnreadable(page.url, f"answered {page.status}")
    listing = read_listing(page.body, page.url, page.charset)
    if not listing.cards:
        raise SourceUnreadable(page.url, "names no stories")
    return listing
