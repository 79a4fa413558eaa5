"""Where files are read: in processes of this machine, or on a Dask cluster."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from harvester.bulk.reading import Job
from harvester.bulk.shards import Shard, make_shard
from harvester.errors import UsageError

Submit = Callable[[Job], Awaitable[Shard]]
Run = Callable[..., Awaitable[Shard]]
# So many files a worker are begun before the first is merged; their shards wait on disk.
_AHEAD = 2
# A file whose worker dies again and again may be what kills it.
_TRIES = 3


def ahead(workers: int) -> int:
    """Return how many files may be under way."""
    return workers * _AHEAD


@asynccontextmanager
async def hired(workers: int, dask: str | None, folder: Path) -> AsyncIterator[Submit]:
    """Give a way to have files read, by processes of this machine or the cluster at `dask`.

    Shards go to `folder`, which a cluster must see as this machine does. A worker that is lost has
    its file read by another. Raises UsageError for an address at which no cluster is.
    """
    async with _cluster(dask) if dask else _processes(workers) as run:
        yield lambda job: run(make_shard, job, str(folder))


@asynccontextmanager
async def _processes(workers: int) -> AsyncIterator[Run]:
    loop = asyncio.get_running_loop()
    # Not forked: this process has threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            yield lambda *call: loop.run_in_executor(pool, *call)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@asynccontextmanager
async def _cluster(address: str) -> AsyncIterator[Run]:
    from distributed import Client  # noqa: PLC0415 - an extra

    try:
        client = await Client(address, asynchronous=True)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as problem:
        raise UsageError(f"--dask {address}: no cluster is there ({problem})") from problem
    async with client:
        yield lambda *call: client.submit(*call, pure=False, retries=_TRIES)


async def in_order(
    jobs: Iterable[Job], submit: Submit, at_once: int
) -> AsyncIterator[tuple[Job, Shard]]:
    """Yield the shards of jobs in the order of the jobs, while later ones are read."""
    waiting: deque[tuple[Job, asyncio.Future[Shard]]] = deque()
    todo = iter(jobs)
    try:
        for job in todo:
            waiting.append((job, asyncio.ensure_future(submit(job))))
            if len(waiting) == at_once:
                first, future = waiting.popleft()
                yield first, await future
        while waiting:
            first, future = waiting.popleft()
            yield first, await future
    finally:
        for _, future in waiting:
            future.cancel()
