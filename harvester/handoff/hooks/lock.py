"""One deliverer at a time for each hook, and work that must not be cut in two."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from harvester.errors import Busy
from harvester.store.database import uninterrupted
from harvester.store.tree import disk_errors

T = TypeVar("T")


@asynccontextmanager
async def hook_lock(state: Path, name: str) -> AsyncIterator[None]:
    """Be the only one who delivers to a hook. Raises Busy where another process does, DiskError.

    The kernel gives the lock up with the process that holds it; its file stays.
    """
    lock = _Lock(state / f"hook-{name}.lock")
    try:
        await off_loop(lock.acquire)
        yield
    finally:
        lock.release()


class _Lock:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def acquire(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with disk_errors(self._path):
            self._handle = os.open(self._path, flags, 0o644)
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy("another process is delivering to this hook") from None

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)


async def off_loop(work: Callable[[], T]) -> T:
    """Run `work` on a thread, to its end also when cancelled."""
    return await uninterrupted(asyncio.to_thread(work))
