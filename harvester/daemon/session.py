"""The daemon at work on one opened archive.

    tick: beat, disk, lists due, stories due, daily work  ─▶  workload (live, again)  ─▶  workers

A tick only asks the rows what is due and offers it; whatever is cut stands in its row as before.
Orders of commands go their own way, in the last lane to the site.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog

from harvester import drift, judge
from harvester.clock import Clock
from harvester.daemon.alarm import run_alarm_command
from harvester.daemon.board import Board
from harvester.daemon.daily import RECONCILE_AT, SNAPSHOT_AT, is_wanting, latest_day
from harvester.daemon.lines import Line, Outage, PatientLine
from harvester.daemon.orders import OrderDesk
from harvester.daemon.rounds import SITEMAP, Rounds, Told
from harvester.daemon.ticker import ticking
from harvester.daemon.watchman import Watchman
from harvester.daemon.workload import Task, Workload
from harvester.discover import Discoverer
from harvester.errors import HarvesterError, HostResting, SiteUnreachable
from harvester.fetch.client import Fetcher
from harvester.model import Lane, Scope, StoryRef, Verdict, Visit, VisitState, Watch
from harvester.runs import Job, Outcome, Watcher, Workshop, perform
from harvester.settings import Settings
from harvester.store import Archive
from harvester.store.space import free_bytes
from harvester.visitor import Ending, Visitor
from harvester.zaobao.urls import SG_HOST, singapore_day

log = structlog.stdlib.get_logger(__name__)

TICK = 10.0
BEAT = 60.0
# The rows are asked for stories so often, and whenever something has come.
_ASK = 30.0
# Looked back so far at the first start.
_FIRST_DAYS = timedelta(days=2)
# Older stories that nobody asked for are left to a backfill, or the daemon would never rest.
_HORIZON = timedelta(days=60)
# So many stories are taken from the rows at a time: the newest must be able to overtake.
_REFILL = 100
# After a reconciliation that failed.
_RETRY = 600.0
_GRACE = 8.0
# From so many failures in a row a host is asked by one request alone until it answers.
_TROUBLE = 3

_GAUGES, _HEARTBEAT, _SINCE = "gauges", "heartbeat", "since"
_RECONCILED, _SNAPSHOT = "reconciled", "snapshot"


class Session:
    """What one opening of the archive does until `run` is told to end."""

    def __init__(
        self, settings: Settings, archive: Archive, fetcher: Fetcher, clock: Clock, board: Board
    ) -> None:
        self._settings = settings
        self._archive = archive
        self._fetcher = fetcher
        self._clock = clock
        self._board = board
        self._outage = Outage(clock)
        self._load = Workload(clock)
        self._aside: set[asyncio.Task[None]] = set()
        self._ending = False
        self._beat_at = -BEAT
        self._ask_at = 0.0
        self._asked: Counter[Lane] = Counter()
        self._not_before: dict[str, float] = {}
        self._hints_wanted = True

    async def run(self, ending: asyncio.Event) -> None:
        """Work until `ending` is set. Raises the errors of the archive, and bugs."""
        await self._prepare()
        async with (
            ticking(TICK, self.tick, self._clock) as ticked,
            self._load.workers(self._settings.concurrency + 1, _GRACE) as worked,
            OrderDesk(self._settings, self._perform),
        ):
            told = asyncio.ensure_future(ending.wait())
            await asyncio.wait((told, ticked, worked), return_when=asyncio.FIRST_COMPLETED)
            self._ending = True
            told.cancel()
            for failing in (ticked, worked):
                if failing.done():
                    failing.result()
        await self._write_gauges()
        await asyncio.gather(*self._aside)

    async def _prepare(self) -> None:
        self._gauges = await self._archive.read_note(_GAUGES) or ""
        record = drift.Record.load(self._gauges)
        live = Line(self._fetcher.in_lane(Lane.LIVE), self._outage)
        again = Line(self._fetcher.in_lane(Lane.AGAIN), self._outage)
        mode = self._settings.body
        self._live = live
        self._watchman = Watchman(record, self._clock)
        roll = random.Random().random  # noqa: S311 - spreads requests, keeps no secret
        sections = self._settings.sections
        self._rounds = Rounds(self._archive, live, self._clock, sections, roll, self._heard)
        await self._rounds.load()
        self._visitors = {
            lane: Visitor(self._archive, line, self._clock, self._watchman, mode)
            for lane, line in ((Lane.LIVE, live), (Lane.AGAIN, again))
        }
        self._scope = Scope(await self._first_day(), sections=sections)
        self._board.reconciled = await self._archive.read_note(_RECONCILED) or ""
        self._copied = await self._archive.read_note(_SNAPSHOT) or ""

    async def _first_day(self) -> date:
        """Return the day from which on unvisited stories are the daemon's to fetch."""
        today = singapore_day(self._clock.now())
        noted = await self._archive.read_note(_SINCE)
        if noted is None:
            noted = (today - _FIRST_DAYS).isoformat()
            await self._archive.write_note(_SINCE, noted)
        return max(date.fromisoformat(noted), today - _HORIZON)

    # --- the tick ---

    async def tick(self) -> None:
        """Ask the rows what is due and offer it to the workers."""
        self._board.pulse.ticked(self._clock.monotonic())
        if self._ending:
            return
        await self._beat()
        self._tell_alarms()
        if not self._board.paused and not self._outage.left():
            self._offer_watches()
            await self._offer_stories()
            self._offer_daily()
        self._show()

    async def _beat(self) -> None:
        """Write to the database now and then: what cannot write is not alive."""
        now = self._clock.monotonic()
        if now - self._beat_at < BEAT:
            return
        self._beat_at = now
        self._look_at_disk()
        await self._archive.write_note(_HEARTBEAT, self._clock.now().isoformat())
        await self._write_gauges()
        self._board.pulse.wrote(self._clock.monotonic())

    async def _write_gauges(self) -> None:
        gauges = self._watchman.record.dump()
        if gauges != self._gauges:
            await self._archive.write_note(_GAUGES, gauges)
            self._gauges = gauges

    def _look_at_disk(self) -> None:
        free, least = (
            free_bytes(self._settings.seeds, self._settings.state),
            self._settings.min_free,
        )
        self._board.metrics.free(free)
        full = free < least
        self._board.paused = (
            f"{free:,} bytes are free on disk, {least:,} are asked for" if full else ""
        )

    def _offer_watches(self) -> None:
        if self._is_resting(SG_HOST):
            return
        for watch in self._rounds.due():
            self._load.offer(Task(Lane.LIVE, -1.0, f"watch {watch.name}", self._polling(watch)))

    async def _offer_stories(self) -> None:
        """Offer what is due."""
        if len(self._load) >= _REFILL or self._is_resting(SG_HOST):
            return
        now = self._clock.now()
        if self._hints_wanted:
            self._hints_wanted = False
            await self._offer_hinted(now)
        if self._clock.monotonic() >= self._ask_at:
            due = await self._archive.due(now, self._scope, 2 * _REFILL)
            self._ask_at = self._clock.monotonic() + (_ASK if len(due) < 2 * _REFILL else 0.0)
            for ref, visit in due:
                self._offer_story(ref, visit)

    async def _offer_hinted(self, now: datetime) -> None:
        """Offer held stories of which the sitemap says that they have changed."""
        since = singapore_day(now).replace(day=1) - _FIRST_DAYS
        async for page in self._archive.work(Scope(since, sections=self._scope.sections)):
            for ref, visit in page:
                if visit and visit.state is VisitState.HELD and judge.is_heard_of(ref, visit, now):
                    self._offer_story(ref, visit)

    def _offer_story(self, ref: StoryRef, visit: Visit | None) -> None:
        if self._is_resting(urlsplit(ref.url).hostname or ""):
            return
        lane = Lane.AGAIN if visit and visit.state is VisitState.HELD else Lane.LIVE
        rank = -float(ref.day.toordinal())
        self._load.offer(
            Task(lane, rank, f"story {ref.story_id}", self._visiting(ref, visit, lane))
        )

    def _is_resting(self, host: str) -> bool:
        """Say whether a host is left alone; one in trouble is asked by one task alone."""
        state = self._fetcher.hosts().get(host)
        if state is None:
            return False
        if state.rest_until and state.rest_until > self._clock.now():
            return True
        return state.failures >= _TROUBLE and len(self._load) > 0

    # --- daily work ---

    def _offer_daily(self) -> None:
        now = self._clock.now()
        day = latest_day(now, RECONCILE_AT)
        if is_wanting(self._board.reconciled, day) and not self._is_resting(SG_HOST):
            self._offer_job(_RECONCILED, self._reconcile(day))
        if self._settings.snapshots:
            day = latest_day(now, SNAPSHOT_AT)
            if is_wanting(self._copied, day):
                self._offer_job(_SNAPSHOT, self._snapshot(day))

    def _offer_job(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        if self._clock.monotonic() >= self._not_before.get(name, 0.0):
            self._load.offer(Task(Lane.LIVE, 0.0, name, work))

    def _reconcile(self, day: date) -> Callable[[], Awaitable[None]]:
        """Read the sitemap down to the last day reconciled; what was missed is due then."""

        async def reconcile() -> None:
            noted = self._board.reconciled
            last = date.fromisoformat(noted) if noted else day
            scope = Scope(min(last, day) - _FIRST_DAYS, sections=self._scope.sections)
            discoverer = Discoverer(self._archive, self._live)
            try:
                async for _ in discoverer.sitemap(scope):
                    if self._ending:
                        return
            except (SiteUnreachable, HostResting) as problem:
                log.warning("reconcile", problem=str(problem))
            else:
                if not discoverer.found.problems:
                    await self._archive.write_note(_RECONCILED, day.isoformat())
                    self._board.reconciled = day.isoformat()
                    self._hints_wanted = True
                    self._ask_at = 0.0
                    log.info("reconciled", day=day.isoformat(), missed=discoverer.found.fresh)
                    return
                log.warning("reconcile", problem="; ".join(discoverer.found.problems))
            self._not_before[_RECONCILED] = self._clock.monotonic() + _RETRY

        return reconcile

    def _snapshot(self, day: date) -> Callable[[], Awaitable[None]]:
        async def snapshot() -> None:
            folder = self._settings.state / "snapshots"
            path = await self._archive.snapshot(folder, self._settings.snapshots)
            await self._archive.write_note(_SNAPSHOT, day.isoformat())
            self._copied = day.isoformat()
            log.info("snapshot", path=str(path))

        return snapshot

    # --- the work itself ---

    def _polling(self, watch: Watch) -> Callable[[], Awaitable[None]]:
        async def poll() -> None:
            try:
                await self._rounds.poll(watch)
            except HostResting as rest:
                log.info("resting", watch=watch.name, why=rest.problem)
            else:
                await self._offer_stories()

        return poll

    def _heard(self, told: Told) -> None:
        """Take in a poll that was made."""
        poll = told.poll
        outcome = "problem" if poll.problem else "unchanged" if told.cards is None else "read"
        self._board.metrics.polled(poll.watch, outcome, told.fresh)
        log.info("poll", watch=poll.watch, outcome=outcome, cards=poll.cards, fresh=told.fresh)
        if told.fresh:
            self._ask_at = 0.0
        if poll.problem:
            log.warning("poll", watch=poll.watch, problem=poll.problem)
        self._watchman.polled(told)
        if told.gap:
            log.warning("gap", watch=poll.watch, then="the sitemap is asked")
            self._rounds.hurry(SITEMAP)
        self._hints_wanted |= poll.watch == SITEMAP

    def _visiting(
        self, ref: StoryRef, visit: Visit | None, lane: Lane
    ) -> Callable[[], Awaitable[None]]:
        visitor = self._visitors[lane]

        async def look() -> None:
            if await self._archive.visit(ref.story_id) != visit:
                return  # an order has looked meanwhile; if it is due still, it is offered again
            try:
                refused = await visitor.refused(ref, visit)
                ending = Ending(refused) if refused else await visitor.visit(ref, visit)
            except HostResting:
                return  # it stands in its row as before
            except HarvesterError:
                raise
            except Exception as error:
                log.exception("defect", url=ref.url)
                why = f"defect: {error!r}"
                ending = Ending(await visitor.miss(ref, visit, Verdict.FAILED, why))
            self._ended(ref, ending, lane)

        return look

    def _ended(self, ref: StoryRef, ending: Ending, lane: Lane) -> None:
        verdict, reason = ending.decision.verdict, ending.decision.reason
        self._board.ended[verdict] += 1
        self._board.metrics.ended(verdict, lane)
        if verdict is Verdict.NEW and ending.published:
            delay = (self._clock.now() - ending.published).total_seconds()
            self._board.metrics.delay(delay)
        tell = log.debug if verdict is Verdict.UNCHANGED else log.info
        tell(verdict.value, url=ref.url, **({"why": reason} if reason else {}))

    async def _perform(self, job: Job, watcher: Watcher, stopping: asyncio.Event) -> Outcome:
        """Do what a command asked for, in the share of the budget that is left."""
        line = Line(self._fetcher.in_lane(Lane.BACKFILL), self._outage)
        patient = PatientLine(line, self._clock, stopping.is_set)
        workshop = Workshop(self._settings, self._archive, patient, self._clock)
        return await perform(job, workshop, watcher, stopping)

    # --- who is told ---

    def _tell_alarms(self) -> None:
        """Log alarms that began or ended and run the operator's command; then read again."""
        while self._watchman.changed:
            alarm = self._watchman.changed.popleft()
            tell = log.error if alarm.on else log.info
            event = "drift" if alarm.on else "drift_over"
            tell(
                event,
                section=alarm.section,
                sign=alarm.sign.value,
                text=alarm.text,
                examples=alarm.examples,
            )
            if self._settings.alarm_command:
                self._beside(run_alarm_command(self._settings.alarm_command, alarm))
            if not alarm.on:
                self._beside(self._release())

    async def _release(self) -> None:
        """Let what was held back be read again at once, everywhere: a mended reader reads all."""
        now = self._clock.now()
        for reason in (judge.DOUBTFUL, judge.UNREADABLE, *judge.PASSING):
            await self._archive.release(reason, now)
        self._ask_at = 0.0

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    def _show(self) -> None:
        """Tell the board how it stands."""
        board, now = self._board, self._clock.now()
        board.began = True
        board.offline = self._outage.is_on
        board.alarms = self._watchman.record.alarms()
        board.resting = {
            host: state.rest_until
            for host, state in self._fetcher.hosts().items()
            if state.rest_until and state.rest_until > now
        }
        board.watches = self._rounds.watches
        board.waiting = self._load.sizes
        news = self._fetcher.asked - self._asked
        self._asked += news
        board.asked += news
        for lane, requests in news.items():
            board.metrics.asked(lane, requests)
        board.publish()
