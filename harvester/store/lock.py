"""One process at a time: locks of the kernel, which end with the process that holds them."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from harvester.errors import Busy, DiskError
from harvester.store.tree import disk_errors

_FILE = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Half a second: a holder may be in a container, its number unknown here.
_LOOKS, _PAUSE = 50, 0.01


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
    """Hold the folder `state` and the file `state/lock`, which names the holder.

    The folder, for somebody may remove the file while a writer is at work, and the next one would
    lock another file of that name. Raises Busy when another writer has one of the two, and
    DiskError.
    """
    path = state / "lock"
    with ExitStack() as held:
        held.callback(os.close, _taken(state, path, folder=True))
        handle = _taken(path, path)
        held.callback(os.close, handle)
        with disk_errors(path):
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield


def _taken(place: Path, named: Path, *, folder: bool = False) -> int:
    handle = take_lock(place, folder=folder)
    if handle is None:
        who = f"another writer (pid {_holder(named)}) is at work in {named.parent}"
        raise Busy(f"{who}; wait for it to end")
    return handle


def _holder(path: Path) -> str:
    """Return the process that the file names.

    One that has just got the lock has not written itself down yet: the file is empty then, or
    names one that was killed.
    """
    for _ in range(_LOOKS):
        pid = _named(path)
        if pid and _is_running(pid):
            break
        time.sleep(_PAUSE)
    return str(pid or "unknown")


def _named(path: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int(path.read_text("ascii", "replace")[:20])
    return None


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # another user's
    return True
