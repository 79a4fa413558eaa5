"""What the machine drives: workers that hold the archive, and a replica that plays the site."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from harvester.replica import Site
from harvester.replica.server import ReplicaServer

T = TypeVar("T")

_ROOT = Path(__file__).resolve().parents[2]
_DEADLINE = 60.0
_NO_LIMIT = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@dataclass(frozen=True)
class Answer:
    """How an order ended: `ends` are the verdicts told, in order, by story id.

    `trouble` is the kind of error with its text, None after a good end; `died` says that the
    process did not live to tell.
    """

    ends: tuple[tuple[str, str], ...]
    trouble: tuple[str, str] | None = None
    died: bool = False


class Worker:
    """A process that may hold the archive."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_DEADLINE)
        self._socket.connect(address)
        self._lines = self._socket.makefile("rb")
        self.pid: int = json.loads(self._lines.readline())["pid"]
        self._handle: int | None = os.pidfd_open(self.pid)

    def send(self, order: str, now: datetime, **fields: object) -> None:
        """Give an order."""
        told = {"do": order, "now": now.isoformat(), **fields}
        self._socket.sendall(json.dumps(told).encode() + b"\n")

    def answer(self, kill_after: int | None = None) -> Answer:
        """Wait for the end of the order; after so many ends, kill the process meanwhile."""
        ends: list[tuple[str, str]] = []
        if kill_after == 0:
            self._strike()
        while line := self._next():
            told: dict[str, Any] = json.loads(line)
            if "story" in told:
                ends.append((told["story"], told["verdict"]))
                if len(ends) == kill_after:
                    self._strike()
            elif "error" in told:
                return Answer(tuple(ends), (told["error"], told["text"]))
            else:
                return Answer(tuple(ends))
        self.gone()
        return Answer(tuple(ends), died=True)

    def _next(self) -> bytes:
        try:
            return self._lines.readline()
        except ConnectionResetError:
            return b""

    def has_answered(self) -> bool:
        """Say whether something was told, or the process is dead."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def limit_files(self, size: int | None) -> None:
        """Let no file grow beyond a size in bytes, as on a disk without room; None: any size."""
        limits = _NO_LIMIT if size is None else (size, resource.RLIM_INFINITY)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, limits)

    def kill(self) -> None:
        """Send SIGKILL and wait until the process is no more."""
        if self._handle is not None:
            self._strike()
            self.gone()

    def _strike(self) -> None:
        assert self._handle is not None
        with suppress(ProcessLookupError):  # it was killed from inside already
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def gone(self) -> None:
        """Wait until the process is no more: only then its locks are."""
        if self._handle is not None:
            assert select.select([self._handle], [], [], _DEADLINE)[0], "it does not die"
            os.close(self._handle)
            self._handle = None
            self._lines.close()
            self._socket.close()


@contextmanager
def nursery(folder: Path) -> Iterator[Callable[[], Worker]]:
    """Yield what starts a worker."""
    address = str(folder / "nursery")
    command = [sys.executable, "-m", "tests.model.worker", address]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=_ROOT, stdin=pipe, stdout=pipe) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield lambda: Worker(address)


class Town:
    """The site of the example that is under way, on a loop of its own thread."""

    def __init__(self, server: ReplicaServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self.origin = server.origin

    def show(self, site: Site) -> None:
        """Let another site answer."""
        self.change(lambda: setattr(self._server, "site", site))

    def change(self, act: Callable[[], T]) -> T:
        """Change something between two requests."""

        async def do() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(do(), self._loop).result(_DEADLINE)


@contextmanager
def town() -> Iterator[Town]:
    """Serve on a loopback port."""
    ready: Future[tuple[Town, asyncio.Event]] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(ready)), name="site", daemon=True)
    thread.start()
    opened, stopping = ready.result(_DEADLINE)
    try:
        yield opened
    finally:
        opened.change(stopping.set)
        thread.join(_DEADLINE)


async def _serve(ready: Future[tuple[Town, asyncio.Event]]) -> None:
    stopping = asyncio.Event()
    async with ReplicaServer(Site(())) as server:
        ready.set_result((Town(server, asyncio.get_running_loop()), stopping))
        await stopping.wait()
