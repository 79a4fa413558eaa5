"""A fresh place for each test, and the hand-arranged replica on a loopback port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harvester.replica import Site
from harvester.replica.server import ReplicaServer
from tests.e2e.support import Place


@pytest.fixture
async def server() -> AsyncIterator[ReplicaServer]:
    """Yield a running replica of the arranged site."""
    async with ReplicaServer(Site.arranged()) as server:
        yield server


@pytest.fixture
def place(server: ReplicaServer, tmp_path: Path) -> Place:
    """Return an empty place whose requests go to the replica."""
    return Place(tmp_path, server.origin)
