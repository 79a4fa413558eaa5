"""A quick folder: simulated weeks write more often than a slow disk would let them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.handoff.follower_archive import quick_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder on a quick disk."""
    with quick_folder() as folder:
        yield folder
