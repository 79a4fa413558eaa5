"""Files of others taken into the archive: read here or elsewhere, merged here, each once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harvester.bulk.merging import Merger
from harvester.bulk.reading import Job, Located, chunks, read
from harvester.crew import in_order
from harvester.errors import UsageError
from harvester.model import Scope
from harvester.store import Archive, make_folder

_CHUNK = 50


@dataclass(frozen=True, slots=True)
class Hands:
    """Who reads the files: `workers` processes of this machine, or the cluster at `dask`.

    `shards` is the folder for what they find; a cluster must see it as this machine does.
    """

    shards: Path
    workers: int = 1
    dask: str | None = None


@dataclass(slots=True)
class Taking:
    """Takes files to the archive. `problems` are files that are damaged or cannot be read.

    `on_file` hears how many files are done, of how many, whenever one is begun.
    """

    archive: Archive
    merger: Merger
    stopping: asyncio.Event
    on_file: Callable[[int, int], None] = lambda _done, _all: None
    problems: list[str] = field(default_factory=list)
    merged_before: int = 0
    _done: int = 0
    _all: int = 0

    async def run(self, jobs: Sequence[Job], hands: Hands) -> None:
        """Take the files of jobs, in their order; those that were taken in before are passed by."""
        new = [job for job in jobs if not await self._is_merged(job)]
        self.merged_before = len(jobs) - len(new)
        self._all = len(new)
        if hands.workers == 1 and not hands.dask:
            for job in new:
                await self._whole(job, read(job))
            return
        with _extra():
            await self._by_others(new, hands)

    async def _by_others(self, jobs: Sequence[Job], hands: Hands) -> None:
        from harvester.bulk import pools, shards  # noqa: PLC0415 - pyarrow is an extra

        folder = hands.shards.resolve()  # workers elsewhere have other working folders
        make_folder(folder)
        async with (
            pools.hired(hands.workers, hands.dask, folder) as crew,
            aclosing(in_order(jobs, crew.read, crew.at_once)) as made,
        ):
            async for job, shard in made:
                await self._whole(job, shards.read_shard(shard, job), shard.problem)
                if self.stopping.is_set():
                    return
                shards.drop(shard)
        shards.clear(folder)

    async def _is_merged(self, job: Job) -> bool:
        return await self.archive.is_merged(job.file.name, job.file.version, part_of(job.scope))

    async def _whole(self, job: Job, found: Iterator[Located], problem: str = "") -> None:
        """Merge all of a file; only then it counts as taken in."""
        file, part = job.file, part_of(job.scope)
        self.on_file(self._done, self._all)
        self._done += 1
        await self.archive.begin_merge(file.name, file.version)
        chunked = chunks(found, _CHUNK)
        while not self.stopping.is_set():
            chunk = await asyncio.to_thread(next, chunked, None)
            if chunk is None:
                break
            await self.merger.take(chunk[0])
            problem = problem or chunk[1]
        if problem:
            self.problems.append(problem)
        elif not self.stopping.is_set():
            await self.archive.merged(file.name, file.version, part, file.size)


def part_of(scope: Scope) -> str:
    """Return what tells the part of a file that is taken in; empty for all of it."""
    return "" if scope == Scope() else f"{scope.since}..{scope.until} {' '.join(scope.sections)}"


@contextmanager
def _extra() -> Iterator[None]:
    """Say what to install where it is missing."""
    try:
        yield
    except ModuleNotFoundError as problem:
        if problem.name not in {"pyarrow", "distributed"}:
            raise
        extra = "parquet" if problem.name == "pyarrow" else "dask"
        raise UsageError(
            f"several workers need {problem.name}: pip install 'zaobao-harvester[{extra}]'"
        ) from None
