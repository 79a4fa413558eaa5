"""How far each hook is, and what keeps it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from harvester.handoff.consumers import ConsumerLost, Position, begin_after, entry_before
from harvester.handoff.hooks.ledger import Delivery, Ledger
from harvester.settings import Hook
from harvester.store import Reader, stamp


@dataclass(frozen=True, slots=True)
class HookStatus:
    """How a hook stands.

    `position` is the number of the last change it has had, None for a hook never seen before;
    `behind` how many changes wait. While a message cannot be delivered: `problem`, how many
    `attempts` there were, `failing_since`, and `next_try`. A problem without them: the hook is not
    even tried, such as one whose place the change log does not have.
    """

    name: str
    target: str
    position: int | None = None
    behind: int = 0
    delivered_at: datetime | None = None
    problem: str = ""
    attempts: int = 0
    failing_since: datetime | None = None
    next_try: datetime | None = None

    def as_json(self) -> dict[str, object]:
        """Return it as one object; instants are UTC."""
        return {
            "name": self.name,
            "target": self.target,
            "position": self.position,
            "behind": self.behind,
            "delivered_at": _stamp_or_none(self.delivered_at),
            "problem": self.problem,
            "attempts": self.attempts,
            "failing_since": _stamp_or_none(self.failing_since),
            "next_try": _stamp_or_none(self.next_try),
        }


def status_of(hook: Hook, archive: Reader, ledger: Ledger) -> HookStatus:
    """Return how a hook stands. Raises Busy, DiskError and DatabaseUnusable."""
    if not ledger.knows(hook.name):
        return HookStatus(hook.name, hook.target)
    position, pending = ledger.position(hook.name), ledger.pending(hook.name)
    seq = position.seq if position else 0
    failing = pending if pending and pending.problem else None
    problem = failing.problem if failing else ""
    try:
        next_after(hook, archive, position)
    except ConsumerLost as lost:
        failing, problem = None, str(lost)
    return HookStatus(
        hook.name,
        hook.target,
        position=seq,
        behind=max(archive.last_change() - seq, 0),
        delivered_at=ledger.last_delivered(hook.name),
        problem=problem,
        attempts=failing.attempts if failing else 0,
        failing_since=failing.begun_at if failing else None,
        next_try=failing.next_try if failing else None,
    )


def next_after(hook: Hook, archive: Reader, position: Position | None) -> int:
    """Return the number after which a hook goes on. Raises `ConsumerLost` as `begin_after`."""
    way_out = f"say where to go on: harvester hooks replay {hook.name} --since SEQ"
    return begin_after(archive, f"hook {hook.name!r}", position, way_out)


def replay(hook: Hook, since: int, archive: Reader, ledger: Ledger) -> int:
    """Let a hook go on after entry `since`, also if it was never seen before; 0 is the beginning.

    Returns how many changes it has before it. What is in flight is heard once more. Raises
    ConsumerLost where the change log has no such entry, and as `status_of`.
    """
    ledger.rewind(hook.name, entry_before(archive, since))
    return archive.last_change() - since


def delivery_json(delivery: Delivery) -> dict[str, object]:
    """Return an entry of the delivery log as one object."""
    return {
        "hook": delivery.hook,
        "message": delivery.message,
        "first_seq": delivery.first_seq,
        "last_seq": delivery.last_seq,
        "at": stamp(delivery.at),
        "attempt": delivery.attempt,
        "seconds": delivery.seconds,
        "outcome": delivery.outcome,
        "output": delivery.output,
    }


def _stamp_or_none(at: datetime | None) -> str | None:
    return stamp(at) if at else None
