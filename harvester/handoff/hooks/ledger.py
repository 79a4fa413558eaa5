"""What is remembered of hooks, in `state/consumers.db` beside their positions.

`hooks` are those ever seen, `messages` what each is told at the moment, `deliveries` every try.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from harvester.handoff.consumers import (
    CONSUMERS,
    TABLES,
    Consumers,
    Position,
    connected,
    guarded,
)
from harvester.handoff.hooks.message import Message, Outcome
from harvester.store import Change, instant

DELIVERED = "delivered"
# Kept of each hook.
KEPT_TRIES = 10_000
KEPT_FOR = timedelta(days=30)
# Less than the daemon's end may take.
_PATIENCE = 4.0
_TABLES = """
    CREATE TABLE IF NOT EXISTS hooks (name TEXT PRIMARY KEY) STRICT;

    CREATE TABLE IF NOT EXISTS messages (
        hook TEXT PRIMARY KEY,
        id TEXT NOT NULL,
        last_seq INTEGER NOT NULL,
        last_story TEXT NOT NULL,
        last_at TEXT NOT NULL,
        begun_at TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        problem TEXT NOT NULL DEFAULT '',
        next_try TEXT
    ) STRICT;

    CREATE TABLE IF NOT EXISTS deliveries (
        id INTEGER PRIMARY KEY,
        hook TEXT NOT NULL,
        message TEXT NOT NULL,
        first_seq INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        at TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        seconds REAL NOT NULL,
        outcome TEXT NOT NULL,
        output TEXT NOT NULL
    ) STRICT;

    CREATE INDEX IF NOT EXISTS deliveries_in_order ON deliveries (hook, id);
    CREATE INDEX IF NOT EXISTS deliveries_by_age ON deliveries (hook, at);
"""


@dataclass(frozen=True, slots=True)
class Pending:
    """The message a hook is told at the moment: the changes after its position, up to `last`.

    It is written down before the first try, so that a killed program repeats the same message.
    After a failure there are a problem and the time of the next try.
    """

    id: str
    last: Position
    begun_at: datetime
    attempts: int = 0
    problem: str = ""
    next_try: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A try to deliver a message: when it began, how long it took, and its outcome.

    `outcome` is `delivered` or the problem, `output` what the receiver said.
    """

    hook: str
    message: str
    first_seq: int
    last_seq: int
    at: datetime
    attempt: int
    seconds: float
    outcome: str
    output: str


