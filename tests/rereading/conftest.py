"""A place for archives that are made once and copied by each test that breaks one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.handoff.follower_archive import quick_folder


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Yield a folder in which the start of a process does not wait for a disk."""
    with quick_folder() as folder:
        yield folder


@pytest.fixture
def place(folder: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Yield the place of a copy, which goes with the test."""
    place = folder / request.node.name
    yield place
    shutil.rmtree(place, ignore_errors=True)
