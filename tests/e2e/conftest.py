"""A fresh place for each test, and the hand-arranged replica on a loopback port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from harvester.replica import Site
from harvester.replica.server import ReplicaServer
from tests.e2e.processes import replica
from tests.e2e.support import Place
from tests.fetch.conftest import sentinels  # noqa: F401 - a fixture


@pytest.fixture
async def server() -> AsyncIterator[ReplicaServer]:
    """Yield a running replica of the arranged site."""
    async with ReplicaServer(Site.arranged()) as server:
        yield server


@pytest.fixture
def place(server: ReplicaServer, tmp_path: Path) -> Place:
    """Return an empty place whose requests go to the replica."""
    return Place(tmp_path, server.origin)


@pytest.fixture(scope="session")
def origin() -> Iterator[str]:
    """Yield the origin of a replica of five stories in a process of its own."""
    with replica(5) as (origin, _):
        yield origin
