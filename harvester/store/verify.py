"""Do disk and catalogue agree? The whole of both is read."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, TypeVar

from harvester.errors import BadRecord
from harvester.store import captures, inventory, stories
from harvester.store.audit import Difference, Kind, audit_folder, mend, tell_restored
from harvester.store.database import (
    CATALOGUE,
    check,
    connect_reader,
    connect_writer,
    guarded,
    require,
)
from harvester.store.inventory import TextRow
from harvester.store.lock import writer_lock
from harvester.store.manifest import MANIFEST, Manifest, faults
from harvester.store.raw import OPEN, WARC, Format, open_pages, own_files
from harvester.store.tree import PostTree, disk_errors, folder_of

Progress = Callable[[int, int], None]
A = TypeVar("A")
B = TypeVar("B")

_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` found: disk and catalogue agree when there are no `differences`.

    `posts` is the number of stories compared; `repaired` are differences that are no more.
    """

    posts: int
    differences: tuple[Difference, ...] = ()
    repaired: tuple[Difference, ...] = ()

    @property
    def orphans(self) -> tuple[str, ...]:
        """Return the posts without a row, for a caller that can read and adopt them."""
        return tuple(each.path for each in self.differences if each.kind is Kind.ORPHAN)


def verify(
    seeds: Path,
    state: Path,
    *,
    repair: bool = False,
    progress: Progress | None = None,
    patience: float = 1.0,
    pages: Format | None = None,
) -> Report:
    """Compare every row with its file, every file with a row, rows and texts with their sums.

    The files of the raw archive must be there and as long as the catalogue knows them; where
    `pages` can read them all of it is read, and each page must be where its row says.
    `repair` restores files from the catalogue (other bytes are copied to `state/aside/` first)
    and deletes leftovers; it never touches an orphan. `progress` is called with the number of
    things compared and of all. `patience` is how long a writer may take to record what it has just
    written, in seconds; with `repair` there is no writer. Raises DatabaseUnusable, DiskError and,
    with `repair`, Busy.
    """
    path, tree = state / CATALOGUE, PostTree(seeds)
    require(path)
    connect = connect_writer if repair else connect_reader
    with (
        writer_lock(state) if repair else nullcontext(),
        guarded(path),
        closing(connect(path)) as connection,
    ):
        check(connection, path, thorough=True)
        posts, texts = _sizes(connection)
        meter = _Meter(posts + texts, progress)
        found = _compare_files(connection, tree, meter, 0 if repair else patience)
        found |= _check_texts(connection, meter)
        found |= _check_manifest(connection, seeds, 0 if repair else patience)
        found |= set(_check_pages(connection, state, pages))
        repaired = _mend_all(connection, tree, state / "aside", found) if repair else set()
    return Report(posts, tuple(sorted(found - repaired)), tuple(sorted(repaired)))


class _Meter:
    """Maps work over items and reports how far it has come.

    One by one: to hand each to a thread takes longer than the thing itself, where the system has
    the file at hand.
    """

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._progress = progress
        self._done = 0

    def map(self, work: Callable[[A], B], items: Iterable[A]) -> list[B]:
        results = [work(item) for item in items]
        self._done += len(results)
        if self._progress:
            self._progress(self._done, max(self._done, self._total))
        return results


def _sizes(connection: sqlite3.Connection) -> tuple[int, int]:
    posts, texts = connection.execute(
        "SELECT (SELECT count(*) FROM stories), (SELECT count(*) FROM revisions)"
    ).fetchone()
    return posts, texts


def _compare_files(
    connection: sqlite3.Connection, tree: PostTree, meter: _Meter, patience: float
) -> set[Difference]:
    """Compare all folders. A difference counts when it is still there after `patience`.

    Without the lock a writer may be at work: between a file and its row there is a moment.
    """
    audit = partial(audit_folder, connection, tree)
    folders = {*tree.folders(), *inventory.folders(connection)}
    found = {each for folder in sorted(folders) for each in audit(folder, meter.map)}
    deadline = time.monotonic() + patience
    while found and time.monotonic() < deadline:
        time.sleep(_PAUSE)
        again = {folder_of(each.path) for each in found}
        found &= {each for folder in again for each in audit(folder)}
    return found


