"""One process at a time: locks of the kernel, which end with the process that holds them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harvester.errors import Busy, DiskError
from harvester.store.tree import disk_errors

_FILE = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def take_lock(path: Path, *, folder: bool = False) -> int | None:
    """Lock a file, which is made, or a folder; return its handle, None if another process has it.

    Closing the handle gives the lock up. The file is to stay: removing it would let two processes
    lock two files of one name. Raises DiskError.
    """
    with disk_errors(path):
        handle = os.open(path, _FOLDER if folder else _FILE, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError as problem:
        os.close(handle)
        raise DiskError(f"{path}: {problem.strerror}") from problem
    return handle


@contextmanager
def locked(path: Path, busy: str, *, folder: bool = False) -> Iterator[None]:
    """Hold the lock of a file or a folder. Raises Busy with these words, and DiskError."""
    handle = take_lock(path, folder=folder)
    if handle is None:
        raise Busy(busy)
    try:
        yield
    finally:
        os.close(handle)


@contextmanager
def writer_lock(state: Path) -> Iterator[None]:
    """Hold `state/lock`. Raises Busy when another writer has it, and DiskError."""
    path = state / "lock"
    handle = take_lock(path)
    if handle is None:
        raise Busy(
            f"another writer (pid {_holder(path)}) is at work in {state}; wait for it to end"
        )
    try:
        with disk_errors(path):
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _holder(path: Path) -> str:
    with disk_errors(path):
        return path.read_text("ascii", "replace")[:20].strip() or "unknown"
