"""Months in minutes: an event loop on virtual time, with real sockets and real threads.

Timers (`call_later`, `asyncio.sleep`, `asyncio.timeout`, those of aiohttp and APScheduler) run on
virtual time, which stands still while there is work. Only when the process is idle does it jump to
the next timer:

    something is ready                       -> run it
    a thread or child process works for us   -> wait for it, in real time
    otherwise                                -> jump to the next timer

Work that the loop cannot see does not hold the time: threads started by hand (aiosqlite's is
known), processes that are no children, hosts other than this one. What holds the time must not
itself wait for a timer of the loop.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START = datetime(2026, 10, 1, 4, 0, tzinfo=UTC)
_ANSWERED_BY_A_THREAD = "aiosqlite.core"
# Seconds since the start are floats: after ten years their steps are 60 ns wide.
_RESOLUTION = 1e-6


class VirtualClock:
    """A `harvester.clock.Clock` whose seconds pass when its loop is idle; starts at `start`.

    It may be read from any thread.
    """

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._passed = 0.0
        self._jumped = 0.0

    def now(self) -> datetime:
        """Return the wall clock as aware UTC."""
        return self._start + timedelta(seconds=self._passed + self._jumped)

    def monotonic(self) -> float:
        """Return the seconds that passed since the start, jumps of the wall clock aside."""
        return self._passed

    async def sleep(self, seconds: float) -> None:
        """Wait on the virtual loop."""
        await asyncio.sleep(seconds)

    def jump(self, seconds: float) -> None:
        """Put the wall clock forward, or back; no timer hears of it."""
        self._jumped += seconds

    def advance(self, seconds: float) -> None:
        """Let time pass; the loop's business."""
        self._passed += seconds


class _Selector(selectors.DefaultSelector):
    """Polls for real and, where nothing can come of waiting, lets the time pass instead."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.clock = clock
        self.at_work = 0
        self.jumps = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        if timeout is None or self.at_work:
            return super().select(None)
        # Linux hands loopback data over inside `send`; where it does not, let it do so now.
        os.sched_yield()
        if events := super().select(0):
            return events
        self.jumps += 1
        self.clock.advance(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` is that of `clock`. `jumps` counts how often it was idle."""

    _clock_resolution: float

    def __init__(self, clock: VirtualClock) -> None:
        self._poll = _Selector(clock)
        super().__init__(self._poll)
        self._clock_resolution = _RESOLUTION

    @property
    def jumps(self) -> int:
        """Return how often the time jumped to a timer."""
        return self._poll.jumps

    def time(self) -> float:
        """Return virtual seconds since the start."""
        return self._poll.clock.monotonic()

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run `func` on a thread; the time stands still until it answers."""
        return self._held(super().run_in_executor(executor, func, *args))

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future; the time stands still until one of aiosqlite's is answered."""
        future = super().create_future()
        if sys._getframe(1).f_globals.get("__name__") == _ANSWERED_BY_A_THREAD:  # noqa: SLF001
            return self._held(future)
        return future

    async def subprocess_exec(  # type: ignore[override]  # passes on what it is given
        self,
        *args: Any,  # noqa: ANN401
        **options: Any,  # noqa: ANN401
    ) -> tuple[asyncio.SubprocessTransport, asyncio.SubprocessProtocol]:
        """Start a child process; the time stands still until it ends."""
        transport, protocol = await super().subprocess_exec(*args, **options)
        ended: Coroutine[Any, Any, int] = transport._wait()  # type: ignore[attr-defined]  # noqa: SLF001
        _ = self._held(self.create_task(ended))
        return transport, protocol

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Wait for the threads to end, for as long as it takes: the limit would be virtual."""
        del timeout
        await super().shutdown_default_executor()

    def _held(self, future: asyncio.Future[T]) -> asyncio.Future[T]:
        self._poll.at_work += 1
        future.add_done_callback(self._let_go)
        return future

    def _let_go(self, _: asyncio.Future[Any]) -> None:
        self._poll.at_work -= 1


def run(main: Coroutine[Any, Any, T], clock: VirtualClock) -> T:
    """Run `main` to its end on a loop of its own on the time of `clock`, as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(main)
