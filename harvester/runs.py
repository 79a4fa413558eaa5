"""The runs behind the commands: open what is needed, do the work, note how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from harvester.bulk.locations import opened, warc_files
from harvester.bulk.merging import Merger
from harvester.bulk.reading import Job as FileJob
from harvester.bulk.taking import Hands, Taking
from harvester.clock import Clock
from harvester.discover import Discoverer, Discovery, read_addresses
from harvester.errors import HarvesterError
from harvester.findings import Finding, Kept, find_kept
from harvester.gathering import Gatherer
from harvester.importing import Importer, post_files
from harvester.model import BodyMode, Counts, Decision, Scope, StoryRef, Verdict
from harvester.parser import parser_version
from harvester.pipeline import Pipeline, Plan, Work, address_scope
from harvester.rereading import Changes, Find, Renormaliser, Replay
from harvester.settings import Settings
from harvester.store import REBUILD, WARC, Archive, make_folder, set_catalogue_aside
from harvester.workshop import Watcher, Workshop, open_index, open_workshop, open_writer
from harvester.zaobao.sections import in_scope

# The folder, in the state folder, for what workers found and nobody has merged yet.
_SHARDS = "shards"
# So many addresses are looked up in the catalogue at once.
_AT_ONCE = 1_000


class Source(StrEnum):
    """Where a backfill finds its addresses."""

    SITEMAP = "sitemap"
    LISTING = "listing"
    URLS = "urls"
    WARC = "warc"
    WAYBACK = "wayback"
    COMMONCRAWL = "commoncrawl"


@dataclass(frozen=True, slots=True)
class Order:
    """What a backfill is asked for. `urls` are lines of addresses, for `Source.URLS`.

    `body` None means: as the settings say. `all_revisions` writes a mass of other texts too.
    `warc` are files, folders and addresses of WARC files, for `Source.WARC`; `workers` processes
    read them, or the cluster at `dask`. `again` asks other archives also for stories that are held.
    """

    source: Source = Source.SITEMAP
    scope: Scope = field(default_factory=Scope)
    limit: int | None = None
    urls: tuple[str, ...] = ()
    body: BodyMode | None = None
    all_revisions: bool = False
    warc: tuple[str, ...] = ()
    workers: int = 1
    dask: str | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class FetchOrder:
    """Stories to ask for now, also where they are held; the rest as in `Order`."""

    urls: tuple[str, ...]
    body: BodyMode | None = None
    all_revisions: bool = False


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """Posts, or folders of posts, to take in."""

    paths: tuple[Path, ...]


Job = Order | FetchOrder | ImportOrder


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: its counts, the sources that could not be read, and whether it was cut.

    `halted` is why going on was of no use, if it was not; `notes` are for who asked for the run.
    """

    counts: Counts
    problems: tuple[str, ...] = ()
    interrupted: bool = False
    halted: Exception | None = None
    notes: tuple[str, ...] = ()


async def perform(
    job: Job, workshop: Workshop, watcher: Watcher, stopping: asyncio.Event
) -> Outcome:
    """Do a job with what is open already. `stopping` is the job's own: it sets it where it halts.

    Raises `SiteUnreachable` and `HostResting` where nothing could be begun, `UsageError` for paths
    that are not there, and the errors of the archive. A job that had to stop on its way says so in
    `Outcome.halted`.
    """
    match job:
        case Order():
            return await _backfill(job, workshop, watcher, stopping)
        case FetchOrder():
            return await _fetch(job, workshop, watcher, stopping)
        case ImportOrder(paths):
            files = await asyncio.to_thread(lambda: list(post_files(paths)))
            clock, seeds = workshop.clock, workshop.settings.seeds
            return await _import(files, workshop.archive, seeds, watcher, clock, stopping)


async def backfill(
    settings: Settings, order: Order, watcher: Watcher, clock: Clock, stopping: asyncio.Event
) -> Outcome:
    """Archive the stories of a scope, the newest first; what is held already is not asked for.

    Opens what it needs; raises what `perform` does.
    """
    async with open_workshop(settings, watcher, clock) as workshop:
        return await perform(order, workshop, watcher, stopping)


