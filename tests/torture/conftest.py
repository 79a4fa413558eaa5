"""What the tests of processes share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.handoff.follower_archive import quick_folder


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a folder in memory, if there is one: thousands of writes are synced there."""
    with quick_folder() as folder:
        yield folder
