"""One process at a time for each consumer and each hook: two would tell the same, out of order."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harvester.errors import Busy
from harvester.store.tree import disk_errors

_OPEN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@contextmanager
def only_one(state: Path, kind: str, name: str) -> Iterator[None]:
    """Hold `state/KIND-NAME.lock`. Raises Busy where another process does, and DiskError.

    The kernel gives the lock up with the process that holds it. The file stays: removing it would
    let two processes lock two files of one name.
    """
    path = state / f"{kind}-{name}.lock"
    with disk_errors(path):
        handle = os.open(path, _OPEN, 0o644)
    try:
        with disk_errors(path):
            _acquire(handle, f"{kind} {name!r}")
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, whose: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy(f"another process is at work for {whose}; wait for it to end") from None
