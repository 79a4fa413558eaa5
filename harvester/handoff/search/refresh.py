"""Bring the index up to the archive's last change, or make it again.

    change log ─▶ stories after the last entry indexed ─▶ batches, a transaction each

Killed at any moment it goes on after its last batch. Only one process writes, by a lock of the
kernel; the others wait for it shortly, then search what is there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from harvester.errors import Busy, DiskError
from harvester.handoff.consumers import Position, entry_at
from harvester.handoff.search.index import (
    SEARCH,
    Index,
    IndexUnusable,
    open_index,
    open_index_for_writing,
    remove_index,
)
from harvester.store import Reader, Selection, open_archive, take_lock

_BATCH = 500
_PATIENCE = 2.0
_LOOK_AGAIN = 0.05
# Every story has an entry after this one, and comes in the order of its last.
_BEGINNING = -1


class Listener:
    """Hears what becomes of the index; this one keeps it to itself."""

    def say(self, text: str) -> None:
        """Hear why the index is made again, or not brought up to date."""

    def indexed(self, stories: int) -> None:
        """Hear how many stories have been taken up so far."""


_NOBODY = Listener()


def refresh_index(seeds: Path, state: Path, listener: Listener = _NOBODY) -> None:
    """Bring the index of an archive up to date, so that the next search need not.

    Raises Busy where another process is at it for longer than two seconds, DiskError, and as the
    archive does.
    """
    with open_archive(seeds, state) as archive:
        refresh(archive, state, listener)


def refresh(archive: Reader, state: Path, listener: Listener) -> None:
    """Do so for an archive that is open. Raises as `refresh_index`."""
    path = state / SEARCH
    if is_current(archive, path):
        return
    with _alone(state):
        try:
            _catch_up(archive, path, listener)
        except IndexUnusable as problem:
            listener.say(f"{problem}; it is made again")
            remove_index(path)
            _catch_up(archive, path, listener)


def remake(archive: Reader, state: Path, listener: Listener) -> None:
    """Make the index again from nothing. Raises as `refresh_index`."""
    with _alone(state):
        remove_index(state / SEARCH)
        _catch_up(archive, state / SEARCH, listener)


def is_current(archive: Reader, path: Path) -> bool:
    """Return whether the index is there, usable, and has all that the archive has."""
    try:
        with open_index(path) as index:
            return index.position() == _position_at(archive, archive.last_change())
    except (IndexUnusable, DiskError):
        return False


def _catch_up(archive: Reader, path: Path, listener: Listener) -> None:
    # Reading whole posts takes imports that a search in a finished index does without.
    from harvester.handoff.record import records  # noqa: PLC0415

    with open_index_for_writing(path) as index:
        stories = records(archive, Selection(after=_begin(archive, index, path)))
        done = 0
        while batch := list(islice(stories, _BATCH)):
            index.take(batch, _position_at(archive, batch[-1].seq))
            done += len(batch)
            listener.indexed(done)


def _begin(archive: Reader, index: Index, path: Path) -> int:
    """Return the number after which to go on. Raises IndexUnusable for another archive's index."""
    position = index.position()
    if position is None:
        return _BEGINNING
    if _position_at(archive, position.seq) != position:
        raise IndexUnusable(f"{path}: made from another catalogue, or from a newer copy of it")
    return position.seq


def _position_at(archive: Reader, seq: int) -> Position | None:
    entry = entry_at(archive, seq)
    return Position(entry.seq, entry.story_id, entry.at) if entry else None


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Hold the lock of the index."""
    path = state / "search.lock"
    deadline = time.monotonic() + _PATIENCE
    while (handle := take_lock(path)) is None:
        if time.monotonic() >= deadline:
            raise Busy(f"{path}: another process is bringing the index up to date")
        time.sleep(_LOOK_AGAIN)
    try:
        yield
    finally:
        os.close(handle)
