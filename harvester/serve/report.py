"""What is told of the daemon, and who tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

STATES = ("starting", "ok", "drifting", "offline", "resting", "paused", "hanging", "stopping")
"""The words for the state of the daemon."""

# The operator must act. `offline` and `resting` pass by themselves; a restart would not help.
_UNWELL = ("drifting", "paused")


@dataclass(frozen=True, slots=True)
class Report:
    """How the daemon is: a word of `STATES`, why, whether it has a pulse, and figures.

    `details` holds texts, numbers, instants, mappings with text keys and sequences of these.
    """

    status: str
    reason: str
    alive: bool
    details: Mapping[str, object]

    @property
    def well(self) -> bool:
        """Say whether nobody needs to act."""
        return self.alive and self.status not in _UNWELL

    @property
    def why(self) -> str:
        """Return the reason; that there is no pulse goes before it."""
        hangs = "" if self.alive else "the schedule or the database hangs"
        return "; ".join(filter(None, (hangs, self.reason)))


class Provider(Protocol):
    """Who knows how the daemon is."""

    def report(self) -> Report:
        """Return the state of this moment; must not wait for anything."""
