"""A file that appears whole or not at all."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from harvester.errors import Busy, DiskError
from harvester.store import sync_folder

_OPEN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of `target`, durably, when the block ends without error.

    It is written beside it as `.harvester-export-NAME.tmp`, and kept locked: what a killed writer
    left is taken up by the next one, and of two at once the second gets Busy. Raises DiskError.
    """
    temporary = target.with_name(f".harvester-export-{target.name}.tmp")
    try:
        with _locked(temporary, target) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                temporary.replace(target)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as problem:
        raise DiskError(
            f"{target}: {problem.strerror or problem}; choose a folder that is there, has room and "
            "can be written to"
        ) from problem
    sync_folder(target.parent)


def _locked(temporary: Path, target: Path) -> BinaryIO:
    """Open a temporary file for this process alone, empty; the lock ends with the process."""
    while True:
        file = os.fdopen(os.open(temporary, _OPEN, 0o666), "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _names(temporary, file):
                file.truncate()
                return file
        except BlockingIOError:
            file.close()
            raise Busy(f"{target}: another export is writing it; wait for it to end") from None
        except BaseException:
            file.close()
            raise
        file.close()  # another writer has just finished with it: it has a new name, or none


def _names(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
