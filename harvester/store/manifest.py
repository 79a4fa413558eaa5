"""`MANIFEST.jsonl` in the post tree: what lies there, for those who have no database.

A line that stands is true at every moment: before a post is replaced its line is taken out, and
put back with the next whole manifest. So it may lag behind, but it never names other bytes than
those that lie there.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import filterfalse, zip_longest
from pathlib import Path
from typing import Any

from harvester.store import rows
from harvester.store.rows import PAGE
from harvester.store.stories import last_change
from harvester.store.tree import disk_errors, make_folder, replace_file, sync_folder

MANIFEST = "MANIFEST.jsonl"
_MARK = "MANIFEST"
# No value of a line can hold this: inside of a JSON string its quotes would be escaped.
_AFTER_PATH = b', "sha256": '


@dataclass(frozen=True, slots=True)
class Line:
    """A post of the tree: `path` relative to it, `sha256` in hex, the story's last change."""

    path: str
    sha256: str
    story_id: str
    seq: int

    def as_bytes(self) -> bytes:
        """Return the line as it stands in the file."""
        return f"{json.dumps(asdict(self), ensure_ascii=False)}\n".encode()


class Manifest:
    """The manifest of a tree, kept by its one writer. Raises DiskError."""

    def __init__(self, root: Path) -> None:
        self._file = root / MANIFEST
        # The change up to which all is told; None: something is missing.
        self._told: int | None = None

    def begin(self, connection: sqlite3.Connection) -> None:
        """Find out what the last writer left: after a clean end the file tells all."""
        if self._file.exists() and not rows.dirty_folders(connection):
            self._told = last_change(connection)

    def withdraw(self, paths: Iterable[str]) -> None:
        """Take the lines of these posts out, durably."""
        wanted = {Line(path, "", "", 0).as_bytes().partition(_AFTER_PATH)[0] for path in paths}
        if not wanted or not self._file.exists():
            return

        def told(line: bytes) -> bool:
            return line.partition(_AFTER_PATH)[0] in wanted

        with disk_errors(self._file), self._file.open("rb") as file:
            if not any(map(told, file)):
                return
            self._told = None
            file.seek(0)
            self._replace(filterfalse(told, file))

    def publish(self, connection: sqlite3.Connection) -> None:
        """Write it anew if it does not tell all that is committed."""
        last = last_change(connection)
        if last != self._told:
            self._replace(line.as_bytes() for line in lines(connection))
            self._told = last

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
        last = page[-1][0]


def is_true(connection: sqlite3.Connection, root: Path) -> bool:
    """Say whether the file agrees with the catalogue.

    While folders are marked a writer is at work, or was killed: then lines may be missing or know
    an earlier change, but none may name other bytes.
    """
    complete = not rows.dirty_folders(connection)
    path = root / MANIFEST
    if not path.exists():
        return not complete or next(lines(connection), None) is None
    with disk_errors(path), path.open("rb") as file:
        agree = _all_told if complete else _none_wrong
        return agree(map(_parse, file), lines(connection))


def _all_told(told: Iterable[Line | None], expected: Iterable[Line]) -> bool:
    return all(line == row for line, row in zip_longest(told, expected))


def _none_wrong(told: Iterable[Line | None], expected: Iterable[Line]) -> bool:
    """Say whether each line stands among those expected, both by path, but for its change."""
    rest = iter(expected)
    for line in told:
        row = next((row for row in rest if line and row.path >= line.path), None)
        if line is None or row is None or (row.path, row.sha256) != (line.path, line.sha256):
            return False
    return True


def _parse(line: bytes) -> Line | None:
    try:
        values: dict[str, Any] = json.loads(line)
        return Line(**values)
    except (ValueError, TypeError):
        return None
