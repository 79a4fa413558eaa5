"""One writer at a time: a lock of the kernel, which ends with the process that holds it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harvester.errors import Busy
from harvester.store.tree import disk_errors


@contextmanager
def writer_lock(state: Path) -> Iterator[None]:
    """Hold `state/lock`. Raises Busy when another writer has it, DiskError when it cannot be made.

    The file stays behind when the lock is given up: removing it would let two processes lock two
    files of one name.
    """
    path = state / "lock"
    with disk_errors(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        with disk_errors(path):
            _acquire(handle, state)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, state: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "unknown"
        raise Busy(
            f"another writer (pid {holder}) is at work in {state}; wait for it to end"
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