def _check_texts(connection: sqlite3.Connection, meter: _Meter) -> set[Difference]:
    found = set()
    for kind, rows in (
        (Kind.CHANGED_ROW, inventory.changed(connection)),
        (Kind.DAMAGED_ROW, inventory.without_text(connection)),
    ):
        found |= {Difference(path, kind, story_id, revision) for story_id, path, revision in rows}
    for page in inventory.texts(connection):
        for row, damaged in zip(page, meter.map(_is_damaged, page), strict=True):
            if damaged:
                found.add(Difference(row.path, Kind.DAMAGED_ROW, row.story_id, row.revision))
    return found


def _check_manifest(
    connection: sqlite3.Connection, seeds: Path, patience: float
) -> set[Difference]:
    """Compare the manifest; what is wrong twice is wrong, for a writer may be at work meanwhile."""
    found = faults(connection, seeds)
    deadline = time.monotonic() + patience
    while found:
        time.sleep(_PAUSE)
        found &= faults(connection, seeds)
        if time.monotonic() >= deadline:
            break
    return {Difference(MANIFEST, Kind.MANIFEST)} if found else set()


def _check_pages(
    connection: sqlite3.Connection, state: Path, form: Format | None
) -> Iterator[Difference]:
    """Compare the files of the raw archive that are ours; one may be written meanwhile."""
    for name, size in captures.sizes(connection):
        if "/" in name:
            continue
        lost = Difference(f"{WARC}/{name}", Kind.PAGES)
        file = open_pages(state / WARC / name)
        if file is None:
            yield lost
            continue
        with file, disk_errors(state / WARC / name):
            if os.fstat(file.fileno()).st_size < size:
                yield lost
            elif form:
                yield from _check_records(connection, form, file, name)
    yield from _unread(connection, state / WARC)


def _unread(connection: sqlite3.Connection, folder: Path) -> Iterator[Difference]:
    """Find files that are longer than the catalogue knows: it may be an older copy.

    One is known to its end before it is finished, so that is looked up last.
    """
    for path in own_files(folder):
        with disk_errors(path):
            size = 0 if path.name.endswith(OPEN) else path.stat().st_size
        if size > captures.size_of(connection, path.name):
            yield Difference(f"{WARC}/{path.name}", Kind.UNREAD)


def _check_records(
    connection: sqlite3.Connection, form: Format, file: BinaryIO, name: str
) -> Iterator[Difference]:
    """Read a file of the raw archive; each page that has a row must be found whole at its place.

    What is written behind them at this moment may be half a record. Behind damage the records are
    read one by one, for each is packed by itself.
    """
    lost = Difference(f"{WARC}/{name}", Kind.PAGES)
    rows = captures.places_in(connection, name)
    damaged_at = None
    try:
        for capture in form.captures_in(file, name, 0):
            if place := capture.place:
                rows.discard((place.offset, place.length, capture.story_id, capture.digest))
    except BadRecord as error:
        damaged_at = error.offset
        if not file.name.endswith(OPEN):
            yield lost
    for offset, length, story_id, _ in rows:
        file.seek(offset)
        behind = damaged_at is not None and offset > damaged_at
        if not behind or form.whole(BytesIO(file.read(length))) < length:
            yield replace(lost, story_id=story_id)


def _mend_all(
    connection: sqlite3.Connection, tree: PostTree, aside: Path, found: set[Difference]
) -> set[Difference]:
    """Put right what can be, the manifest in the end; return what is."""
    manifest, now = Manifest(tree.root), datetime.now(UTC)
    manifest.begin(connection, time.monotonic())
    tell_restored(connection, now)
    manifest.withdraw(each.path for each in found)
    mended = {each for each in sorted(found) if mend(connection, tree, aside, each, now)}
    if mended:
        manifest.publish(connection, now)
    return mended


def _is_damaged(row: TextRow) -> bool:
    return stories.unpack(row.post, row.sha256) is None
