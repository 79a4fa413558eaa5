"""A place of which the start of a process does not wait for a disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.handoff.follower_archive import quick_folder
from tests.rereading.harvests import Harvest


@pytest.fixture
def place() -> Iterator[Path]:
    """Yield a folder for archives and files."""
    with quick_folder() as folder:
        yield folder


@pytest.fixture
def harvest(place: Path) -> Harvest:
    """Return an empty archive."""
    (place / "archive").mkdir()
    return Harvest(place / "archive")