async def fetch(
    settings: Settings,
    order: FetchOrder,
    watcher: Watcher,
    clock: Clock,
    stopping: asyncio.Event,
) -> Outcome:
    """Ask for the pages of these stories now, also where they are held already.

    Opens what it needs; raises what `perform` does.
    """
    async with open_workshop(settings, watcher, clock) as workshop:
        return await perform(order, workshop, watcher, stopping)


async def import_posts(
    settings: Settings,
    paths: Sequence[Path],
    watcher: Watcher,
    clock: Clock,
    stopping: asyncio.Event,
    *,
    command: str = "import",
) -> Outcome:
    """Take existing posts into the archive. Raises `UsageError` for paths that are not there.

    `command` is the name under which the run is noted.
    """
    files = list(post_files(paths))
    given = {path.resolve() for path in files}
    async with open_writer(settings, watcher, clock, given) as archive:
        outcome = await _import(files, archive, settings.seeds, watcher, clock, stopping, command)
        if not outcome.interrupted:
            archive.adopted()
        return outcome


async def rebuild(
    settings: Settings, watcher: Watcher, clock: Clock, stopping: asyncio.Event, *, discard: bool
) -> Outcome:
    """Make the catalogue again from the posts; the one that is there goes to `state/aside/`.

    Then of the raw archive, where there is one: what the posts do not tell, earlier texts, what was
    rejected or gone, and posts that are lost. What neither tells is not in the new one: pages that
    were not kept, addresses nobody visited. The numbers of the change log go on. Cut short, it goes
    on when called again. Raises UsageError for a catalogue in which no damage is found, unless it
    is to be discarded; Busy.
    """
    set_catalogue_aside(settings.state, clock.now(), discard=discard)
    make_folder(settings.seeds)
    files = list(post_files([settings.seeds]))
    given = {path.resolve() for path in files}
    async with open_writer(settings, watcher, clock, given) as archive:
        problems = await archive.index_pages()
        replay = Replay(archive, _finder(settings), watcher)
        begun = clock.monotonic()

        def outcome() -> Outcome:
            tally = importer.tally + replay.tally
            counts = Counts(tally, clock.monotonic() - begun)
            return Outcome(counts, problems, stopping.is_set())

        importer = Importer(archive, settings.seeds, watcher, clock, stopping)
        async with _noted(archive, REBUILD, outcome):
            without = await replay.without_pages(files)
            await importer.run(without)
            await replay.run(stopping)
            # Of pages that are lost since, or that today's reader cannot read.
            of_pages = sorted({*files} - {*without})
            await importer.run(await replay.left_over(of_pages, settings.seeds))
        if not stopping.is_set():
            archive.adopted()
        return outcome()


@dataclass(frozen=True, slots=True)
class Renormalised:
    """How the reading again ended, and what it changes."""

    outcome: Outcome
    changes: Changes


async def renormalise(
    settings: Settings,
    since: date | None,
    watcher: Watcher,
    clock: Clock,
    stopping: asyncio.Event,
    *,
    dry: bool,
) -> Renormalised:
    """Read the raw archive again with today's reader; store what comes out otherwise.

    `since` is the first issue day. With `dry` nothing is written. Raises Busy.
    """
    async with open_writer(settings, watcher, clock) as archive:
        begun = clock.monotonic()
        run = Renormaliser(archive, _finder(settings), parser_version(), watcher, dry=dry)

        def outcome() -> Outcome:
            counts = Counts(run.tally, clock.monotonic() - begun)
            return Outcome(counts, interrupted=stopping.is_set())

        if dry:
            await run.run(since, stopping)
        else:
            async with _noted(archive, "renormalise", outcome):
                await run.run(since, stopping)
        return Renormalised(outcome(), run.changes)


