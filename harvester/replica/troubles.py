"""How the site misbehaves when asked to: faults of single requests, slow paths, outages."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """A misbehaviour: a status, or no answer at all when `status` is None."""

    status: int | None
    retry_after: str | None = None


class Troubles:
    """What goes wrong at the moment; paths are as sent, with their query."""

    def __init__(self) -> None:
        self._faults: defaultdict[str, list[Fault]] = defaultdict(list)
        self._delays: dict[str, float] = {}
        self._outage: Fault | None = None

    def fail(
        self, path: str, status: int, times: int = 1, retry_after: str | int | None = None
    ) -> None:
        """Let the next `times` requests for `path` end in `status`."""
        text = None if retry_after is None else str(retry_after)
        self._faults[path] += [Fault(status, text)] * times

    def drop(self, path: str, times: int = 1) -> None:
        """Close the connection of the next `times` requests for `path` without an answer.

        A client that repeats a request by itself on a fresh connection hides a single drop.
        """
        self._faults[path] += [Fault(None)] * times

    def slow(self, path: str, seconds: float) -> None:
        """Let every answer for `path` wait."""
        self._delays[path] = seconds

    def outage(self, status: int | None, retry_after: str | int | None = None) -> None:
        """Let every request end in `status`, or without an answer when it is None."""
        self._outage = Fault(status, None if retry_after is None else str(retry_after))

    def recover(self) -> None:
        """End the outage."""
        self._outage = None

    def take_fault(self, path: str) -> Fault | None:
        """Return what goes wrong with a request for `path`; a fault of its own is used up."""
        if self._outage is not None:
            return self._outage
        return self._faults[path].pop(0) if self._faults.get(path) else None

    def delay(self, path: str) -> float:
        """Return how long answers for `path` wait, in seconds."""
        return self._delays.get(path, 0.0)
