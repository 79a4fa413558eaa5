"""One process at a time for each consumer and each hook: two would tell the same, out of order."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from harvester.store import locked


def only_one(state: Path, kind: str, name: str) -> AbstractContextManager[None]:
    """Hold `state/KIND-NAME.lock`. Raises Busy where another process does, and DiskError."""
    busy = f"another process is at work for {kind} {name!r}; wait for it to end"
    return locked(state / f"{kind}-{name}.lock", busy)
