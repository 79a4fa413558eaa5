"""Copy what a mirror needs, some posts at once, and say in its manifest what it has."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import ParamSpec, Protocol, TypeVar

from harvester.clock import Clock
from harvester.errors import DiskError, UsageError
from harvester.handoff.mirror.lines import Lines
from harvester.handoff.mirror.plan import Plan, make_plan
from harvester.handoff.mirror.targets import Target
from harvester.store import MANIFEST, Line, Reader

P = ParamSpec("P")
T = TypeVar("T")

CHECKPOINT = 30.0
"""Seconds between two manifests, and more where one takes long: what a killed run does again."""

_SHARE = 20.0  # the pause after a manifest, in the times that it took
_AT_ONCE = 8
# Seconds before each further look, for a writer that has put a file and not yet its row: of a
# large batch on a slow disk some seconds.
_LOOKS = (1.0, 2.0, 4.0, 8.0)
_WAITING = (
    "posts in the archive that are missing or altered: {}; looking again for up to {:.0f} s, "
    "for a writer may be at work"
)


class Watcher(Protocol):
    """Who watches a mirror being made."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Hear how many posts are done."""

    def say(self, text: str) -> None:
        """Hear of what is not as it should be."""


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
    manifest = _Manifest(target, clock, checkpoint)
    await manifest.read()
    try:
        damaged = await _damaged(target, manifest.lines, watcher) if check else frozenset[str]()
        plan = await _in_thread(make_plan, manifest.lines, archive.manifest(), damaged)
    except ValueError as problem:
        raise UsageError(
            f"{target.name}: {MANIFEST} is not that of a mirror ({problem}); move it away, and "
            "all posts are copied anew"
        ) from None
    copier = _Copier(archive, target, manifest, watcher, plan)
    try:
        await manifest.begin(plan)
        await copier.run(clock)
    except asyncio.CancelledError:
        await manifest.close()
        raise
    await manifest.close()
    return copier.tally


async def _damaged(target: Target, held: Lines, watcher: Watcher) -> frozenset[str]:
    """Return the paths at which other bytes lie than a target says, or none."""
    found = set()
    done, total = count(1), len(held)

    async def look(line: Line) -> None:
        if not _is(await _in_thread(target.read, line.path), line.sha256):
            found.add(line.path)
            watcher.say(f"{target.name}: {line.path}: not what was put there")
        watcher.progress("reading back", next(done), total)

    await _side_by_side(look, held)
    return frozenset(found)


class _Manifest:
    """The manifest of a target during a run; `lines` are what was told last.

    It is made and put in a thread, and of a large mirror in a twentieth of the time.
    """

    def __init__(self, target: Target, clock: Clock, checkpoint: float) -> None:
        self.lines = Lines()
        self._exists = False
        self._target = target
        self._clock = clock
        self._changes: dict[str, bytes] = {}
        self._old: dict[str, bytes] = {}
        self._checkpoint = checkpoint
        self._next = clock.monotonic() + checkpoint

    async def read(self) -> None:
        """Take what the target says it has."""
        data = await _in_thread(self._target.read, MANIFEST)
        self.lines, self._exists = Lines(data or b""), data is not None

    async def begin(self, plan: Plan) -> None:
        """Take out all old texts at once; where that cannot be done, nothing can."""
        self._changes = {**plan.changes, **dict.fromkeys(plan.old, b"")}
        self._old = dict(plan.old)
        if plan.replace or not self._exists:
            await self.put()

    def forget(self, path: str) -> None:
        """Know that a post is being written: an old text of it is no more."""
        self._old.pop(path, None)

    def add(self, line: Line) -> None:
        """Say that a post stands; the target is told later."""
        self._changes[line.path] = line.as_bytes()

    async def put_if_due(self) -> None:
        """Tell the target when it has not been told for a while."""
        if self._clock.monotonic() >= self._next:
            self._next = math.inf  # for the others that are at work meanwhile
            await self.put()

    async def close(self) -> None:
        """Tell the target all, with the old texts that were not replaced after all."""
        self._changes |= self._old
        await self.put()

    async def put(self) -> None:
        """Tell the target, once the posts are durable, unless it knows."""
        begun = self._clock.monotonic()
        if self._changes or not self._exists:
            await self._put()
        ended = self._clock.monotonic()
        self._next = ended + max(self._checkpoint, _SHARE * (ended - begun))

    async def _put(self) -> None:
        changes, self._changes = self._changes, {}
        try:
            await _in_thread(self._write, changes)
        except BaseException:
            self._changes = changes | self._changes
            raise

    def _write(self, changes: Mapping[str, bytes]) -> None:
        lines = self.lines.with_changes(changes)
        self._target.settle()
        self._target.write(MANIFEST, lines.data)
        self._target.settle()
        self.lines, self._exists = lines, True


class _Copier:
    """One run over a plan."""

    def __init__(
        self, archive: Reader, target: Target, manifest: _Manifest, watcher: Watcher, plan: Plan
    ) -> None:
        self._archive = archive
        self._target = target
        self._manifest = manifest
        self._watcher = watcher
        self._plan = plan
        self._replaced = frozenset(line.path for line in plan.replace)
        self._wanted = len(self._replaced) + len(plan.copy)
        self.tally = Tally(posts=plan.kept + self._wanted, kept=plan.kept)

    async def run(self, clock: Clock) -> None:
        """Copy all; what could not be read is looked at again in the end."""
        missed = await self._copy_all(chain(self._plan.replace, self._plan.copy))
        if missed:
            self._watcher.say(_WAITING.format(len(missed), sum(_LOOKS)))
        for pause in _LOOKS:
            if missed:
                await clock.sleep(pause)
                missed = await self._copy_all(tuple(missed))
        for problem in missed.values():
            self._fail(str(problem))

    async def _copy_all(self, lines: Iterable[Line]) -> dict[Line, DiskError]:
        """Copy posts; return those whose file in the archive is not what was stored."""
        missed: dict[Line, DiskError] = {}

        async def copy(line: Line) -> None:
            try:
                data = self._archive.post(line.story_id)
            except DiskError as problem:
                missed[line] = problem
            else:
                await self._copy(line, data)

        await _side_by_side(copy, lines)
        return missed

    async def _copy(self, line: Line, data: bytes) -> None:
        """Write a post and read it back.

        It may be newer than its line; then the next run tells its change.
        """
        self._manifest.forget(line.path)
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
        self._watcher.progress("copying", done, self._wanted)


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
