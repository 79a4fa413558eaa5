"""The daemon from start to end; `run` reads from top to bottom.

open archive ─▶ duty ──┬─ told to end ─▶ finish or give back what is in flight
     ▲                 ├─ told to read its settings again ─▶ open with the new ones
     └── room on disk ─┴─ disk full or failing ─▶ wait
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

import structlog

from harvester.clock import Clock
from harvester.daemon.board import Board
from harvester.daemon.duty import BEAT, Duty
from harvester.daemon.notify import Notifier, watchdog_interval
from harvester.daemon.outlets import Outlets
from harvester.discover import Discovery
from harvester.errors import Busy, DiskError, HarvesterError, Locked
from harvester.model import Decision, Stored
from harvester.serve.http import HttpServer
from harvester.settings import Settings
from harvester.store import CATALOGUE, free_bytes
from harvester.workshop import open_fetcher, open_writer

log = structlog.stdlib.get_logger(__name__)

# Between two looks whether there is room on the disk again.
_DISK_PAUSE = 60.0
# How long a write waits for a process that keeps the catalogue locked, in seconds: an end must not
# wait for several of these longer than it may.
_LOCK_PATIENCE = 4.0
# How often systemd and the metrics hear of the state, at least.
_PUBLISH = 10.0


class Signals:
    """What the daemon is told from outside: to end, or to read its settings again."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self._reload = False
        self._duty_over = asyncio.Event()

    def stop(self) -> None:
        """Tell it to end."""
        self.stopping.set()
        self._duty_over.set()

    def hang_up(self) -> None:
        """Tell it to read its settings again."""
        self._reload = True
        self._duty_over.set()

    def duty_over(self) -> asyncio.Event:
        """Return the event that ends a duty that begins now."""
        if not self.are_waiting:
            self._duty_over.clear()
        return self._duty_over

    @property
    def are_waiting(self) -> bool:
        """Whether it was told something that it has not heeded yet."""
        return self._reload or self.stopping.is_set()

    def take_reload(self) -> bool:
        """Say whether the settings are to be read again; once for each time it was told."""
        told, self._reload = self._reload, False
        return told and not self.stopping.is_set()


async def run(
    settings: Settings,
    clock: Clock,
    signals: Signals,
    environ: Mapping[str, str],
    load: Callable[[], Settings] | None = None,
) -> None:
    """Work until told to end. `load` reads the settings anew; without it they stay.

    Raises Busy where another writer is at work, UsageError where the HTTP address is taken,
    DatabaseUnusable, and DiskError where it cannot begin; a disk that fills or fails later is
    waited for, and a process that keeps the catalogue locked. A bug ends it: what is restarted with
    all its rows is better than what goes on in a state nobody knows.
    """
    if not settings.contact:
        log.warning("contact", problem="not set: name an address or URL for the site's operators")
    board = Board(clock, BEAT, settings.state)
    notifier = Notifier(environ)
    former: Settings | None = None
    opened: Path | None = None
    async with _watched(board, notifier, environ, clock, signals), _shown(settings, board):
        while not signals.stopping.is_set():
            try:
                _require_again(settings.state, opened)
                async with _opened(settings, clock, board, signals) as duty:
                    opened, former = settings.state, None
                    notifier.ready()
                    await duty.run(signals.duty_over())
            except HarvesterError as problem:
                if former is not None:
                    log.error("settings", problem=str(problem), then="the former ones hold")
                    settings, former = former, None
                    notifier.ready()
                elif isinstance(problem, DiskError | Busy if opened else Locked):
                    # Another process that keeps the catalogue locked passes, as a full disk does.
                    log.error("disk", problem=str(problem))
                    await _wait_for_room(settings, clock, board, str(problem), signals)
                else:
                    raise
            if signals.take_reload():
                notifier.reloading(clock.monotonic())
                settings, former = _reloaded(settings, load), settings
    log.info("stopped")


@asynccontextmanager
async def _opened(
    settings: Settings, clock: Clock, board: Board, signals: Signals
) -> AsyncIterator[Duty]:
    watcher, stopping = _LogWatcher(), signals.stopping
    async with (
        open_writer(
            settings, watcher, clock, stopping=stopping, patience=_LOCK_PATIENCE
        ) as archive,
        open_fetcher(settings, archive, watcher, clock, breaker=True) as fetcher,
        Outlets(settings, clock) as outlets,
    ):
        log.info("open", seeds=str(settings.seeds), state=str(settings.state))
        yield Duty(settings, archive, fetcher, clock, board, outlets)


def _require_again(state: Path, opened: Path | None) -> None:
    """Raise DiskError where a catalogue that was there is not: a volume has gone.

    Another would be made on the disk below it.
    """
    if state == opened and not (state / CATALOGUE).exists():
        raise DiskError(f"{state / CATALOGUE}: has vanished; is the volume still mounted?")


def _shown(settings: Settings, board: Board) -> HttpServer | nullcontext[None]:
    if settings.http is None:
        return nullcontext()
    return HttpServer(settings.http, board, board.metrics.registry)


def _reloaded(settings: Settings, load: Callable[[], Settings] | None) -> Settings:
    """Return the settings as they are now written, or the former ones with a clear error."""
    try:
        new = load() if load else settings
    except HarvesterError as problem:
        log.error("settings", problem=str(problem), then="the former ones hold")
        return settings
    if new.http != settings.http:
        log.warning("settings", problem="http changes at the next start")
    log.info("settings", changed=new != settings)
    return new


async def _wait_for_room(
    settings: Settings, clock: Clock, board: Board, problem: str, signals: Signals
) -> None:
    """Wait until the disk has room again, at least a while: a failing disk may recover."""
    board.paused = problem
    while not signals.are_waiting:
        for _ in range(int(_DISK_PAUSE)):
            if signals.are_waiting:
                break
            board.pulse.ticked(clock.monotonic())
            board.pulse.wrote(clock.monotonic())
            await clock.sleep(1.0)
        if free_bytes(settings.seeds, settings.state) >= settings.min_free:
            break
    board.paused = ""


@asynccontextmanager
async def _watched(
    board: Board, notifier: Notifier, environ: Mapping[str, str], clock: Clock, signals: Signals
) -> AsyncIterator[None]:
    """Tell systemd and the metrics how the daemon is while the block runs."""
    wanted = watchdog_interval(environ)
    every = min(_PUBLISH, wanted / 3) if wanted else _PUBLISH

    async def publish() -> None:
        while True:
            notifier.status(board.publish())
            if board.is_alive:
                notifier.watchdog()
            await clock.sleep(every)

    async def announce() -> None:
        await signals.stopping.wait()
        board.stopping = True
        notifier.stopping()
        notifier.status(board.publish())

    tasks = [asyncio.create_task(publish()), asyncio.create_task(announce())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _LogWatcher:
    """Hears what a run would show on a screen."""

    def adopting(self, posts: int) -> None:
        log.info("adopting", posts=posts)

    def discovering(self, found: Discovery) -> None:
        pass

    def planned(self, total: int) -> None:
        pass

    def waiting(self, host: str, seconds: float, why: str) -> None:
        log.info("waiting", host=host, seconds=round(seconds, 1), why=why)

    def ended(self, url: str, decision: Decision) -> None:
        pass

    def imported(self, path: Path, decision: Decision, stored: Stored | None) -> None:  # noqa: ARG002
        log.info("taken_up", path=str(path), verdict=decision.verdict.value)
