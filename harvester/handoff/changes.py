"""The change log for programs that keep up: its public form, and waiting for what comes.

A reader sees entries in the order of their numbers, and each only when its file lies in the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from harvester.errors import Busy
from harvester.handoff.consumers import AGAIN, REPLACED, ConsumerLost, Log
from harvester.store import CATALOGUE, Change, Reader, open_archive, stamp


def as_json(change: Change) -> dict[str, str | int]:
    """Return an entry as the one object that other programs get; instants are UTC."""
    return {
        "seq": change.seq,
        "op": change.op,
        "story_id": change.story_id,
        "path": change.path,
        "sha256": change.sha256,
        "content_hash": change.content_hash,
        "url": change.url,
        "title": change.title,
        "published": stamp(change.published),
        "access": change.access.value,
        "revision": change.revision,
        "at": stamp(change.at),
    }


def follow(archive: Log, since: int, wait: Callable[[], bool]) -> Iterator[Change]:
    """Return the entries after `since`, then those that come, each once, for as long as wished.

    `wait` is called when there is no more, or a writer keeps the catalogue locked; it returns
    whether to go on. Every reading begins with the last entry that was read: raises `ConsumerLost`
    when it is not there any more, or was never there, and as the archive does but for Busy.
    """
    last: Change | None = None
    going = True
    while going:
        with suppress(Busy):
            for change in _continued(archive, since, last):
                if change.seq > since:
                    yield change
                since, last = change.seq, change
        going = wait()


def _continued(archive: Log, since: int, last: Change | None) -> Iterator[Change]:
    """Return the entries from `since` on, where that one is `last` still, or has its number."""
    entries = archive.changes(since - 1)
    if since:
        first = next(entries, None)
        if first is None or first.seq != since or last not in (None, first):
            raise ConsumerLost(
                f"the change log has no entry {since}, or another one than before: "
                f"{REPLACED}; {AGAIN}"
            )
        yield first
    yield from entries


@contextmanager
def open_log(seeds: Path, state: Path) -> Iterator[Log]:
    """Open the change log of an archive, for as long as it is to be followed.

    Where another catalogue is put in the place of the one that is open, that one is read from then
    on; the open file would never show a change again. Raises as `open_archive`.
    """
    with closing(_CurrentLog(seeds, state)) as log:
        yield log


class _CurrentLog:
    """The change log of the catalogue that lies in the state folder when it is asked."""

    def __init__(self, seeds: Path, state: Path) -> None:
        self._seeds = seeds
        self._state = state
        self._opened = ExitStack()
        self._reader = self._open()

    def changes(self, since: int = 0) -> Iterator[Change]:
        """Return the entries after `since`, oldest first."""
        if self._lying_there() != self._file:
            self.close()
            self._reader = self._open()
        return self._reader.changes(since)

    def close(self) -> None:
        """Close the catalogue."""
        self._opened.close()

    def _open(self) -> Reader:
        # Looked at first: a catalogue that is replaced right now is opened once more later.
        self._file = self._lying_there()
        return self._opened.enter_context(open_archive(self._seeds, self._state))

    def _lying_there(self) -> tuple[int, int] | None:
        with suppress(OSError):  # opening it tells what is wrong
            found = (self._state / CATALOGUE).stat()
            return found.st_dev, found.st_ino
        return None
