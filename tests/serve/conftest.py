"""A server on a loopback port, what it tells, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from harvester.serve import HttpServer, Metrics
from harvester.settings import Address
from tests.serve.support import Client, Told


@pytest.fixture
def told() -> Told:
    """Return the provider."""
    return Told()


@pytest.fixture
def metrics() -> Metrics:
    """Return metrics of their own."""
    return Metrics()


@pytest.fixture
async def client(told: Told, metrics: Metrics) -> AsyncIterator[Client]:
    """Yield a client of a running server."""
    connector = aiohttp.TCPConnector(force_close=True)
    async with (
        HttpServer(Address("127.0.0.1", 0), told, metrics.registry) as server,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        yield Client(session, server.url)
