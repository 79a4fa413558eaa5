"""The archive of one writer: puts are judged, made durable in batches, then acknowledged."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from harvester.clock import Clock
from harvester.errors import UsageError
from harvester.model import (
    Counts,
    Draft,
    HostState,
    Known,
    Scope,
    SourceState,
    Stored,
    StoryRef,
    Visit,
)
from harvester.store import rows, stories
from harvester.store.audit import sweep
from harvester.store.batch import BatchWriter, Command, Decide, Outcome, batch_size
from harvester.store.database import (
    CATALOGUE,
    WRITER_PATIENCE,
    Database,
    open_database,
    transaction,
    uninterrupted,
)
from harvester.store.lock import writer_lock
from harvester.store.tree import PostTree, make_folder

T = TypeVar("T")
_Waiting = tuple[Command, "asyncio.Future[Stored | None]"]


class Archive:
    """Post tree and catalogue, open for writing by this process alone. Made by `open`.

    Every method raises DatabaseUnusable, Busy or DiskError. After a write that failed on disk or
    in the catalogue nothing of its batch is marked as stored, and every later write is refused
    with the same error: what is half done is put right at the next start.

    `orphans` are posts without a row, which a killed writer left or whose catalogue was lost, as
    paths relative to the post tree; the caller reads and puts them (`in_place`) first of all.
    """

    orphans: tuple[str, ...]

    def __init__(
        self, database: Database, tree: PostTree, aside: Path, writer: BatchWriter, clock: Clock
    ) -> None:
        self.orphans = ()
        self._database = database
        self._tree = tree
        self._aside = aside
        self._writer = writer
        self._clock = clock
        self._queue: deque[_Waiting] = deque()
        self._draining: asyncio.Task[None] | None = None
        self._refusal: BaseException | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        seeds: Path,
        state: Path,
        *,
        decide: Decide,
        name_key: Callable[[str], str],
        clock: Clock,
        patience: float = WRITER_PATIENCE,
    ) -> AsyncIterator[Archive]:
        """Take the lock, open the catalogue, sweep up after a killed writer.

        `decide` judges a draft by what is known of its story and by another story with the same
        hash; it must be pure. `name_key` returns what other systems make of a path (case-folded,
        NFC). `patience` is how long a commit waits for readers, in seconds. Raises Busy when
        another writer is at work.
        """
        make_folder(seeds)
        make_folder(state)
        tree, aside = PostTree(seeds), state / "aside"
        with writer_lock(state):
            async with open_database(state / CATALOGUE, patience) as database:
                writer = BatchWriter(tree, aside, decide, name_key, clock)
                archive = cls(database, tree, aside, writer, clock)
                await archive._sweep()
                try:
                    yield archive
                finally:
                    await uninterrupted(archive._close())

    async def _sweep(self) -> None:
        work = partial(sweep, tree=self._tree, aside=self._aside, database=self._database.path)
        self.orphans = tuple(await self._database.run(work))

    async def _close(self) -> None:
        """Finish what was begun; only a clean end takes the marks off the folders."""
        if self._draining:
            await self._draining
        if self._refusal is None:
            await self._transact(rows.clear_dirty)

    # --- texts and visits: one queue, committed in batches ---

    async def put(self, draft: Draft, visit: Visit | None = None) -> Stored:
        """Judge a draft against what is held at that moment and store it; durable on return.

        A caller that is cancelled while it waits does not stop a batch that has begun. Raises
        Unreadable for text that cannot be written, DiskError for a name outside the tree.
        """
        # Only a command without a draft ends in None.
        return cast("Stored", await self._submit(Command(draft, visit)))

    async def note(self, visit: Visit) -> None:
        """Record a visit that brought no draft; durable on return."""
        await self._submit(Command(None, visit))

    async def _submit(self, command: Command) -> Stored | None:
        self._refuse_after_failure()
        future: asyncio.Future[Stored | None] = asyncio.get_running_loop().create_future()
        self._queue.append((command, future))
        if self._draining is None or self._draining.done():
            self._draining = asyncio.create_task(self._drain(), name="archive-writer")
        return await future

    async def _drain(self) -> None:
        """Write what waits, batch after batch; while one is written the next one gathers."""
        while self._queue:
            size = batch_size(command for command, _ in self._queue)
            batch = [self._queue.popleft() for _ in range(size)]
            commands = [command for command, _ in batch]
            try:
                outcomes = await self._database.run(partial(self._writer.apply, commands=commands))
            except asyncio.CancelledError as error:
                self._fail(error, batch)
                raise
            except Exception as error:  # noqa: BLE001  every caller gets it, known or a bug
                self._fail(error, batch)
            else:
                for (_, future), outcome in zip(batch, outcomes, strict=True):
                    _settle(future, outcome)

    def _fail(self, error: BaseException, batch: Sequence[_Waiting]) -> None:
        self._refusal = error
        for _, future in [*batch, *self._queue]:
            _settle(future, error)
        self._queue.clear()

    def _refuse_after_failure(self) -> None:
        if self._refusal:
            raise self._refusal

    # --- everything else: one transaction each ---

    async def record(self, refs: Sequence[StoryRef], *sources: SourceState) -> int:
        """Record addresses and the sources that named them; return how many were new."""

        def write(connection: sqlite3.Connection) -> int:
            for source in sources:
                rows.write_source(connection, source)
            return rows.write_sightings(connection, refs, self._clock.now())

        return await self._transact(write)

    async def work(self, scope: Scope) -> AsyncIterator[list[tuple[StoryRef, Visit | None]]]:
        """Page through the addresses of a scope, the latest day first, each with its last visit.

        A page holds up to 1,000 addresses and is read when it is asked for.
        """
        last: StoryRef | None = None
        while page := await self._database.run(
            partial(rows.work_page, scope=scope, after=last),
        ):
            yield page
            last = page[-1][0]

    async def count(self, scope: Scope) -> int:
        """Return how many addresses are in a scope."""
        return await self._database.run(partial(rows.count_sightings, scope=scope))

    async def visit(self, story_id: str) -> Visit | None:
        """Return the last look at a story."""
        return await self._database.run(partial(rows.read_visit, story_id=story_id))

    async def known(self, story_id: str) -> Known | None:
        """Return what is held of a story."""
        return await self._database.run(partial(rows.known, story_id=story_id))

    async def source(self, url: str) -> SourceState | None:
        """Return what is remembered of a sitemap or a listing."""
        found = await self._database.run(partial(rows.read_sources, url=url))
        return found[0] if found else None

    async def sources(self) -> list[SourceState]:
        """Return what is remembered of all sitemaps and listings."""
        return await self._database.run(rows.read_sources)

    async def load_host(self, host: str) -> HostState:
        """Return what is remembered of a host; an empty state if nothing is."""
        return await self._database.run(partial(rows.read_host, host=host))

    async def save_host(self, host: str, state: HostState) -> None:
        """Remember the robots.txt of a host and the pause it asked for."""
        await self._transact(partial(rows.write_host, host=host, state=state))

    async def begin_run(self, command: str) -> int:
        """Note that a run has begun; return its number for `end_run`."""
        now = self._clock.now()
        return await self._transact(partial(rows.begin_run, command=command, now=now))

    async def end_run(self, run_id: int, counts: Counts, outcome: str) -> None:
        """Note how a run ended; one without an end was killed."""
        now = self._clock.now()
        await self._transact(
            partial(rows.end_run, run_id=run_id, counts=counts, outcome=outcome, now=now)
        )

    async def set_aside(self, path: str) -> Path:
        """Move a file that no story has out of the tree, to `state/aside/`; return its new place.

        For an orphan that turns out to hold nothing new. Raises UsageError if a story has it.
        """

        def move(connection: sqlite3.Connection) -> Path:
            if stories.is_path_taken(connection, path):
                raise UsageError(f"{path}: a story has this file")
            place = self._tree.copy_aside(path, self._aside)
            self._tree.remove(path)
            return place

        self._refuse_after_failure()
        return await self._database.run(move)

    async def _transact(self, write: Callable[[sqlite3.Connection], T]) -> T:
        def work(connection: sqlite3.Connection) -> T:
            with transaction(connection):
                return write(connection)

        self._refuse_after_failure()
        return await self._database.run(work)


def _settle(future: asyncio.Future[Stored | None], outcome: Outcome | BaseException) -> None:
    if future.done():  # its caller was cancelled
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
