"""Copies of the catalogue: whole, readable by themselves, and only so many of them."""

from __future__ import annotations

import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from harvester.store.inventory import require_sound
from harvester.store.tree import disk_errors, make_folder, sync, sync_folder

_NAME = re.compile(r"harvester-\d{8}T\d{6}Z\.db")
_LEFTOVER = re.compile(r"\.harvester-\d{8}T\d{6}Z\.db\.tmp(-journal)?")


def take_snapshot(
    connection: sqlite3.Connection, database: Path, folder: Path, now: datetime, keep: int
) -> Path:
    """Copy the catalogue to `folder/harvester-YYYYMMDDTHHMMSSZ.db` (UTC), durably; return its path.

    One that is damaged is not copied: in time no good copy would be left. The name appears when the
    copy is whole. Of the copies before it the newest `keep - 1` stay; nothing else in the folder is
    touched but what a killed writer left of such a copy. Raises DatabaseUnusable, DiskError, and
    sqlite3.Error where the disk is full.
    """
    require_sound(connection, database)
    make_folder(folder)
    target = folder / f"harvester-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.db"
    temporary = target.with_name(f".{target.name}.tmp")
    with disk_errors(folder):
        _remove(folder, _LEFTOVER)
        try:
            # SQLite does not sync what VACUUM INTO writes (https://sqlite.org/lang_vacuum.html).
            connection.execute("VACUUM INTO ?", (str(temporary.absolute()),))
            sync(temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(folder)
        _remove(folder, _NAME, spare=target, keep=keep - 1)
    return target


def _remove(folder: Path, name: re.Pattern[str], spare: Path | None = None, keep: int = 0) -> None:
    """Remove the files of that name form but `spare` and the `keep` newest."""
    found = sorted(path for path in folder.iterdir() if name.fullmatch(path.name))
    others = [path for path in found if path != spare]
    for path in others[: max(len(others) - keep, 0)]:
        path.unlink(missing_ok=True)
