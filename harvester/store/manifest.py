"""`MANIFEST.jsonl` in the post tree: what lies there, for those who have no database.

A line that stands is true at every moment: before a post is replaced its line is taken out, and
put back with the next whole manifest. So it may lag behind, but it never names other bytes than
those that lie there.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import filterfalse
from pathlib import Path

from harvester.store import rows
from harvester.store.database import transaction
from harvester.store.rows import PAGE, further
from harvester.store.stories import last_change, skip_changes
from harvester.store.tree import (
    disk_errors,
    folder_of,
    make_folder,
    replace_file,
    sync_folder,
)
from harvester.store.watches import read_note, write_note

MANIFEST = "MANIFEST.jsonl"
_MARK = "MANIFEST"
# The note that tells up to which change the file tells all.
_TOLD = "manifest"
# The note that tells the file then written from any other.
_FILE = "manifest-file"
# No value of a line can hold this: inside of a JSON string its quotes would be escaped.
_AFTER_PATH = b', "sha256": '
# It is written whole: not too often, and of a large archive in a twentieth of the time.
_PAUSE, _SHARE = 10.0, 20.0
# So often single lines are taken out; then, as in a renewal of everything, a folder at a time.
_FEW = 20
_encode = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Line:
    """A post of the tree: `path` relative to it, `sha256` in hex, the story's last change."""

    path: str
    sha256: str
    story_id: str
    seq: int

    def has_same_file(self, other: Line) -> bool:
        """Say whether both name the same bytes at the same place."""
        return (self.path, self.sha256) == (other.path, other.sha256)

    def as_bytes(self) -> bytes:
        """Return the line as it stands in the file."""
        return (
            f'{_start(self.path)}, "sha256": "{self.sha256}", '
            f'"story_id": {_encode(self.story_id)}, "seq": {self.seq}}}\n'
        ).encode()


class Manifest:
    """The manifest of a tree, kept by its one writer. Raises DiskError."""

    def __init__(self, root: Path) -> None:
        self._file = root / MANIFEST
        # The change up to which all is told; None: something is missing.
        self._told: int | None = None
        self._withdrawals = 0
        self._empty: set[str] = set()
        self._not_before = 0.0

    def begin(self, connection: sqlite3.Connection, now: float) -> None:
        """Find out what the last writer left; `now` is in seconds of a steady clock.

        A file that tells of later changes than there are was left by a catalogue that is lost:
        this one is an older copy, or made anew. Its numbers go on after those of that one, for who
        remembers one of them asks for what comes after it.
        """
        self._not_before = now + _PAUSE
        if not self._file.exists():
            return
        if self._is_as_noted(connection) and not rows.dirty_folders(connection):
            self._told = _noted(connection)
        elif (last := self._highest()) > last_change(connection):
            with transaction(connection):
                skip_changes(connection, last)

    def _is_as_noted(self, connection: sqlite3.Connection) -> bool:
        return read_note(connection, _FILE) == self._fingerprint()

    def _fingerprint(self) -> str:
        """Return what tells the file from any other that has stood there."""
        with disk_errors(self._file):
            found = self._file.stat()
        return f"{found.st_size} {found.st_mtime_ns}"

    def _highest(self) -> int:
        with disk_errors(self._file), self._file.open("rb") as file:
            return max((line.seq for line in map(_parse, file) if line), default=0)

    def is_due(self, now: float) -> bool:
        """Say whether the last writing is long enough ago."""
        return now >= self._not_before

    def was_written(self, begun: float, ended: float) -> None:
        """Note how long it took: the next time comes later the longer it did."""
        self._not_before = ended + max(_PAUSE, _SHARE * (ended - begun))

    def withdraw(self, paths: Iterable[str]) -> None:
        """Take the lines of these posts out, durably, and perhaps those of their folders."""
        standing = {path for path in paths if folder_of(path) not in self._empty}
        if not standing or not self._file.exists():
            return
        folders = {folder_of(path) for path in standing} if self._withdrawals >= _FEW else set()
        starts = {_start(path).encode() for path in standing}
        inside = tuple(_start(f"{folder}/" if folder else "")[:-1].encode() for folder in folders)

        def is_concerned(line: bytes) -> bool:
            return line.partition(_AFTER_PATH)[0] in starts or line.startswith(inside)

        with disk_errors(self._file), self._file.open("rb") as file:
            if any(map(is_concerned, file)):
                self._told = None
                self._withdrawals += 1
                file.seek(0)
                self._replace(filterfalse(is_concerned, file))
        self._empty |= folders

    def publish(self, connection: sqlite3.Connection, at: datetime) -> None:
        """Write it anew if it does not tell all that is committed; `at` is the wall clock."""
        last = last_change(connection)
        if last == self._told and self._file.exists():
            return
        self._replace(line.as_bytes() for line in lines(connection))
        self._told, self._withdrawals, self._empty = last, 0, set()
        with transaction(connection):
            write_note(connection, _TOLD, str(last), at)
            write_note(connection, _FILE, self._fingerprint(), at)

    def _replace(self, chunks: Iterable[bytes]) -> None:
        make_folder(self._file.parent)
        replace_file(self._file, chunks, _MARK)
        sync_folder(self._file.parent)


def lines(connection: sqlite3.Connection) -> Iterator[Line]:
    """Return a line for each story, by path; read in short steps."""
    last = ""
    while page := connection.execute(
        "SELECT path, sha256, story_id, seq FROM stories WHERE path > ? ORDER BY path LIMIT ?",
        (last, PAGE),
    ).fetchall():
        yield from (Line(*row) for row in page)
        last = further(last, page[-1][0])


def faults(connection: sqlite3.Connection, root: Path) -> set[str]:
    """Return what is wrong with the file: lines, or paths that have none.

    Until it tells all (a writer is at work, or was killed) lines may be missing or know an earlier
    change, but none may name other bytes. What a writer does while it is read may look like a
    fault; then it is none at the next look.
    """
    complete = not rows.dirty_folders(connection) and _noted(connection) == last_change(connection)
    path = root / MANIFEST
    if not path.exists():
        return {MANIFEST} if complete and next(lines(connection), None) else set()
    with disk_errors(path), path.open("rb") as file:
        return set(_differing(map(_parse, file), lines(connection), complete=complete))


def _differing(
    told: Iterable[Line | None], expected: Iterator[Line], *, complete: bool
) -> Iterator[str]:
    """Return the paths of wrong lines; where all must be told, also those that have none.

    Both stand in the order of their paths.
    """
    for line in told:
        if line is None:
            yield MANIFEST
            continue
        row = next(expected, None)
        while row and row.path < line.path:
            if complete:
                yield row.path
            row = next(expected, None)
        if row != line and (complete or row is None or not row.has_same_file(line)):
            yield line.path
    if complete:
        yield from (row.path for row in expected)


def _parse(line: bytes) -> Line | None:
    try:
        return Line(**json.loads(line))
    except (ValueError, TypeError):
        return None


def _start(path: str) -> str:
    return f'{{"path": {_encode(path)}'


def _noted(connection: sqlite3.Connection) -> int | None:
    noted = read_note(connection, _TOLD)
    return int(noted) if noted is not None else None