def _finder(settings: Settings) -> Find:
    """Return what reads pages of the raw archive, beside the event loop."""
    folder = settings.state / WARC

    def place(name: str, offset: int) -> AbstractContextManager[BinaryIO]:
        return opened(str(folder / name) if "/" not in name else name, offset)

    async def find(pages: Sequence[Kept]) -> list[Finding]:
        return await asyncio.to_thread(find_kept, place, pages)

    return find


async def _backfill(
    order: Order, workshop: Workshop, watcher: Watcher, stopping: asyncio.Event
) -> Outcome:
    match order.source:
        case Source.WARC:
            return await _take_in(order, workshop, watcher, stopping)
        case Source.WAYBACK | Source.COMMONCRAWL:
            return await _gather(order, workshop, watcher, stopping)
    mode = order.body or workshop.settings.body
    plan = Plan(
        order.scope,
        mode,
        workshop.settings.concurrency,
        workshop.workers,
        order.limit,
        all_revisions=order.all_revisions,
        read=workshop.read,
    )
    run = _Run(workshop, plan, watcher, stopping)
    async with _noted(workshop.archive, "backfill", run.outcome):
        match order.source:
            case Source.URLS:
                await run.visit_given(order.urls)
            case Source.LISTING:
                await run.visit_listings()
            case _:
                await run.visit_sitemap()
    return run.outcome()


async def _take_in(
    order: Order, workshop: Workshop, watcher: Watcher, stopping: asyncio.Event
) -> Outcome:
    """Take in what WARC files of others hold."""
    archive, clock, settings = workshop.archive, workshop.clock, workshop.settings
    mode = order.body or settings.body
    begun = clock.monotonic()
    merger = Merger(archive, watcher, order.scope, mode, "warc")

    def on_file(done: int, of: int) -> None:
        watcher.discovering(Discovery(done, of, merger.tally[Verdict.NEW]))

    taking = Taking(archive, merger, stopping, on_file)

    def outcome() -> Outcome:
        counts = Counts(merger.tally, clock.monotonic() - begun)
        before = taking.merged_before
        notes = (f"files that were taken in before: {before}",) if before else ()
        return Outcome(counts, tuple(taking.problems), stopping.is_set(), notes=notes)

    async with _noted(archive, "backfill", outcome):
        files = await asyncio.to_thread(warc_files, order.warc)
        jobs = [FileJob(file, address_scope(order.scope), mode) for file in files]
        hands = Hands(settings.state / _SHARDS, order.workers, order.dask)
        await taking.run(jobs, hands)
    return outcome()


async def _gather(
    order: Order, workshop: Workshop, watcher: Watcher, stopping: asyncio.Event
) -> Outcome:
    """Take in what another archive has of the stories of a scope."""
    archive, clock, settings = workshop.archive, workshop.clock, workshop.settings
    mode = order.body or settings.body
    begun = clock.monotonic()
    merger = Merger(archive, watcher, order.scope, mode, order.source.value)
    async with open_index(order.source.value, settings, archive, watcher, clock) as index:
        gatherer = Gatherer(
            archive, index, merger, order.source.value, mode, stopping, order.again, order.limit
        )

        def outcome() -> Outcome:
            counts = Counts(merger.tally, clock.monotonic() - begun)
            problems = tuple(index.problems)
            return Outcome(counts, problems, stopping.is_set(), gatherer.halted)

        async with _noted(archive, "backfill", outcome):
            await gatherer.run(address_scope(order.scope))
    return outcome()


async def _fetch(
    order: FetchOrder, workshop: Workshop, watcher: Watcher, stopping: asyncio.Event
) -> Outcome:
    mode = order.body or workshop.settings.body
    plan = Plan(
        mode=mode,
        concurrency=workshop.settings.concurrency,
        workers=workshop.workers,
        again=True,
        all_revisions=order.all_revisions,
        read=workshop.read,
    )
    run = _Run(workshop, plan, watcher, stopping)
    async with _noted(workshop.archive, "fetch", run.outcome):
        await run.visit_given(order.urls)
    return run.outcome()