class Ledger:
    """What is remembered of hooks. Made by `open_ledger`; raises as that does."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._consumers = Consumers(connection, path)
        self._path = path

    def knows(self, hook: str) -> bool:
        """Return whether a hook was ever seen."""
        return bool(self._rows("SELECT 1 FROM hooks WHERE name = ?", hook))

    def position(self, hook: str) -> Position | None:
        """Return the last change a hook has had."""
        return self._consumers.position(consumer(hook))

    def welcome(self, hook: str, last: Change | None) -> None:
        """Remember a hook that is seen for the first time; it has had all up to `last`."""
        with self._transaction():
            known = self.knows(hook)
            self._run("INSERT OR IGNORE INTO hooks VALUES (?)", hook)
            if last and not known and self.position(hook) is None:
                self._consumers.remember(consumer(hook), last)

    def rewind(self, hook: str, last: Change | None) -> None:
        """Let a hook go on after `last`, or from the beginning, with new messages."""
        with self._transaction():
            self._run("INSERT OR IGNORE INTO hooks VALUES (?)", hook)
            self.drop(hook)
            if last:
                self._consumers.remember(consumer(hook), last)
            else:
                self._consumers.forget(consumer(hook))

    def pending(self, hook: str) -> Pending | None:
        """Return the message under way, None if the next one is still to be made."""
        found = self._rows(
            "SELECT last_seq, last_story, last_at, id, begun_at, attempts, problem, next_try "
            "FROM messages WHERE hook = ?",
            hook,
        )
        with guarded(self._path):
            return _pending(*found[0]) if found else None

    def begin(self, hook: str, message: Message, after: Position | None) -> bool:
        """Write down a message before it is sent for the first time.

        Returns False, and does nothing, if somebody has moved the hook from the position `after`.
        """
        with self._transaction():
            if self.position(hook) != after:
                return False
            last = Position.of(message.changes[-1])
            self._run(
                "INSERT INTO messages (hook, id, last_seq, last_story, last_at, begun_at) "
                "VALUES (?,?,?,?,?,?)",
                *(hook, message.id, last.seq, last.story_id, last.at.isoformat()),
                message.begun_at.isoformat(),
            )
        return True

    def drop(self, hook: str) -> None:
        """Give up the message under way; the next one gets an id of its own."""
        self._run("DELETE FROM messages WHERE hook = ?", hook)

    def succeeded(self, delivery: Delivery, last: Change) -> None:
        """Log a delivery and, in the same step, move the hook's position to `last`.

        It stays where it is if somebody has set it meanwhile.
        """
        with self._transaction():
            self._log(delivery)
            if self._is_current(delivery):
                self._consumers.remember(consumer(delivery.hook), last)
                self.drop(delivery.hook)

    def failed(self, delivery: Delivery, next_try: datetime) -> None:
        """Log a try in vain, and when the same message is to be tried again."""
        with self._transaction():
            self._log(delivery)
            self._run(
                "UPDATE messages SET attempts = ?, problem = ?, next_try = ? "
                "WHERE hook = ? AND id = ?",
                *(delivery.attempt, delivery.outcome, next_try.isoformat()),
                *(delivery.hook, delivery.message),
            )

    def deliveries(self, hook: str, most: int) -> list[Delivery]:
        """Return the last tries of a hook, oldest first."""
        found = self._rows(
            "SELECT hook, message, first_seq, last_seq, at, attempt, seconds, outcome, output "
            "FROM deliveries WHERE hook = ? ORDER BY id DESC LIMIT ?",
            *(hook, most),
        )
        with guarded(self._path):
            return [_delivery(*row) for row in reversed(found)]

    def last_delivered(self, hook: str) -> datetime | None:
        """Return when something was last delivered to a hook, as far as it is still known."""
        found = self._rows(
            "SELECT at FROM deliveries WHERE hook = ? AND outcome = ? ORDER BY id DESC LIMIT 1",
            *(hook, DELIVERED),
        )
        with guarded(self._path):
            return instant(found[0][0]) if found else None

    def _is_current(self, delivery: Delivery) -> bool:
        pending = self.pending(delivery.hook)
        return pending is not None and pending.id == delivery.message

    def _log(self, delivery: Delivery) -> None:
        self._run(
            "INSERT INTO deliveries (hook, message, first_seq, last_seq, at, attempt, seconds, "
            "outcome, output) VALUES (?,?,?,?,?,?,?,?,?)",
            *(delivery.hook, delivery.message, delivery.first_seq, delivery.last_seq),
            *(delivery.at.isoformat(), delivery.attempt, delivery.seconds),
            *(delivery.outcome, delivery.output),
        )
        self._run(
            "DELETE FROM deliveries WHERE hook = ? AND at < ?",
            *(delivery.hook, (delivery.at - KEPT_FOR).isoformat()),
        )
        self._run(
            "DELETE FROM deliveries WHERE hook = ?1 AND id <= (SELECT id FROM deliveries "
            "WHERE hook = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            *(delivery.hook, KEPT_TRIES),
        )

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with guarded(self._path):
            return self._connection.execute(sql, values).fetchall()

    def _run(self, sql: str, *values: object) -> None:
        with guarded(self._path):
            self._connection.execute(sql, values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._run("BEGIN IMMEDIATE")
        try:
            yield
            self._run("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise


def consumer(hook: str) -> str:
    """Return the name under which a hook has its position; no consumer can have it."""
    return f"hook:{hook}"


def delivery_of(
    hook: str, message: Message, at: datetime, attempt: int, seconds: float, outcome: Outcome
) -> Delivery:
    """Return the entry of the log for a try."""
    return Delivery(
        hook=hook,
        message=message.id,
        first_seq=message.first_seq,
        last_seq=message.last_seq,
        at=at,
        attempt=attempt,
        seconds=round(seconds, 3),
        outcome=outcome.problem or DELIVERED,
        output=outcome.output,
    )


@contextmanager
def open_ledger(state: Path, *, make: bool = True) -> Iterator[Ledger]:
    """Open `state/consumers.db` for one thread. Raises Busy, DiskError and DatabaseUnusable.

    Without `make`, for who only looks, a missing file is not made: nothing is known then.
    """
    path = state / CONSUMERS
    with connected(path, TABLES + _TABLES, _PATIENCE, make=make) as connection:
        yield Ledger(connection, path)


def _pending(*row: Any) -> Pending:  # noqa: ANN401 - the columns of a row
    seq, story_id, at, id_, begun_at, attempts, problem, next_try = row
    return Pending(
        id_,
        Position(seq, story_id, instant(at)),
        instant(begun_at),
        attempts,
        problem,
        instant(next_try) if next_try else None,
    )


def _delivery(*row: Any) -> Delivery:  # noqa: ANN401 - the columns of a row
    hook, message, first_seq, last_seq, at, *rest = row
    return Delivery(hook, message, first_seq, last_seq, instant(at), *rest)
