"""Copy what a mirror needs, some posts at once, and say in its manifest what it has."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import ParamSpec, Protocol, TypeVar

from harvester.clock import Clock
from harvester.errors import DiskError, UsageError
from harvester.handoff.mirror.plan import Plan, make_plan, read_lines, write_lines
from harvester.handoff.mirror.targets import Target
from harvester.store import MANIFEST, Line, Reader

P = ParamSpec("P")
T = TypeVar("T")

CHECKPOINT = 30.0
"""Seconds between two manifests: what a killed run has to do again, at most."""

_AT_ONCE = 8
_GROUP = 500  # posts whose old texts are withdrawn together
_PATIENCE = 1.0  # seconds for a writer that has put a file and not yet its row


class Watcher(Protocol):
    """Who watches a mirror being made."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Hear how many posts are done."""

    def say(self, text: str) -> None:
        """Hear of a post that is not as it should be."""


@dataclass(slots=True)
class Tally:
    """What became of the posts; `posts` is the sum of the four after it. `bytes` were written."""

    posts: int = 0
    copied: int = 0
    replaced: int = 0
    kept: int = 0
    failed: int = 0
    bytes: int = 0


async def mirror(
    archive: Reader,
    target: Target,
    clock: Clock,
    watcher: Watcher,
    *,
    check: bool = False,
    checkpoint: float = CHECKPOINT,
) -> Tally:
    """Copy what is new or changed in an archive to a target; verify each by reading it back.

    `check` reads back all that the target says it has, and mends what differs. When cancelled,
    the manifest tells what was finished. Raises UsageError where something else lies in the
    manifest's place, and as `Reader` and `Target` do.
    """
    held = await _held(target)
    damaged = await _damaged(target, held or {}, watcher) if check else frozenset[str]()
    plan = make_plan(held or {}, archive.manifest(), damaged)
    manifest = _Manifest(target, clock, plan.lines, checkpoint, told=plan.lines == held)
    copier = _Copier(archive, target, manifest, watcher, plan)
    if held is None:
        await manifest.put()  # where that cannot be done, nothing can
    try:
        await copier.run(clock)
    except asyncio.CancelledError:
        await manifest.put()
        raise
    await manifest.put()
    return copier.tally


async def _held(target: Target) -> dict[str, Line] | None:
    """Return what a target says it has, None if it says nothing yet."""
    data = await _in_thread(target.read, MANIFEST)
    try:
        return None if data is None else read_lines(data)
    except ValueError as problem:
        raise UsageError(
            f"{target.name}: {MANIFEST} is not that of a mirror ({problem}); move it away, and "
            "all posts are copied anew"
        ) from None


async def _damaged(target: Target, held: Mapping[str, Line], watcher: Watcher) -> frozenset[str]:
    """Return the paths at which other bytes lie than a target says, or none."""
    found = set()
    done = count(1)

    async def look(line: Line) -> None:
        if not _is(await _in_thread(target.read, line.path), line.sha256):
            found.add(line.path)
            watcher.say(f"{target.name}: {line.path}: not what was put there")
        watcher.progress("reading back", next(done), len(held))

    await _side_by_side(look, held.values())
    return frozenset(found)


class _Manifest:
    """The manifest of a target: one is put at a time, and the last is the newest."""

    def __init__(
        self,
        target: Target,
        clock: Clock,
        lines: Mapping[str, Line],
        checkpoint: float,
        *,
        told: bool,
    ) -> None:
        self._target = target
        self._clock = clock
        self._lines = dict(lines)
        self._checkpoint = checkpoint
        self._told = told
        self._next = clock.monotonic() + checkpoint
        self._putting = asyncio.Lock()

    async def withdraw(self, paths: Iterable[str]) -> dict[str, Line]:
        """Take lines out, in the target too; return those there were."""
        withdrawn = {path: self._lines.pop(path) for path in paths if path in self._lines}
        if withdrawn:
            self._told = False
            await self.put()
        return withdrawn

    def add(self, line: Line) -> None:
        """Say that a post stands; the target is told later."""
        self._lines[line.path] = line
        self._told = False

    async def put_if_due(self) -> None:
        """Tell the target when it has not been told for a while."""
        if self._clock.monotonic() >= self._next:
            self._next = math.inf  # for the others that are at work meanwhile
            await self.put()

    async def put(self) -> None:
        """Tell the target, once the posts are durable, unless it knows."""
        async with self._putting:
            if not self._told:
                self._told = True
                try:
                    await _in_thread(self._write, write_lines(self._lines))
                except BaseException:
                    self._told = False
                    raise
            self._next = self._clock.monotonic() + self._checkpoint

    def _write(self, data: bytes) -> None:
        self._target.settle()
        self._target.write(MANIFEST, data)
        self._target.settle()


