"""One archive for all tests that only read it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.handoff.export.support import fill


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an archive in `seeds` and `state`, to be read only."""
    root = tmp_path_factory.mktemp("archive")
    asyncio.run(fill(root))
    return root
