"""Where files are read: in processes of this machine, or on a Dask cluster."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from harvester.bulk.reading import Job
from harvester.bulk.shards import Shard, make_shard
from harvester.errors import UsageError
from harvester.heap import keep_freed

log = logging.getLogger(__name__)

Run = Callable[..., Awaitable[Shard]]
# So many files a worker are begun before the first is merged; their shards wait on disk.
_AHEAD = 2
# A cluster grows with what waits for it.
_AHEAD_LEAST = 16
# A file whose worker dies again and again may be what kills it.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Hired:
    """A way to have a file read by others, `at_once` of them; what they find goes to `folder`."""

    run: Run
    at_once: int
    folder: Path

    async def read(self, job: Job) -> Shard:
        """Return what a file says. Trouble of a worker is the file's problem, not the run's."""
        try:
            return await self.run(make_shard, job, str(self.folder))
        except (OSError, BrokenProcessPool) as error:
            return Shard("", 0, f"{job.file.name}: no worker could read it: {error}")
        except Exception as error:
            log.exception("%s: a defect of the program; the run goes on", job.file.name)
            return Shard("", 0, f"{job.file.name}: defect: {error!r}")


@asynccontextmanager
async def hired(workers: int, dask: str | None, folder: Path) -> AsyncIterator[Hired]:
    """Give a way to have files read, by processes of this machine or the cluster at `dask`.

    Shards go to `folder`, which a cluster must see as this machine does. A worker that is lost has
    its file read by another. Raises UsageError for an address at which no cluster is.
    """
    async with _cluster(dask, folder) if dask else _processes(workers, folder) as crew:
        yield crew


class _Processes:
    """Processes of this machine; those that die are replaced."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool = self._new(workers)
        self._alone = asyncio.Lock()

    async def run(self, call: Callable[..., Shard], *arguments: object) -> Shard:
        """Call in another process. Raises BrokenProcessPool where it dies again and again."""
        loop, pool = asyncio.get_running_loop(), self._pool
        with suppress(BrokenProcessPool):
            return await loop.run_in_executor(pool, call, *arguments)
        if pool is self._pool:  # one that dies takes those beside it along
            self._pool = self._new(self._workers)
        async with self._alone:
            return await self._tried(call, *arguments)

    async def _tried(self, call: Callable[..., Shard], *arguments: object) -> Shard:
        """Call in a process with nothing beside it, so that a death is told of the right file."""
        loop = asyncio.get_running_loop()
        for _ in range(_TRIES - 1):
            pool = self._new(1)
            try:
                return await loop.run_in_executor(pool, call, *arguments)
            except BrokenProcessPool:
                continue
            finally:
                _end(pool)
        raise BrokenProcessPool("it died again and again")

    def end(self) -> None:
        """End the processes; what they had in hand is not waited for."""
        _end(self._pool)

    @staticmethod
    def _new(workers: int) -> ProcessPoolExecutor:
        # Not forked: this process has threads.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)


def _begin() -> None:
    keep_freed()
    _go_with_parent()


def _go_with_parent() -> None:
    """End this process with the one that began it, which may be killed, and not before.

    It would wait for work for ever: it holds both ends of the pipe that brings it. Ctrl-C on a
    terminal is heard by both.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _end(pool: ProcessPoolExecutor) -> None:
    # A run that was stopped would wait at its end for whole files to be read.
    processes = [*(pool._processes or {}).values()]  # noqa: SLF001 - public from Python 3.14 on
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()


@asynccontextmanager
async def _processes(workers: int, folder: Path) -> AsyncIterator[Hired]:
    crew = _Processes(workers)
    try:
        yield Hired(crew.run, workers * _AHEAD, folder)
    finally:
        crew.end()


@asynccontextmanager
async def _cluster(address: str, folder: Path) -> AsyncIterator[Hired]:
    from distributed import Client, KilledWorker  # noqa: PLC0415 - an extra

    try:
        client = await Client(address, asynchronous=True)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as problem:
        raise UsageError(f"--dask {address}: no cluster is there ({problem})") from problem
    async with client:

        async def run(*call: object) -> Shard:
            try:
                shard: Shard = await client.submit(*call, pure=False, retries=_TRIES)
            except KilledWorker as error:
                raise BrokenProcessPool(str(error)) from error
            return shard

        threads = sum((await client.nthreads()).values())
        yield Hired(run, max(_AHEAD_LEAST, threads * _AHEAD), folder)
