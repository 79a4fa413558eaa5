"""All hooks at work: beside the daemon for as long as it runs, or once by hand."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

import aiohttp
import structlog

from harvester.clock import Clock
from harvester.errors import Busy, DiskError, HarvesterError
from harvester.handoff.hooks.command import run_command
from harvester.handoff.hooks.courier import Attempt, Courier, Send
from harvester.handoff.hooks.ledger import open_ledger
from harvester.handoff.hooks.lock import off_loop
from harvester.handoff.hooks.message import Message, Outcome
from harvester.handoff.hooks.status import HookStatus
from harvester.handoff.hooks.webhook import call, open_session
from harvester.settings import Hook

log = structlog.stdlib.get_logger(__name__)

# Between two looks whether there are changes, or somebody has moved a hook.
LOOK = 60.0
# What is in flight may take so long at the end; it is repeated later.
_GRACE = 5.0
# By hand: how often a message is tried, and how long a pause, or another process, is waited for.
_TRIES = 3
_PATIENCE = 10.0
_PATIENCE_WITH_OTHERS = 60.0
_ASK_AGAIN = 0.2
# Of what a receiver said so much is logged, in characters; the delivery log has more.
_LOGGED = 300

Roll = Callable[[], float]
T = TypeVar("T")


class Couriers:
    """Delivers to all hooks while the block runs (`async with`), each in a task of its own.

    Nothing that goes wrong is raised: it is logged, shown in `statuses`, and tried again. The end
    of the block cuts what is in flight; it is repeated the next time.
    """

    def __init__(
        self,
        hooks: Iterable[Hook],
        seeds: Path,
        state: Path,
        clock: Clock,
        roll: Roll = random.random,
    ) -> None:
        self._hooks = tuple(hooks)
        self._seeds = seeds
        self._state = state
        self._clock = clock
        self._roll = roll
        self._news = {hook.name: asyncio.Event() for hook in self._hooks}
        self._statuses = {hook.name: HookStatus(hook.name, hook.target) for hook in self._hooks}
        self._opened = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def statuses(self) -> Mapping[str, HookStatus]:
        """Return how each hook stood when it was last looked at."""
        return self._statuses

    def nudge(self) -> None:
        """Tell that there may be new changes. Without it they are found within a minute."""
        for news in self._news.values():
            news.set()

    async def __aenter__(self) -> Self:
        if self._hooks:
            session = await self._opened.enter_async_context(open_session())
            send = _sender(session, self._seeds, self._state, self._clock)
            self._tasks = [
                asyncio.create_task(self._keep_up(hook, send), name=f"hook {hook.name}")
                for hook in self._hooks
            ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_GRACE)
        await self._opened.aclose()

    async def _keep_up(self, hook: Hook, send: Send) -> None:
        courier = Courier(hook, self._seeds, self._state, send, self._clock, self._roll)
        news = self._news[hook.name]
        while True:
            news.clear()
            wait = await self._attempt(courier)
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), wait)

    async def _attempt(self, courier: Courier) -> float:
        """Try once; return the seconds until the next look."""
        before = self._statuses[courier.hook.name]
        try:
            attempt = await courier.attempt()
            _tell(before, attempt)
        except Busy:
            return LOOK  # another process is at it
        except Exception as problem:  # noqa: BLE001 - a hook must never harm the harvest
            self._failed(before, problem)
            return LOOK
        self._statuses[before.name] = attempt.status
        return LOOK if attempt.wait is None else min(attempt.wait, LOOK)

    def _failed(self, before: HookStatus, error: Exception) -> None:
        """Log what keeps a hook from being looked at, once; a bug with its traceback."""
        expected = isinstance(error, HarvesterError)
        problem = str(error) if expected else repr(error)
        if problem != before.problem:
            log.error("hook", hook=before.name, problem=problem, exc_info=not expected)
        self._statuses[before.name] = replace(before, problem=problem)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of delivering by hand: how much, up to which change, and why it was given up.

    `position` is None where nothing could even be looked at, `behind` how many changes still wait;
    `new` a hook seen for the first time, which began after what there was.
    """

    name: str
    messages: int = 0
    changes: int = 0
    position: int | None = None
    behind: int = 0
    problem: str = ""
    new: bool = False

    def plus(self, attempt: Attempt) -> Delivered:
        """Return it with what came of one more look."""
        problem = attempt.outcome.problem if attempt.outcome else ""
        came = bool(attempt.outcome and not problem)
        return replace(
            self,
            messages=self.messages + came,
            changes=self.changes + attempt.changes * came,
            position=attempt.status.position,
            behind=attempt.status.behind,
            problem=problem,
        )


