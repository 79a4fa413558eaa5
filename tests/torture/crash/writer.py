"""A process that forks a writer for each kill: `python -m tests.torture.crash.writer`.

A request is a line of JSON (operation, variant, root). The forked writer brings itself to where
the operation begins and says `ready THREAD`, the thread that will touch the disk; a byte on stdin
lets it go. It says `held WORD` for what is acknowledged before, `done WORD` for what is then, and
`failed ERROR` for an error of ours. When it has ended, however, the first process says
`ended STATUS` (negative: the signal).

It speaks by `writev`, which is not among the calls that are traced and counted.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

from harvester.errors import HarvesterError
from harvester.store import Archive
from tests.store.support import RAW, StillClock, make_visit, open_store
from tests.torture.crash.operations import NEXT_RUN, WORK, adopt, draft
from tests.torture.crash.variants import open_variant

P = ParamSpec("P")
T = TypeVar("T")

_PR_SET_PTRACER, _ANY = 0x59616D61, ctypes.c_ulong(-1)
_libc = ctypes.CDLL(None)


def _say(*words: object) -> None:
    os.writev(1, [" ".join(map(str, words)).encode() + b"\n"])


def _done(word: str) -> None:
    _say("done", word)


def _ready(thread: int) -> None:
    _say("ready", thread)
    os.read(0, 1)


class _Here(ThreadPoolExecutor):
    """Runs what is meant for another thread on this one: calls are counted by thread."""

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001  it is the future's
            future.set_exception(error)
        return future


class _StartClock(StillClock):
    """Is asked for the time once before a sweep: there a start ends, or the sweep begins."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def now(self) -> datetime:
        """Return noon."""
        name, self._name = self._name, ""
        if name in {"first start", "start"}:
            os._exit(0)
        if name == "sweep":
            _ready(_store_thread())
        return super().now()


def _store_thread() -> int:
    main = threading.main_thread()
    (thread,) = (each for each in threading.enumerate() if each is not main)
    return thread.native_id or 0


async def _write(name: str, variant: str, root: Path) -> None:
    asyncio.get_running_loop().set_default_executor(_Here())
    clock = _StartClock(name)
    if name in {"first start", "start", NEXT_RUN}:
        _ready(threading.get_native_id())
    async with _opened(variant, root, clock) as archive:
        if name in {"sweep", NEXT_RUN}:
            await adopt(archive, root, _done)
        if name == "sweep":
            return
        if name == "manifest":
            await archive.put(draft(11), make_visit("11"))
            _say("held 11v1")
        if name != NEXT_RUN:
            _ready(threading.get_native_id() if name == "feeds" else _store_thread())
        await WORK[name](archive, root, clock, _done)
        os._exit(0)  # what a clean end does belongs to the sweep


def _opened(variant: str, root: Path, clock: StillClock) -> AbstractAsyncContextManager[Archive]:
    return open_variant(variant, root, clock) if variant else open_store(root, clock, raw=RAW)


def _child(name: str, variant: str, root: str) -> int:
    _libc.prctl(_PR_SET_PTRACER, _ANY, 0, 0, 0)  # strace is not our parent
    try:
        asyncio.run(_write(name, variant, Path(root)))
    except HarvesterError as error:
        _say("failed", type(error).__name__, error)
        return 1
    return 0


def _line() -> bytes:
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return line


def _serve() -> None:
    while request := _line():
        pid = os.fork()
        if not pid:
            status = 2
            try:
                status = _child(*json.loads(request))
            except BaseException:  # noqa: BLE001  shown, and told by the status
                sys.excepthook(*sys.exc_info())
            os._exit(status)
        _say("ended", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    _serve()
