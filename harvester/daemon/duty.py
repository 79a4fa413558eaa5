"""The daemon at work on one opened archive.

    tick: beat, disk, lists due, stories due, daily work  ─▶  workload (live, again)  ─▶  workers

A tick only asks the rows what is due and offers it; whatever is cut stands in its row as before.
Orders of commands go their own way, in the last lane to the site.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date, timedelta

import structlog

from harvester import drift, judge
from harvester.clock import Clock
from harvester.daemon.alarm import run_alarm_command
from harvester.daemon.board import Board
from harvester.daemon.lines import Line, Outage, PatientLine
from harvester.daemon.nightly import Nightly
from harvester.daemon.offers import Offers
from harvester.daemon.orders import OrderDesk
from harvester.daemon.outlets import Outlets
from harvester.daemon.rounds import SITEMAP, Rounds, Told
from harvester.daemon.ticker import ticking
from harvester.daemon.watchman import Guard, Watchman
from harvester.daemon.workload import Task, Workload
from harvester.errors import HarvesterError, HostResting
from harvester.fetch.client import Fetcher
from harvester.model import Lane, Scope, StoryRef, Verdict, Visit, Watch
from harvester.runs import Job, Outcome, perform
from harvester.settings import Settings
from harvester.store import Archive, free_bytes
from harvester.visitor import Ending, Visitor
from harvester.workshop import Watcher, Workshop
from harvester.zaobao.urls import SG_HOST, singapore_day

log = structlog.stdlib.get_logger(__name__)

TICK = 10.0
BEAT = 60.0
# Looked back so far at the first start.
_FIRST_DAYS = timedelta(days=2)
# Older stories that nobody asked for are left to a backfill, or the daemon would never rest.
_HORIZON = timedelta(days=60)
# What is in flight may take so long at the end, first of the orders, then of the daemon's own.
_GRACE_OF_ORDERS, _GRACE = 8.0, 6.0
# From so many failures in a row a host is asked by one request alone until it answers.
_TROUBLE = 3
_FIRST = -math.inf

_GAUGES, _HEARTBEAT, _SINCE = "gauges", "heartbeat", "since"


class Duty:
    """What one opening of the archive does until `run` is told to end."""

    def __init__(
        self,
        settings: Settings,
        archive: Archive,
        fetcher: Fetcher,
        clock: Clock,
        board: Board,
        outlets: Outlets,
    ) -> None:
        self._outlets = outlets
        self._last_change = 0
        self._settings = settings
        self._archive = archive
        self._fetcher = fetcher
        self._clock = clock
        self._board = board
        self._outage = Outage(clock)
        self._load = Workload(clock)
        self._commands: set[asyncio.Task[None]] = set()
        self._ending = False
        self._beat_at = -BEAT
        self._asked: Counter[Lane] = Counter()

    async def run(self, ending: asyncio.Event) -> None:
        """Work until `ending` is set. Raises the errors of the archive, and bugs."""
        await self._prepare()
        async with (
            ticking(TICK, self.tick, self._clock) as ticked,
            self._load.workers(self._settings.concurrency + 1, _GRACE) as worked,
            OrderDesk(self._settings, self._perform, grace=_GRACE_OF_ORDERS),
        ):
            told = asyncio.ensure_future(ending.wait())
            await asyncio.wait((told, ticked, worked), return_when=asyncio.FIRST_COMPLETED)
            self._ending = True
            self._load.close()
            told.cancel()
            for failing in (ticked, worked):
                if failing.done():
                    failing.result()
        await self._write_gauges()
        for command in self._commands:
            command.cancel()
        await asyncio.gather(*self._commands, return_exceptions=True)

    async def _prepare(self) -> None:
        settings, archive, clock = self._settings, self._archive, self._clock
        live = Line(self._fetcher.in_lane(Lane.LIVE), self._outage)
        again = Line(self._fetcher.in_lane(Lane.AGAIN), self._outage)
        self._gauges = await archive.read_note(_GAUGES) or ""
        self._watchman = Watchman(drift.Record.load(self._gauges), clock)
        roll = random.Random().random  # noqa: S311 - spreads requests, keeps no secret
        self._rounds = Rounds(archive, live, clock, settings.sections, roll, self._heard)
        await self._rounds.load()
        self._watchman.record.watch_only({watch.name for watch in self._rounds.watches})
        self._visitors = {
            lane: Visitor(archive, line, clock, self._watchman, settings.body)
            for lane, line in ((Lane.LIVE, live), (Lane.AGAIN, again))
        }
        scope = Scope(await self._first_day(), sections=settings.sections)
        self._offers = Offers(archive, self._load, clock, scope, self._is_resting, self._visiting)
        self._nightly = Nightly(
            settings, archive, live, clock, lambda: self._ending, self._sitemap_was_read
        )
        await self._nightly.load()

    async def _first_day(self) -> date:
        """Return the day from which on unvisited stories are the daemon's to fetch."""
        today = singapore_day(self._clock.now())
        noted = await self._archive.read_note(_SINCE)
        if noted is None:
            noted = (today - _FIRST_DAYS).isoformat()
            await self._archive.write_note(_SINCE, noted)
        # A day noted by a clock that was ahead must not blind us.
        return max(min(date.fromisoformat(noted), today - _FIRST_DAYS), today - _HORIZON)

    # --- the tick ---

    async def tick(self) -> None:
        """Ask the rows what is due and offer it to the workers."""
        self._board.pulse.ticked(self._clock.monotonic())
        if self._ending:
            return
        await self._beat()
        self._tell_alarms()
        if not self._board.paused and not self._outage.left():
            await self._offer()
        await self._hand_on()
        self._show()

    async def _beat(self) -> None:
        """Write to the database now and then: what cannot write is not alive."""
        now = self._clock.monotonic()
        if now - self._beat_at < BEAT:
            return
        self._beat_at = now
        self._look_at_disk()
        await self._archive.write_note(_HEARTBEAT, self._clock.now().isoformat())
        await self._archive.publish_manifest()
        await self._write_gauges()
        self._board.pulse.wrote(self._clock.monotonic())

    async def _hand_on(self) -> None:
        """Let others hear of what has changed."""
        last = await self._archive.last_change()
        if last != self._last_change:
            self._last_change = last
            self._outlets.nudge()

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
        told = f"{free:,} bytes are free on disk, {least:,} are asked for (min_free)"
        self._board.paused = told if free < least else ""

    async def _offer(self) -> None:
        resting = self._is_resting(SG_HOST)
        self._nightly.offer(self._load, self._clock.now(), resting=resting)
        if not resting:
            for watch in self._rounds.due():
                name = f"watch {watch.name}"
                self._load.offer(Task(Lane.LIVE, _FIRST, name, self._polling(watch)))
            await self._offers.offer()

    def _is_resting(self, host: str) -> bool:
        """Say whether a host is left alone; one in trouble is asked by one task alone."""
        if self._fetcher.rest_left(host):
            return True
        state = self._fetcher.hosts().get(host)
        return state is not None and state.failures >= _TROUBLE and len(self._load) > 0

    # --- the work itself ---

    def _polling(self, watch: Watch) -> Callable[[], Awaitable[None]]:
        async def poll() -> None:
            if self._board.paused:
                return
            try:
                await self._rounds.poll(watch)
            except HostResting as rest:
                log.info("resting", watch=watch.name, why=rest.problem)
            else:
                await self._offers.offer()

        return poll

    def _heard(self, told: Told) -> None:
        """Take in a poll that was made."""
        poll = told.poll
        outcome = "problem" if poll.problem else "unchanged" if told.cards is None else "read"
        self._board.metrics.polled(poll.watch, outcome, told.fresh)
        log.info("poll", watch=poll.watch, outcome=outcome, cards=poll.cards, fresh=told.fresh)
        if poll.problem:
            log.warning("poll", watch=poll.watch, problem=poll.problem)
        self._watchman.polled(told)
        if told.fresh:
            self._offers.something_came()
        if told.gap:
            log.warning("gap", watch=poll.watch, then="the sitemap is asked")
            self._rounds.hurry(SITEMAP)
        if poll.watch == SITEMAP:
            self._offers.hints_came()

    def _sitemap_was_read(self) -> None:
        self._offers.something_came()
        self._offers.hints_came()

    def _visiting(
        self, ref: StoryRef, visit: Visit | None, lane: Lane
    ) -> Callable[[], Awaitable[None]]:
        visitor = self._visitors[lane]

        async def look() -> None:
            if self._board.paused or await self._archive.visit(ref.story_id) != visit:
                return  # an order has looked meanwhile; what is due still is offered again
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
        patient = PatientLine(line, self._clock, stopping.is_set, lambda: bool(self._board.paused))
        guard = Guard(self._watchman)
        workshop = Workshop(self._settings, self._archive, patient, self._clock, guard)
        return await perform(job, workshop, watcher, stopping)

    # --- who is told ---

    def _tell_alarms(self) -> None:
        """Log alarms that began or ended and run the operator's command; then read again."""
        while self._watchman.changed:
            alarm = self._watchman.changed.popleft()
            tell = log.error if alarm.on else log.info
            event = "drift" if alarm.on else "drift_over"
            sign, examples = alarm.sign.value, alarm.examples
            tell(event, section=alarm.section, sign=sign, text=alarm.text, examples=examples)
            if self._settings.alarm_command:
                command = run_alarm_command(self._settings.alarm_command, alarm)
                task = asyncio.create_task(command, name="alarm-command")
                self._commands.add(task)
                task.add_done_callback(self._commands.discard)
            if not alarm.on:
                self._load.offer(Task(Lane.LIVE, _FIRST, "release", self._release))

    async def _release(self) -> None:
        """Let what was held back be read again at once, everywhere: a mended reader reads all."""
        now = self._clock.now()
        for reason in (judge.DOUBTFUL, judge.UNREADABLE, judge.DRIFTING, *judge.PASSING):
            await self._archive.release(reason, now)
        self._offers.something_came()

    def _show(self) -> None:
        """Tell the board how it stands."""
        board, now = self._board, self._clock.now()
        board.began = True
        board.offline = self._outage.is_on
        board.alarms = self._watchman.record.alarms()
        board.resting = {
            host: now + timedelta(seconds=left)
            for host in self._fetcher.hosts()
            if (left := self._fetcher.rest_left(host))
        }
        board.watches = self._rounds.watches
        board.waiting = self._load.sizes
        board.reconciled = self._nightly.reconciled
        board.hooks = tuple(self._outlets.hooks)
        news = self._fetcher.asked - self._asked
        self._asked += news
        board.asked += news
        for lane, requests in news.items():
            board.metrics.asked(lane, requests)
        board.publish()
