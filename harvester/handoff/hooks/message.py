"""What is told to a hook, and how a try to tell it ended."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from harvester.handoff.changes import as_json
from harvester.store import Change, stamp


@dataclass(frozen=True, slots=True)
class Message:
    """Changes that follow one another, at least one, told in one call.

    `id` and all else stay the same over every try, so that a receiver can drop what it knows.
    """

    id: str
    begun_at: datetime
    changes: tuple[Change, ...]

    @property
    def first_seq(self) -> int:
        """Return the number of the first change."""
        return self.changes[0].seq

    @property
    def last_seq(self) -> int:
        """Return the number of the last change."""
        return self.changes[-1].seq

    def lines(self) -> bytes:
        """Return the changes as JSON lines, as `harvester changes` prints them."""
        told = (json.dumps(as_json(change), ensure_ascii=False) for change in self.changes)
        return "".join(f"{line}\n" for line in told).encode()

    def body(self) -> bytes:
        """Return the payload of a webhook: type, timestamp and data (Standard Webhooks)."""
        payload = {
            "type": "changes",
            "timestamp": stamp(self.begun_at),
            "data": {"changes": [as_json(change) for change in self.changes]},
        }
        return json.dumps(payload, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a try ended: delivered where there is no problem.

    `output` is the end of what a command wrote to stderr, or the beginning of a receiver's answer.
    `refused`: the same would be refused again, until somebody changes something. `retry_after` are
    the seconds that the receiver asked for.
    """

    problem: str = ""
    output: str = ""
    refused: bool = False
    retry_after: float = 0.0
