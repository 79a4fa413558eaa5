"""What a writer that did not end well has made of the raw archive, after one ordinary start."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from warcio.archiveiterator import ArchiveIterator

from harvester.model import Place
from harvester.store import CATALOGUE, WARC
from harvester.warc import captures_in
from tests.torture.crash.operations import PAGED, legal, page_word

Row = tuple[str, int, int, str, str]


def wrong_pages(root: Path, acknowledged: frozenset[str]) -> int:
    """Count what is wrong: open files, false digests, rows or looks without the other, lost pages.

    A page is lost that was acknowledged, or of which a text is held.
    """
    folder = root / "state" / WARC
    paths = sorted(folder.iterdir()) if folder.exists() else []
    looks = {look for path in paths for look in _looks(path)}
    with closing(sqlite3.connect(root / "state" / CATALOGUE)) as connection:
        rows, held = set(_rows(connection)), _held(connection)
    return (
        sum(path.name.endswith(".open") for path in paths)
        + sum(_false_digests(path) for path in paths)
        + len(looks ^ rows)
        + len({word for word in acknowledged if word.startswith("page")} - _words(rows))
        + len(held - {post for *_, post in rows})
    )


def _looks(path: Path) -> Iterator[Row]:
    """Yield file, place, story and post of every whole look."""
    with path.open("rb") as file:
        for capture in captures_in(file, path.name, 0):
            place = capture.place or Place("", 0, 0)
            yield place.file, place.offset, place.length, capture.story_id, capture.sha256


def _rows(connection: sqlite3.Connection) -> Iterator[Row]:
    yield from connection.execute(
        "SELECT name, offset, length, story_id, sha256 "
        "FROM captures JOIN warc_files ON warc_files.id = file"
    )


def _held(connection: sqlite3.Connection) -> set[str]:
    """Return the posts that are held of the stories that come with their pages."""
    posts = {
        sha256(data).hexdigest()
        for texts in legal().values()
        for data, word in texts.items()
        if int(word.split("v")[0]) in PAGED
    }
    return posts & {row[0] for row in connection.execute("SELECT sha256 FROM revisions")}


def _false_digests(path: Path) -> int:
    wrong = 0
    with path.open("rb") as file:
        for record in ArchiveIterator(file, check_digests=True):
            record.raw_stream.read()
            wrong += record.digest_checker.passed is False
    return wrong


def _words(rows: set[Row]) -> set[str]:
    """Return the words that acknowledge the pages of rows."""
    return {page_word(int(story)) for _, _, _, story, _ in rows}
