"""A place of which the start of a process does not wait for a disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bulk.crews import make_by_one, make_warcs
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


@pytest.fixture
def warcs(place: Path) -> Path:
    """Return a folder of three files; the first takes longest."""
    return make_warcs(place)


@pytest.fixture
def by_one(place: Path, warcs: Path) -> Harvest:
    """Return what one core makes of them."""
    return make_by_one(place, warcs)
