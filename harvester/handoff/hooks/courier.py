"""One hook: its changes in order, each message until it is delivered.

    look (read ledger and log) ─▶ message written down ─▶ sent ─▶ position moved, or next try set

The disk is read and written on threads, so that the event loop never waits for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice, takewhile
from pathlib import Path
from uuid import uuid4

from harvester.clock import Clock
from harvester.handoff.consumers import Position, holds
from harvester.handoff.hooks.ledger import Delivery, Ledger, Pending, delivery_of, open_ledger
from harvester.handoff.hooks.lock import hook_lock, off_loop
from harvester.handoff.hooks.message import Message, Outcome
from harvester.handoff.hooks.register import welcome
from harvester.handoff.hooks.status import HookStatus, next_after, status_of
from harvester.settings import Hook
from harvester.store import Change, Reader, open_archive

LONGEST_PAUSE = 3600.0
# No pause is as long, also of those asked for: a next try beyond it was set by another clock.
_LONGEST_REST = timedelta(days=2)

Send = Callable[[Hook, Message], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of a look: how the hook stands now, and the outcome if something was sent.

    `changes` is how many were sent, `wait` the seconds until there may be more to do; None: when
    changes come.
    """

    status: HookStatus
    outcome: Outcome | None = None
    changes: int = 0
    wait: float | None = 0.0


@dataclass(frozen=True, slots=True)
class _Found:
    status: HookStatus
    message: Message | None = None
    attempts: int = 0
    wait: float | None = None


class Courier:
    """Delivers to one hook. `roll` returns random numbers from 0 to 1, which spread the tries."""

    def __init__(
        self,
        hook: Hook,
        seeds: Path,
        state: Path,
        send: Send,
        clock: Clock,
        roll: Callable[[], float],
    ) -> None:
        self.hook = hook
        self._seeds = seeds
        self._state = state
        self._send = send
        self._clock = clock
        self._roll = roll

    async def attempt(self, *, hasty: bool = False) -> Attempt:
        """Deliver the next message if there is one that is due; `hasty` does not heed its pause.

        Raises Busy where another process is delivering to this hook, ConsumerLost where the change
        log is another one than before, and DiskError and DatabaseUnusable.
        """
        async with hook_lock(self._state, self.hook.name):
            found = await off_loop(partial(self._look, hasty=hasty))
            if found.message is None:
                return Attempt(found.status, wait=found.wait)
            return await self._deliver(found.message, found.attempts + 1)

    async def _deliver(self, message: Message, number: int) -> Attempt:
        at, began = self._clock.now(), self._clock.monotonic()
        outcome = await self._send(self.hook, message)
        seconds = self._clock.monotonic() - began
        delivery = delivery_of(self.hook.name, message, at, number, seconds, outcome)
        wait = pause(outcome, number, self._roll()) if outcome.problem else 0.0
        next_try = self._clock.now() + timedelta(seconds=wait) if wait else None
        status = await off_loop(partial(self._settle, message, delivery, next_try))
        return Attempt(status, outcome, len(message.changes), wait)

    def _look(self, *, hasty: bool) -> _Found:
        now = self._clock.now()
        # The archive first: where there is none, no ledger is made.
        with (
            open_archive(self._seeds, self._state) as archive,
            open_ledger(self._state) as ledger,
        ):
            welcome(self.hook, archive, ledger)
            # Read before the message: a replay in between takes that away, and is noticed.
            position = ledger.position(self.hook.name)
            waiting = archive.changes(next_after(self.hook, archive, position))
            pending = _under_way(self.hook, archive, ledger)
            status = status_of(self.hook, archive, ledger)
            if pending is None:
                return _Found(status, _next(self.hook, waiting, ledger, position, now))
            if not hasty and (wait := _rest(pending, now)) > 0:
                return _Found(status, wait=wait)
            return _Found(status, _same(pending, waiting), pending.attempts)

    def _settle(
        self, message: Message, delivery: Delivery, next_try: datetime | None
    ) -> HookStatus:
        with open_ledger(self._state) as ledger:
            # The archive later: while that is locked what was delivered is remembered all the same.
            if next_try:
                ledger.failed(delivery, next_try)
            else:
                ledger.succeeded(delivery, message.changes[-1])
            with open_archive(self._seeds, self._state) as archive:
                return status_of(self.hook, archive, ledger)


def _under_way(hook: Hook, archive: Reader, ledger: Ledger) -> Pending | None:
    """Return the message under way, if the change log still has what it tells.

    The log of a restored catalogue may have other changes by the same numbers: under the id of the
    message they would be dropped by a receiver that has had it.
    """
    pending = ledger.pending(hook.name)
    if pending and not holds(archive, pending.last):
        ledger.drop(hook.name)
        return None
    return pending


def _rest(pending: Pending, now: datetime) -> float:
    """Return the seconds until the next try is due; a clock that was set back does not count."""
    if pending.next_try is None or pending.next_try - now > _LONGEST_REST:
        return 0.0
    return (pending.next_try - now).total_seconds()


def _same(pending: Pending, waiting: Iterator[Change]) -> Message:
    """Return the message under way, as it was."""
    changes = takewhile(lambda change: change.seq <= pending.last.seq, waiting)
    return Message(pending.id, pending.begun_at, tuple(changes))


def _next(
    hook: Hook, waiting: Iterator[Change], ledger: Ledger, position: Position | None, now: datetime
) -> Message | None:
    """Return the next message, written down; None if nothing waits."""
    changes = tuple(islice(waiting, hook.batch))
    if not changes:
        return None
    message = Message(f"msg_{uuid4().hex}", now, changes)
    return message if ledger.begin(hook.name, message, position) else None


def pause(outcome: Outcome, attempts: int, roll: float) -> float:
    """Return the seconds until the next try, after so many in vain; `roll` is from 0 to 1.

    From 1 s doubling to an hour, of which a random half is left out, so that not all come at once;
    at least what the receiver asked for. Who refuses is asked seldom from the first.
    """
    grown = LONGEST_PAUSE if outcome.refused else min(2.0 ** min(attempts - 1, 12), LONGEST_PAUSE)
    return max(grown * (1 - roll / 2), outcome.retry_after)