async def _import(
    files: Sequence[Path],
    archive: Archive,
    seeds: Path,
    watcher: Watcher,
    clock: Clock,
    stopping: asyncio.Event,
    command: str = "import",
) -> Outcome:
    begun = clock.monotonic()
    importer = Importer(archive, seeds, watcher, clock, stopping)

    def outcome() -> Outcome:
        counts = Counts(importer.tally, clock.monotonic() - begun)
        return Outcome(counts, interrupted=stopping.is_set())

    async with _noted(archive, command, outcome):
        await importer.run(files)
    return outcome()


@asynccontextmanager
async def _noted(
    archive: Archive, command: str, outcome: Callable[[], Outcome]
) -> AsyncIterator[None]:
    """Note in the catalogue that a run began and how it ended, whatever ends it."""
    number = await archive.begin_run(command)
    ending = "interrupted"
    try:
        yield
        now = outcome()
        ending = str(now.halted) if now.halted else "interrupted" if now.interrupted else "done"
    except HarvesterError as error:
        ending = str(error)
        raise
    finally:
        await archive.end_run(number, outcome().counts, ending)


class _Run:
    """A run that asks the site, by way of a pipeline of its own."""

    def __init__(
        self, workshop: Workshop, plan: Plan, watcher: Watcher, stopping: asyncio.Event
    ) -> None:
        archive, fetcher, clock = workshop.archive, workshop.fetcher, workshop.clock
        self._archive = archive
        self._watcher = watcher
        self._scope = address_scope(plan.scope)
        self._clock = clock
        self._stopping = stopping
        self._discoverer = Discoverer(archive, fetcher)
        self._pipeline = Pipeline(
            archive, fetcher, clock, plan, watcher, stopping, guard=workshop.guard
        )
        self._begun = clock.monotonic()

    async def visit_sitemap(self) -> None:
        """Read the sitemap into the catalogue, then take what is in scope, the newest first."""
        async for _ in self._discoverer.sitemap(self._scope):
            self._watcher.discovering(self._discoverer.found)
            if self._stopping.is_set():
                return
        self._watcher.planned(await self._archive.count(self._scope))
        await self._pipeline.run(self._recorded())

    async def visit_listings(self) -> None:
        """Take the stories of the newest lists as they are found."""
        refs: list[StoryRef] = []
        async for ref in self._discoverer.listings(self._scope):
            refs.append(ref)
            self._watcher.discovering(self._discoverer.found)
            if self._stopping.is_set():
                return
        wanted = [ref for ref in dict.fromkeys(refs) if in_scope(ref, self._scope)]
        self._watcher.planned(len(wanted))
        await self._pipeline.run(self._looked_up(wanted))

    async def visit_given(self, lines: Iterable[str]) -> None:
        """Take the addresses given; one that is no story's is rejected, not an error."""
        refs, refused = read_addresses(lines)
        await self._archive.record(refs)
        for error in refused:
            self._pipeline.count(error.url, Decision(Verdict.REJECTED, error.reason))
        self._watcher.planned(len(refs))
        await self._pipeline.run(self._looked_up(refs))

    def outcome(self) -> Outcome:
        """Return the summary so far."""
        counts = Counts(self._pipeline.tally, self._clock.monotonic() - self._begun)
        problems = tuple(self._discoverer.found.problems)
        halted = self._pipeline.halt
        return Outcome(counts, problems, self._stopping.is_set(), halted)

    async def _recorded(self) -> AsyncIterator[Work]:
        async for page in self._archive.work(self._scope):
            for work in page:
                yield work

    async def _looked_up(self, refs: Sequence[StoryRef]) -> AsyncIterator[Work]:
        for start in range(0, len(refs), _AT_ONCE):
            some = refs[start : start + _AT_ONCE]
            visits = await self._archive.visits([ref.story_id for ref in some])
            for work in zip(some, visits, strict=True):
                yield work
