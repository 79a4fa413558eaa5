"""The raw archive on disk: WARC files that only grow, and never once they are finished.

    records -> append to NAME.open -> fsync | commit of their rows | ... -> fsync -> NAME

A run writes a file of its own, and another when the month or the file is full. What a killed writer
left open is cut behind its last whole record at the next start, indexed and finished.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import BinaryIO, Protocol

from harvester.errors import BadRecord
from harvester.model import SITE, Capture, Exchange, Place
from harvester.store import captures
from harvester.store.database import transaction
from harvester.store.tree import PostTree, disk_errors, make_folder, sync, sync_folder

WARC = "warc"
"""The folder of the raw archive, in the state folder."""

OPEN = ".open"
"""What a name ends in while its file is written."""

_OURS = re.compile(r"harvester-\d{6}-\d{5,}\.warc\.gz(?:\.open)?")
_FULL = 2**30
_HEAD = 4096
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class Format(Protocol):
    """How records look (`harvester.warc`)."""

    def info(self, software: str, at: datetime, file: str) -> bytes:
        """Return the record that a file begins with."""

    def pack(self, capture: Capture, exchange: Exchange, same: Capture | None) -> tuple[bytes, int]:
        """Return the records of a look at a page, and how many bytes the first of them has.

        `same` is an earlier look that has its body already.
        """

    def digest_of(self, body: bytes) -> str:
        """Return the digest of a body as it was sent."""

    def has_body(self, record: bytes) -> bool:
        """Say whether a record, or its beginning, is one that has its body itself."""

    def whole(self, stream: BinaryIO) -> int:
        """Return how many bytes of a stream are whole records."""

    def captures_in(self, stream: BinaryIO, file: str, base: int) -> Iterator[Capture]:
        """Yield what a file tells of its pages, from `base` bytes into it, where the stream is.

        Raises BadRecord.
        """

    def next_record(self, stream: BinaryIO) -> int | None:
        """Return where in a stream the next record begins, from where it is; None if none does."""


@dataclass(frozen=True, slots=True)
class Raw:
    """How the raw archive is written: its records, what writes them, and what reads the pages.

    A file is full at `full` bytes. Without `keep` no new page is kept; what is there is read.
    `is_of_story` says whether what a file tells of a page can be true: somebody may have put it
    there.
    """

    form: Format
    software: str
    parser: str
    full: int = _FULL
    keep: bool = True
    is_of_story: Callable[[Capture], bool] = lambda _: True


class RawFiles:
    """The files of one writer. Every method raises DiskError.

    `problems` are the files that were found damaged, with what is wrong first.
    """

    def __init__(self, folder: Path, raw: Raw) -> None:
        self.parser = raw.parser
        self.problems: dict[str, str] = {}
        self._folder = folder
        self._form = raw.form
        self._software = raw.software
        self._full = raw.full
        self._keep = raw.keep
        self._is_of_story = raw.is_of_story
        self._file: int | None = None
        self._name = ""
        self._size = 0

    def keep(
        self,
        connection: sqlite3.Connection,
        looks: Sequence[tuple[Capture, Exchange]],
        now: datetime,
    ) -> list[Capture]:
        """Append looks at pages, durably; return them with their places, for their rows.

        A body that the archive has already is not written a second time. None where none is kept.
        """
        if not looks or not self._keep:
            return []
        self._turn_over(connection, now)
        kept: list[Capture] = []
        with disk_errors(self._folder / self._name):
            for look, exchange in looks:
                capture = replace(look, digest=self._form.digest_of(exchange.body))
                same = self._same(connection, capture, exchange, kept)
                records, length = self._form.pack(capture, exchange, same)
                place = Place(self._name, self._size, length)
                self._append(records)
                kept.append(replace(capture, place=place))
            os.fsync(self._file or 0)
        return kept

    def grow(self, connection: sqlite3.Connection) -> None:
        """Note how far the file is written that was last appended to."""
        if self._name:
            captures.grow(connection, self._name, self._size)

    def body_of(self, connection: sqlite3.Connection, capture: Capture) -> Place | None:
        """Return the record that has the body of a page: its own, or that which it names."""
        own = capture.place
        if own and ("/" in own.file or self._has_body(own)):
            return own
        found = self._with_body(connection, capture.digest)
        return found.place if found else own

    def finish(self) -> None:
        """Give the file that is being written its final name."""
        if self._file is not None:
            self.leave()
            self._rename(self._name)

    def leave(self) -> None:
        """Let go of the file that is being written, as it is: the next start settles it."""
        if self._file is not None:
            file, self._file = self._file, None
            with disk_errors(self._folder / self._name):
                os.close(file)

    def settle(self, connection: sqlite3.Connection) -> None:
        """Cut, index and finish what a killed writer left open; make names durable that it made.

        What is finished and longer than the catalogue knows is indexed: that may be an older copy.
        Where no file is known the catalogue may be one that was lost: what is cut is kept aside.
        """
        if not self._folder.is_dir():
            return
        sync_folder(self._folder.parent)
        sync_folder(self._folder)
        lost = not captures.sizes(connection)
        for path in own_files(self._folder):
            name = path.name.removesuffix(OPEN)
            if path.name == name:
                self._index(connection, path, name)
            elif self._cut(path, captures.size_of(connection, name), lost=lost):
                self._index(connection, path, name)
                self._rename(name)
            else:
                self._remove(path)

    def index_all(self, connection: sqlite3.Connection) -> None:
        """Write the rows of all records in finished files that have none."""
        for path in _files(self._folder):
            if path.name.endswith(".warc.gz"):
                self._index(connection, path, path.name)

    def _same(
        self,
        connection: sqlite3.Connection,
        capture: Capture,
        exchange: Exchange,
        kept: Sequence[Capture],
    ) -> Capture | None:
        """Return what has the body already; a revisit can only name what the site itself showed."""
        if not capture.digest or exchange.url != capture.final_url:
            return None
        if found := self._with_body(connection, capture.digest):
            return found
        just = (each for each in kept if each.digest == capture.digest)
        return next((each for each in just if each.source == SITE), None)

    def _with_body(self, connection: sqlite3.Connection, digest: str) -> Capture | None:
        """Return the first look whose body can be had: files are lost, and revisits have none."""
        looks = captures.with_body(connection, digest)
        return next((each for each in looks if each.place and self._has_body(each.place)), None)

    def _has_body(self, place: Place) -> bool:
        file = open_pages(self._folder / place.file)
        if file is None:
            return False
        with file, disk_errors(self._folder / place.file):
            there = os.fstat(file.fileno()).st_size >= place.offset + place.length
            file.seek(place.offset)
            return there and self._form.has_body(file.read(min(place.length, _HEAD)))

    def _turn_over(self, connection: sqlite3.Connection, now: datetime) -> None:
        """Open a file for this month, if the one that is open is of another, or full."""
        month = f"harvester-{now.astimezone(UTC):%Y%m}-"
        if self._file is not None and self._name.startswith(month) and self._size < self._full:
            return
        self.finish()
        make_folder(self._folder)
        self._name = self._free_name(connection, month)
        path = self._folder / f"{self._name}{OPEN}"
        with disk_errors(path):
            self._file = os.open(path, _FLAGS, 0o666)
            self._size = 0
            self._append(self._form.info(self._software, now, self._name))
        sync_folder(self._folder)

    def _free_name(self, connection: sqlite3.Connection, month: str) -> str:
        """Return the first name that no file has and none had that was moved elsewhere."""
        with disk_errors(self._folder):
            taken = {path.name.removesuffix(OPEN) for path in self._folder.iterdir()}
        taken |= {name for name, _ in captures.sizes(connection)}
        names = (f"{month}{number:05}.warc.gz" for number in count(1))
        return next(name for name in names if name not in taken)

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file or 0, view) :]
        self._size += len(data)

    def _rename(self, name: str) -> None:
        path = self._folder / f"{name}{OPEN}"
        with disk_errors(path):
            path.rename(self._folder / name)
        sync_folder(self._folder)

    def _remove(self, path: Path) -> None:
        """Delete a file in which nothing is whole."""
        with disk_errors(path):
            path.unlink()
        sync_folder(self._folder)

    def _cut(self, path: Path, known: int, *, lost: bool) -> int:
        """Cut a file behind its last whole record, never what has rows; return where that ends."""
        with disk_errors(path), path.open("r+b") as file:
            file.seek(known)
            end = known + self._form.whole(file)
            if end < file.seek(0, os.SEEK_END):
                if lost:
                    aside = self._folder.parent / "aside" / WARC
                    PostTree(self._folder).copy_aside(path.name, aside)
                file.truncate(end)
        sync(path)
        return end

    def _index(self, connection: sqlite3.Connection, path: Path, name: str) -> None:
        """Write the rows of records that have none: written and not committed, or forgotten."""
        known = captures.size_of(connection, name)
        with disk_errors(path), path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if size <= known:
                return
            with transaction(connection):
                for capture in filter(self._is_of_story, self._captures_in(file, name, known)):
                    captures.insert(connection, capture)
                captures.grow(connection, name, size)

    def _captures_in(self, file: BinaryIO, name: str, start: int) -> Iterator[Capture]:
        """Yield what a file tells of its pages, also behind damage, of which `verify` tells too.

        Each record is packed by itself; and damage must not keep a writer from starting.
        """
        at: int | None = start
        while at is not None:
            file.seek(at)
            try:
                yield from self._form.captures_in(file, name, at)
            except BadRecord as error:
                self.problems.setdefault(name, str(error))
                file.seek(error.offset + 1)
                at = self._form.next_record(file)
            else:
                return


def own_files(folder: Path) -> list[Path]:
    """Return the files of the raw archive that are named as ours, by name. Raises DiskError."""
    return [path for path in _files(folder) if _OURS.fullmatch(path.name)]


def _files(folder: Path) -> list[Path]:
    with disk_errors(folder), suppress(FileNotFoundError):
        return sorted(folder.iterdir())
    return []


def open_pages(path: Path) -> BinaryIO | None:
    """Open a file of the raw archive; None if it is not there.

    First under the name that it has while it is written: it may be finished at this moment.
    """
    for place in (path.with_name(path.name + OPEN), path):
        with disk_errors(place), suppress(FileNotFoundError):
            return place.open("rb")
    return None
