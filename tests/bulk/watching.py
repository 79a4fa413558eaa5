"""What other processes are about, as Linux tells it: a moment is found without a guess."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.e2e.processes import DEADLINE
from tests.rereading.harvests import Harvest

T = TypeVar("T")


def until(found: Callable[[], T | None]) -> T:
    """Return what is found, as soon as it is there; fail where that takes too long."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        if there := found():
            return there
        os.sched_yield()
    raise AssertionError("it never came")


def shard_of(harvest: Harvest, ending: str) -> Path | None:
    """Return a file of a shard, of those with this ending."""
    folder = harvest.state / "shards"
    return next(folder.glob(f"*{ending}"), None) if folder.is_dir() else None


def holder_of(file: Path) -> int | None:
    """Return the process that has a file open."""
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if descriptor.readlink() == file:
                return int(descriptor.parts[2])
        except OSError:
            continue
    return None


def has_ended(process: int) -> bool:
    """Say whether a process is gone, or only waits for its parent to hear of it."""
    try:
        state = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"