class _Copier:
    """One run over a plan."""

    def __init__(
        self, archive: Reader, target: Target, manifest: _Manifest, watcher: Watcher, plan: Plan
    ) -> None:
        self._archive = archive
        self._target = target
        self._manifest = manifest
        self._watcher = watcher
        self._wanted = (*plan.replace, *plan.copy)
        self._replaced = {line.path for line in plan.replace}
        kept = len(plan.kept)
        self.tally = Tally(posts=kept + len(self._wanted), kept=kept)

    async def run(self, clock: Clock) -> None:
        """Copy all; what could not be read is looked at once more in the end."""
        missed = await self._copy_all(self._wanted)
        if missed:
            await clock.sleep(_PATIENCE)
            missed = await self._copy_all(tuple(missed))
        for problem in missed.values():
            self._fail(str(problem))

    async def _copy_all(self, lines: Sequence[Line]) -> dict[Line, DiskError]:
        """Copy posts; return those whose file in the archive is not what was stored."""
        missed: dict[Line, DiskError] = {}
        for start in range(0, len(lines), _GROUP):
            missed |= await self._copy_group(lines[start : start + _GROUP])
        return missed

    async def _copy_group(self, lines: Sequence[Line]) -> dict[Line, DiskError]:
        withdrawn = await self._manifest.withdraw(line.path for line in lines)
        missed: dict[Line, DiskError] = {}

        async def copy(line: Line) -> None:
            try:
                data = self._archive.post(line.story_id)
            except DiskError as problem:
                missed[line] = problem
                if line.path in withdrawn:
                    self._manifest.add(withdrawn[line.path])
            else:
                await self._copy(line, data)

        await _side_by_side(copy, lines)
        return missed

    async def _copy(self, line: Line, data: bytes) -> None:
        """Write a post and read it back.

        It may be newer than its line; then the next run tells its change.
        """
        if await _in_thread(self._written, line.path, data) != data:
            self._fail(f"{self._target.name}: {line.path}: read back, it is not what was written")
            return
        self._manifest.add(replace(line, sha256=hashlib.sha256(data).hexdigest()))
        self._count(line, len(data))
        await self._manifest.put_if_due()

    def _written(self, path: str, data: bytes) -> bytes | None:
        """Write a file; return what lies there now."""
        self._target.write(path, data)
        return self._target.read(path)

    def _fail(self, problem: str) -> None:
        self.tally.failed += 1
        self._watcher.say(problem)
        self._tell()

    def _count(self, line: Line, size: int) -> None:
        if line.path in self._replaced:
            self.tally.replaced += 1
        else:
            self.tally.copied += 1
        self.tally.bytes += size
        self._tell()

    def _tell(self) -> None:
        done = self.tally.copied + self.tally.replaced + self.tally.failed
        self._watcher.progress("copying", done, len(self._wanted))


async def _side_by_side(work: Callable[[Line], Awaitable[None]], lines: Iterable[Line]) -> None:
    """Do work for each line, some at once. The first error, or being cancelled, ends all of it."""
    rest = iter(lines)

    async def go_on() -> None:
        for line in rest:
            await work(line)

    workers = [asyncio.ensure_future(go_on()) for _ in range(_AT_ONCE)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def _in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run in a thread, to its end also when cancelled: two must never write one file at once."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.gather(running, return_exceptions=True)
        raise


def _is(data: bytes | None, sha256: str) -> bool:
    return data is not None and hashlib.sha256(data).hexdigest() == sha256