async def deliver(
    hooks: Iterable[Hook], seeds: Path, state: Path, clock: Clock, roll: Roll = random.random
) -> list[Delivered]:
    """Deliver all that waits to these hooks, side by side; a hook never seen before begins now.

    Each message is tried three times, at once and after short pauses, then its hook is given up.
    Raises DiskError, once all others have ended: no hook can go on that cannot be remembered.
    """
    async with open_session() as session:
        send = _sender(session, seeds, state, clock)
        couriers = [Courier(hook, seeds, state, send, clock, roll) for hook in hooks]
        work = (_deliver(courier, state, clock) for courier in couriers)
        ended = await asyncio.gather(*work, return_exceptions=True)
    return [_came_of(one) for one in ended]


def _came_of(ended: Delivered | BaseException) -> Delivered:
    if isinstance(ended, BaseException):
        raise ended
    return ended


async def _deliver(courier: Courier, state: Path, clock: Clock) -> Delivered:
    hook = courier.hook
    done = Delivered(hook.name)
    failures = 0
    try:
        look = partial(off_loop, partial(_is_new, hook, state))
        done = replace(done, new=await _patiently(look, clock))
        while True:
            attempt = await _patiently(partial(courier.attempt, hasty=True), clock)
            done = done.plus(attempt)
            failures = failures + 1 if done.problem else 0
            wait = attempt.wait or 0.0
            if attempt.outcome is None or failures == _TRIES or wait > _PATIENCE:
                return done
            await clock.sleep(wait)
    except DiskError:
        raise
    except HarvesterError as problem:
        return replace(done, problem=str(problem))


def _is_new(hook: Hook, state: Path) -> bool:
    with open_ledger(state, make=False) as ledger:
        return not ledger.knows(hook.name)


async def _patiently(work: Callable[[], Awaitable[T]], clock: Clock) -> T:
    """Do it; wait a while where another process is at it. Raises Busy."""
    until = clock.monotonic() + _PATIENCE_WITH_OTHERS
    while True:
        try:
            return await work()
        except Busy:
            if clock.monotonic() >= until:
                raise
            await clock.sleep(_ASK_AGAIN)


def _sender(session: aiohttp.ClientSession, seeds: Path, state: Path, clock: Clock) -> Send:
    async def send(hook: Hook, message: Message) -> Outcome:
        if hook.command:
            return await run_command(hook, message, seeds, state)
        return await call(session, hook, message, clock)

    return send


def _tell(before: HookStatus, attempt: Attempt) -> None:
    """Log what is news of a hook."""
    now, outcome = attempt.status, attempt.outcome
    bound = log.bind(hook=now.name)
    if outcome and outcome.problem:
        said = {"said": outcome.output[-_LOGGED:]} if outcome.output else {}
        bound.warning("hook", problem=outcome.problem, **said, next_try=str(now.next_try))
    elif outcome and before.problem:
        bound.info("hook", delivers="again", position=now.position, behind=now.behind)
    elif outcome:
        bound.debug("hook", delivered=attempt.changes, position=now.position)
    elif before.position is None:
        bound.info("hook", position=now.position, behind=now.behind)
