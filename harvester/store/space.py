"""How much room there is on disk."""

from __future__ import annotations

import os
from pathlib import Path

from harvester.store.tree import disk_errors


def free_bytes(*folders: Path) -> int:
    """Return the bytes that an ordinary user may still write, where they are fewest.

    A folder that is not there yet counts as its nearest parent that is. Raises DiskError.
    """
    return min(map(_free, folders))


def _free(folder: Path) -> int:
    place = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    with disk_errors(place):
        figures = os.statvfs(place)
    return figures.f_bavail * figures.f_frsize
