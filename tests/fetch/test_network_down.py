"""Our own network: recognised, never charged to the site, never tried again by itself."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from harvester.errors import FetchFailed, HostUnreachable, NetworkDown
from harvester.fetch import FetchSettings
from harvester.fetch.failures import translated
from harvester.model import HostState

if TYPE_CHECKING:
    from tests.fetch.conftest import Desk, FakeSite

NAME = "www.zaobao.com.sg"
URL = f"https://{NAME}/a"


class Names(AbstractResolver):
    """Name servers that can be out of reach: `failure` is what the system then says."""

    def __init__(self, failure: OSError | None = None) -> None:
        self.failure = failure
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return loopback, or fail."""
        self.asked += 1
        if self.failure:
            raise self.failure
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        """Hold nothing."""


class SilentNames(Names):
    """Name servers that never answer."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Wait for ever."""
        await asyncio.Event().wait()
        return await super().resolve(host, port, family)


def failing(number: int) -> type[FetchFailed]:
    """Return what a connection that fails with this errno is to us."""
    settings = FetchSettings("harvester/test")
    with pytest.raises(FetchFailed) as caught, translated(URL, settings):
        raise aiohttp.ClientConnectorError(None, OSError(number, "why"))  # type: ignore[arg-type]
    assert caught.value.url == URL
    return type(caught.value)


@pytest.mark.parametrize(
    "number", [errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL]
)
def test_no_way_out_is_our_own_network(number: int) -> None:
    """These errors arise on this side, before anything reaches the site."""
    assert failing(number) is NetworkDown


@pytest.mark.parametrize("number", [errno.ECONNREFUSED, errno.ECONNRESET, errno.ETIMEDOUT])
def test_a_refusal_comes_from_the_site(number: int) -> None:
    """Somebody over there said no, or did not answer."""
    assert failing(number) is HostUnreachable


async def test_our_own_network_is_not_charged_to_the_site(desk: Desk, site: FakeSite) -> None:
    """Hours without network leave the host as it was; the first try after them succeeds."""
    names = Names(socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"))
    origin = f"http://localhost:{site.port}"
    site.serve("/a", site.reply(200, b"text"))
    fetcher = await desk.open(names, site_origin=origin, breaker=True, max_rest=0.0)

    for _ in range(10):
        with pytest.raises(NetworkDown, match="no network: Temporary failure") as caught:
            await fetcher.get(URL)
        assert caught.value.transient

    assert names.asked == 10
    assert fetcher.hosts()[NAME].failures == 0
    names.failure = None
    assert (await fetcher.get(URL)).body == b"text"


async def test_an_unknown_name_is_charged(desk: Desk) -> None:
    """A name server that says "no such name" was reached: then it is the site that is missing."""
    names = Names(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
    fetcher = await desk.open(names, site_origin=None, breaker=True, max_rest=0.0)

    with pytest.raises(HostUnreachable, match="no such host") as caught:
        await fetcher.get(URL)

    assert not isinstance(caught.value, NetworkDown)
    assert fetcher.hosts()[NAME].failures == 3


async def test_silent_name_servers_are_our_own_network(desk: Desk) -> None:
    """Their silence ends before that of a connection would, and is told apart from it."""
    fetcher = await desk.open(
        SilentNames(), site_origin=None, breaker=True, max_rest=0.0, connect_timeout=1.0
    )

    with pytest.raises(NetworkDown, match="no answer of a name server"):
        await fetcher.get(URL)

    assert fetcher.hosts()[NAME].failures == 0


async def test_a_probe_without_network_decides_nothing(desk: Desk, site: FakeSite) -> None:
    """The host keeps its count; whoever comes next is the probe."""
    desk.memory.states[NAME] = HostState(robots="", robots_at=desk.clock.now(), failures=3)
    names = Names(socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"))
    origin = f"http://localhost:{site.port}"
    site.serve("/a", site.reply(200, b"text"))
    fetcher = await desk.open(names, site_origin=origin, breaker=True, max_rest=0.0)

    for _ in range(3):
        with pytest.raises(NetworkDown):
            await fetcher.get(URL)
    assert fetcher.hosts()[NAME].failures == 3

    names.failure = None
    assert (await fetcher.get(URL)).body == b"text"
    assert fetcher.hosts()[NAME].failures == 0
