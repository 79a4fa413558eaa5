"""Room for a new catalogue: the one that is there is set aside, whole or damaged."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from harvester.errors import DatabaseUnusable, ForeignDatabase, UsageError
from harvester.store import inventory, stories
from harvester.store.database import CATALOGUE, connect_writer, guarded
from harvester.store.lock import writer_lock
from harvester.store.tree import disk_errors, free_name, make_folder, sync_folder

REBUILD = "rebuild"
"""The name under which a run notes that it makes a catalogue anew; its outcome is then "done"."""

# The catalogue first: without its journal it may be torn and yet pass every check. A journal that
# is left without it is moved by the next call.
_FILES = tuple(CATALOGUE + ending for ending in ("", "-journal", "-wal", "-shm"))


def set_catalogue_aside(state: Path, now: datetime, *, discard: bool) -> Path | None:
    """Move the catalogue to `state/aside/catalogue-YYYYMMDDTHHMMSSZ/` (UTC); return that folder.

    None where there is none, or one of which the making anew was cut short. One that holds stories
    and in which no damage is found is moved only to `discard` it. Raises UsageError for it
    otherwise, ForeignDatabase, Busy and DiskError.
    """
    make_folder(state)
    with writer_lock(state):
        left = [state / name for name in _FILES if (state / name).exists()]
        if not left or (left[0].name == CATALOGUE and not _is_to_go(left[0], discard=discard)):
            return None
        folder = free_name(state / "aside" / f"catalogue-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}")
        make_folder(folder)
        with disk_errors(folder):
            for path in left:
                path.rename(folder / path.name)
        sync_folder(folder)
        sync_folder(state)
        return folder


def _is_to_go(path: Path, *, discard: bool) -> bool:
    """Return whether a catalogue is of no use; False where it is being made anew.

    Raises for one that is well and holds stories, and for one that is not ours.
    """
    try:
        with guarded(path), closing(connect_writer(path)) as connection:
            inventory.require_sound(connection, path)
            if discard or not stories.are_any(connection):
                return True
            if _is_cut_short(connection):
                return False
    except ForeignDatabase:
        raise
    except DatabaseUnusable:
        return True
    raise UsageError(
        f"{path}: no damage found; `harvester verify --repair` mends files and keeps the earlier "
        "texts and the change log, which a new catalogue would not have (--discard: make it anew "
        "all the same)"
    )


def _is_cut_short(connection: sqlite3.Connection) -> bool:
    last = connection.execute(
        "SELECT coalesce(outcome, '') FROM runs WHERE command = ? ORDER BY id DESC LIMIT 1",
        (REBUILD,),
    ).fetchone()
    return last is not None and last[0] != "done"
