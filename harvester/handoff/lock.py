"""One process at a time for each consumer and each hook: two would tell the same, out of order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harvester.errors import Busy
from harvester.store import take_lock


@contextmanager
def only_one(state: Path, kind: str, name: str) -> Iterator[None]:
    """Hold `state/KIND-NAME.lock`. Raises Busy where another process does, and DiskError."""
    handle = take_lock(state / f"{kind}-{name}.lock")
    if handle is None:
        raise Busy(f"another process is at work for {kind} {name!r}; wait for it to end")
    try:
        yield
    finally:
        os.close(handle)
