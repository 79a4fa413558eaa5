"""The archive of one writer: puts are judged, made durable in batches, then acknowledged."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from harvester.clock import Clock
from harvester.errors import UsageError
from harvester.model import (
    Capture,
    Counts,
    Decision,
    Draft,
    Evidence,
    HostState,
    Known,
    Page,
    Place,
    Poll,
    Scope,
    SourceState,
    Stored,
    StoryRef,
    Visit,
    Watch,
)
from harvester.store import captures, pages, rows, sightings, stories, watches
from harvester.store.audit import sweep
from harvester.store.batch import BatchWriter, Command, Decide, Outcome
from harvester.store.database import (
    CATALOGUE,
    WRITER_PATIENCE,
    Database,
    open_database,
    transaction,
    uninterrupted,
)
from harvester.store.lock import writer_lock
from harvester.store.manifest import Manifest
from harvester.store.queue import Waves, WriteQueue
from harvester.store.raw import WARC, Raw, RawFiles
from harvester.store.snapshot import take_snapshot
from harvester.store.stories import last_change
from harvester.store.tree import PostTree, make_folder

T = TypeVar("T")


class Archive:
    """Post tree and catalogue, open for writing by this process alone. Made by `open`.

    Every method raises DatabaseUnusable, Busy or DiskError. After a write that failed on disk or
    in the catalogue nothing of its batch is marked as stored, and every later write is refused
    with the same error: what is half done is put right at the next start.

    `orphans` are posts without a row, which a killed writer left or whose catalogue was lost, as
    paths relative to the post tree; the caller reads and puts them (`in_place`) first of all, and
    says `adopted`. Those of whom it does not are found again at the next start.
    """

    orphans: tuple[str, ...]

    def __init__(
        self,
        database: Database,
        tree: PostTree,
        aside: Path,
        writer: BatchWriter,
        manifest: Manifest,
        clock: Clock,
        raw: RawFiles | None,
    ) -> None:
        self.orphans = ()
        self._adopted = False
        self._manifest = manifest
        self._raw = raw
        self._database = database
        self._tree = tree
        self._aside = aside
        self._writer = writer
        self._clock = clock
        self._queue = WriteQueue(self._apply, self.publish_manifest)
        self._expecting = Waves(self.expect_all)

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
        raw: Raw | None = None,
    ) -> AsyncIterator[Archive]:
        """Take the lock, open the catalogue, sweep up after a killed writer.

        `decide` judges a draft by what is known of its story and by another story with the same
        hash; it must be pure. `name_key` returns what other systems make of a path (case-folded,
        NFC). `patience` is how long a commit waits for readers, in seconds. `raw` None knows
        nothing of raw pages. Raises Busy when another writer is at work.
        """
        make_folder(seeds)
        make_folder(state)
        tree, aside = PostTree(seeds), state / "aside"
        with writer_lock(state):
            async with open_database(state / CATALOGUE, patience) as database:
                manifest = Manifest(seeds)
                files = RawFiles(state / WARC, raw) if raw else None
                writer = BatchWriter(tree, aside, decide, name_key, clock, manifest, files)
                archive = cls(database, tree, aside, writer, manifest, clock, files)
                await archive._sweep()
                try:
                    yield archive
                finally:
                    await uninterrupted(archive._close())

    async def _sweep(self) -> None:
        work = partial(
            sweep,
            tree=self._tree,
            aside=self._aside,
            manifest=self._manifest,
            database=self._database.path,
            now=self._clock.now(),
        )
        await self._database.run(partial(self._manifest.begin, now=self._clock.monotonic()))
        self.orphans = tuple(await self._database.run(work))
        if self._raw:
            await self._database.run(self._raw.settle)

    async def _close(self) -> None:
        """Finish what was begun; only a clean end takes the marks off the folders."""
        try:
            if await self._queue.finish():
                await self._publish()
                if self._raw:
                    self._raw.finish()
                if self._adopted or not self.orphans:
                    await self._transact(rows.clear_dirty)
        finally:
            if self._raw:
                self._raw.leave()

    def adopted(self) -> None:
        """Hear that what could be taken up of the `orphans` is."""
        self._adopted = True

    def linger(self, seconds: float) -> None:
        """Let each batch wait for more for so long: worth it where hundreds come in a second."""
        self._queue.linger = seconds

    # --- texts and visits: one queue, committed in batches ---

    async def put(
        self,
        draft: Draft,
        visit: Visit | None = None,
        evidence: Evidence | None = None,
        stored_at: datetime | None = None,
    ) -> Stored:
        """Judge a draft against what is held at that moment and store it; durable on return.

        `evidence` is the page that shows it; `stored_at` is when it was stored first, where it is
        stored anew.

        A caller that is cancelled while it waits does not stop a batch that has begun. Raises
        Unreadable for text that cannot be written, DiskError for a name outside the tree.
        """
        # Only a command without a draft ends in None.
        command = Command(draft, visit, evidence, stored_at=stored_at)
        return cast("Stored", await self._queue.submit(command))

    async def note(self, visit: Visit, evidence: Evidence | None = None) -> None:
        """Record a visit that brought no draft, and the page it met; durable on return."""
        await self._queue.submit(Command(None, visit, evidence))

    async def _apply(self, commands: Sequence[Command]) -> list[Outcome]:
        return await self._database.run(partial(self._writer.apply, commands=commands))

    async def publish_manifest(self) -> None:
        """Let the manifest tell what has changed, unless it was written a short while ago.

        What is put publishes it too; this is for the time after the last one.
        """
        begun = self._clock.monotonic()
        if self._manifest.is_due(begun):
            with self._queue.guarding():
                await self._publish()
            self._manifest.was_written(begun, self._clock.monotonic())

    async def _publish(self) -> None:
        await self._database.run(partial(self._manifest.publish, at=self._clock.now()))

    # --- everything else: one transaction each ---

    async def record(self, refs: Sequence[StoryRef], *sources: SourceState) -> int:
        """Record addresses and the sources that named them; return how many were new."""

        def write(connection: sqlite3.Connection) -> int:
            for source in sources:
                rows.write_source(connection, source)
            return sightings.write_sightings(connection, refs, self._clock.now())

        return await self._transact(write)

    async def work(self, scope: Scope) -> AsyncIterator[list[tuple[StoryRef, Visit | None]]]:
        """Page through the addresses of a scope, the latest day first, each with its last visit.

        A page holds up to 1,000 addresses and is read when it is asked for.
        """
        last: StoryRef | None = None
        while page := await self._database.run(
            partial(sightings.work_page, scope=scope, after=last),
        ):
            yield page
            last = page[-1][0]

    async def count(self, scope: Scope) -> int:
        """Return how many addresses are in a scope."""
        return await self._database.run(partial(sightings.count_sightings, scope=scope))

    async def due(
        self, now: datetime, scope: Scope, limit: int
    ) -> list[tuple[StoryRef, Visit | None]]:
        """Return up to `limit` stories to be looked at now, the latest day first, each once.

        Those whose `next_check_at` has come, of any day in the scope's sections, and those of the
        scope that nobody has visited. A story seen at several addresses has the one it was visited
        at, else the one it was first seen at.
        """
        return await self._database.run(
            partial(sightings.due, now=now, scope=scope, limit=limit),
        )

    async def unseen(self, refs: Iterable[StoryRef]) -> frozenset[str]:
        """Return the ids of the stories that were seen at no address yet."""
        return await self._database.run(partial(sightings.unseen, refs=tuple(refs)))

    async def release(self, reason: str, now: datetime) -> int:
        """Make all stories due whose last visit has a reason that begins so; return how many."""
        return await self._transact(partial(rows.release, reason=reason, now=now))

    async def hold(self, evidence: Evidence, visit: Visit) -> None:
        """Keep the page of a story whose text was not written at hand, and record the visit.

        One page of a story, 2,000 in all; a text of the story that is put later with a good visit
        ends its stay.
        """
        await self._queue.submit(Command(None, visit, evidence, hold=True))

    async def kept_page(self, story_id: str) -> Page | None:
        """Return the raw page that is kept of a story."""
        return await self._database.run(partial(pages.read, story_id=story_id))

    # --- the raw archive ---

    async def captures(self, story_id: str) -> list[Capture]:
        """Return the pages of a story in the raw archive, in the order in which they were seen."""
        return await self._database.run(partial(captures.of_story, story_id=story_id))

    async def captured(self, last: str, limit: int) -> list[str]:
        """Return the ids of stories of which pages are kept, in their order as text, after one."""
        return await self._database.run(partial(captures.story_ids, last=last, limit=limit))

    async def captures_after(self, last: int, limit: int) -> list[tuple[int, Capture]]:
        """Return the pages in files of ours, numbered in the order they came, after a number."""
        return await self._database.run(partial(captures.after, last=last, limit=limit))

    async def body_of(self, capture: Capture) -> Place | None:
        """Return the record that holds the body of a page; a revisit has none itself."""
        if not capture.digest or not self._raw:
            return capture.place
        return await self._database.run(partial(self._raw.body_of, capture=capture))

    async def last_shown(self, story_id: str, sha256: str) -> datetime | None:
        """Return when the site last showed what a post says, as far as the raw archive tells."""
        return await self._database.run(
            partial(captures.observed_at, story_id=story_id, sha256=sha256)
        )

    async def page_of(self, story_id: str, sha256: str) -> Capture | None:
        """Return the last page of which a reader made this very post."""
        found = [each for each in await self.captures(story_id) if each.sha256 == sha256]
        return found[-1] if found else None

    async def holds(self, path: str) -> bool:
        """Return whether a file of the tree is a story's."""
        return await self._database.run(partial(stories.is_path_taken, path=path))

    async def orphan_sha256(self, path: str) -> str | None:
        """Return the SHA-256 (hex) of a file of the tree; None if there is none."""
        return await self._database.run(lambda _: self._tree.digest(path))

    async def orphan(self, path: str) -> bytes:
        """Return a file of the tree."""
        return await self._database.run(lambda _: self._tree.read(path))

    async def approve(self, places: Sequence[Place], parser: str) -> None:
        """Note that a reader makes of these pages what the one before made."""
        await self._transact(partial(captures.approve, places=places, parser=parser))

    async def is_merged(self, name: str, version: str, part: str = "") -> bool:
        """Return whether somebody else's file was taken in, and is still the same.

        `part` says which part of it is meant; empty for the whole, which has every part.
        """
        return await self._database.run(
            partial(captures.is_merged, name=name, version=version, part=part)
        )

    async def begin_merge(self, name: str, version: str) -> None:
        """Note that somebody else's file is being taken in."""
        await self._transact(partial(captures.begin, name=name, version=version))

    async def merged(self, name: str, version: str, part: str, size: int) -> None:
        """Note that a part of somebody else's file was taken in, all of it where that is empty."""
        write = partial(captures.merged, name=name, version=version, part=part, size=size)
        now = self._clock.now()
        await self._transact(partial(write, now=now))

    async def index_pages(self) -> tuple[str, ...]:
        """Write the rows of all pages in our files, where a new catalogue does not have them.

        Return what is wrong with files in which damage was found since the archive was opened.
        """
        if not self._raw:
            return ()
        await self._database.run(self._raw.index_all)
        return tuple(self._raw.problems.values())

    async def keep(self, evidence: Evidence) -> None:
        """Keep a page that says nothing of the story as it stands; durable on return."""
        await self._queue.submit(Command(None, None, evidence))

    async def post(self, story_id: str) -> bytes | None:
        """Return the bytes that a story's file must have."""
        return await self._database.run(partial(stories.current_post, story_id=story_id))

    async def bury(self, visit: Visit, stored_at: datetime | None = None) -> bool:
        """Record a visit that found a story gone for good; its file and its texts stay.

        `stored_at` is when that was recorded first, where it is recorded anew.

        Return False if there is no such story or it was gone already; the visit is recorded then
        too. A later look that finds it again takes the mark off.
        """

        def write(connection: sqlite3.Connection) -> bool:
            rows.write_visit(connection, visit)
            now = stored_at or self._clock.now()
            return stories.bury_story(connection, visit.story_id, now)

        return await self._transact(write)

    async def visit(self, story_id: str) -> Visit | None:
        """Return the last look at a story."""
        return await self._database.run(partial(rows.read_visit, story_id=story_id))

    async def visits(self, story_ids: Iterable[str]) -> list[Visit | None]:
        """Return the last look at each of some stories."""
        return await self._database.run(
            lambda connection: [rows.read_visit(connection, story_id) for story_id in story_ids]
        )

    async def expect(self, draft: Draft) -> Decision:
        """Return the verdict that a draft would get now; nothing is written."""
        return await self._expecting.ask(draft)

    async def expect_all(self, drafts: Sequence[Draft]) -> list[Decision]:
        """Return the verdict that each draft would get now, by itself; nothing is written."""
        return await self._database.run(
            lambda connection: [self._writer.expect(connection, draft) for draft in drafts]
        )

    async def aliases(self, draft: Draft, since: datetime) -> int:
        """Return how many other stories were found since then to have this very text of another."""
        story_id, text = draft.article.story_id, draft.content_hash
        return await self._database.run(
            partial(stories.aliases_since, content_hash=text, story_id=story_id, since=since)
        )

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

    async def watches(self) -> list[Watch]:
        """Return what is remembered of all watches, by name."""
        return await self._database.run(watches.read_watches)

    async def begin_poll(self, watch: Watch, slot: datetime, at: datetime) -> bool:
        """Claim a slot of a watch and record the watch, which names its next slot already.

        Return False, with nothing recorded, if that slot was claimed before. Slots are told apart
        by the second.
        """

        def write(connection: sqlite3.Connection) -> bool:
            claimed = watches.claim(connection, watch.name, slot, at)
            if claimed:
                watches.write_watch(connection, watch)
            return claimed

        return await self._transact(write)

    async def end_poll(self, poll: Poll, watch: Watch, refs: Sequence[StoryRef]) -> Poll:
        """Record what a poll brought, and the watch; return the poll with its `fresh` stories."""

        def write(connection: sqlite3.Connection) -> Poll:
            ended = replace(poll, fresh=len(sightings.unseen(connection, refs)))
            sightings.write_sightings(connection, refs, self._clock.now())
            watches.write_poll(connection, ended)
            watches.write_watch(connection, watch)
            return ended

        return await self._transact(write)

    async def hours(self, watch: str, since: datetime, now: datetime) -> tuple[float, ...]:
        """Return how many fresh stories each hour of the Singapore day (UTC+8) brought on average.

        24 means over the days on which the list was read in that hour; zero where there were none.
        """
        return await self._database.run(partial(watches.hours, watch=watch, since=since, now=now))

    async def last_fresh(self, watch: str) -> datetime | None:
        """Return when the last poll was made that brought something, of the last 60 days."""
        return await self._database.run(partial(watches.last_fresh, watch=watch))

    async def read_note(self, name: str) -> str | None:
        """Return a small text that was noted under a name."""
        return await self._database.run(partial(watches.read_note, name=name))

    async def write_note(self, name: str, text: str) -> None:
        """Note a small text under a name."""
        now = self._clock.now()
        await self._transact(partial(watches.write_note, name=name, text=text, now=now))

    async def snapshot(self, folder: Path, keep: int) -> Path:
        """Copy the catalogue to `folder/harvester-YYYYMMDDTHHMMSSZ.db` (UTC); return its path.

        Durable, and whole as soon as it has that name. The newest `keep` stay. Other calls wait
        until it is done, and until the catalogue was looked through for damage.
        """
        now, database = self._clock.now(), self._database.path
        return await self._database.run(
            partial(take_snapshot, database=database, folder=folder, now=now, keep=keep),
        )

    async def last_change(self) -> int:
        """Return the number of the last entry of the change log, 0 if there is none."""
        return await self._database.run(last_change)

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

        with self._queue.guarding():
            return await self._database.run(move)

    async def _transact(self, write: Callable[[sqlite3.Connection], T]) -> T:
        def work(connection: sqlite3.Connection) -> T:
            with transaction(connection):
                return write(connection)

        with self._queue.guarding():
            return await self._database.run(work)
