"""Addresses: what is public, and what the socket factory lets through."""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from harvester.errors import Blocked, HostUnreachable
from harvester.fetch.guard import Guard, endpoints, is_public

if TYPE_CHECKING:
    from tests.fetch.conftest import Desk

BAD = [
    "0.0.0.0",  # noqa: S104
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "3fff::1",
    "fc00::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
GOOD = [
    "1.1.1.1",
    "8.8.8.8",
    "104.16.1.1",
    "203.116.1.1",
    "2606:4700::1111",
    "2400:cb00::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]


class Misleading(AbstractResolver):
    """A resolver that sends every name to one address and port."""

    def __init__(self, address: str, port: int) -> None:
        self.asked: list[str] = []
        self._answer = (address, port)

    async def resolve(
        self,
        host: str,
        port: int = 0,  # noqa: ARG002 the answer names another one
        family: socket.AddressFamily = socket.AF_INET,
    ) -> list[ResolveResult]:
        """Return the one address, whatever is asked."""
        self.asked.append(host)
        address, to = self._answer
        return [
            ResolveResult(hostname=host, host=address, port=to, family=family, proto=0, flags=0)
        ]

    async def close(self) -> None:
        """Hold nothing."""


@pytest.mark.parametrize("address", BAD)
def test_no_inner_address_is_public(address: str) -> None:
    """Private, local, special and reserved addresses are refused, also inside IPv6 forms."""
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", GOOD)
def test_addresses_of_the_open_internet_are_public(address: str) -> None:
    """Ordinary addresses pass, also through mapped and NAT64 forms."""
    assert is_public(ip_address(address))


def test_guard_makes_no_socket_for_a_private_address() -> None:
    """A refusal is an OSError, which aiohttp carries, and names the address."""
    info = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 443))

    with pytest.raises(OSError, match=r"127\.0\.0\.1 is not a public") as caught:
        Guard()(info)

    assert caught.value.errno == errno.EACCES


def test_guard_allows_exactly_the_excepted_endpoint() -> None:
    """The exception of the site origin is one address with one port, not the whole machine."""
    guard = Guard(frozenset({(ip_address("127.0.0.1"), 8080)}))

    guard((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 8080))).close()

    for other in [("127.0.0.1", 8081), ("127.0.0.2", 8080)]:
        with pytest.raises(OSError, match="not a public"):
            guard((socket.AF_INET, socket.SOCK_STREAM, 0, "", other))


async def test_a_named_origin_is_looked_up() -> None:
    """A host name as site origin stands for the addresses it has when the fetcher starts."""
    found = await endpoints(URL("http://localhost:8080"))

    assert (ip_address("127.0.0.1"), 8080) in found


async def test_an_origin_that_does_not_exist_is_unreachable() -> None:
    """No such host is a typed error that names the origin."""
    with pytest.raises(HostUnreachable, match=r"http://origin\.invalid:8080: no such host"):
        await endpoints(URL("http://origin.invalid:8080"))


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.0.0.1"])
async def test_a_name_that_points_inside_is_refused_at_connect(desk: Desk, address: str) -> None:
    """Whatever a resolver answers, no connection is made to an address that is not public."""
    resolver = Misleading(address, desk.site.port)
    fetcher = await desk.open(resolver, site_origin=None)

    for _ in range(50):
        with pytest.raises(Blocked, match="not a public address"):
            await fetcher.get("https://www.zaobao.com.sg/x")

    assert sorted(set(resolver.asked)) == ["www.zaobao.com.sg"]
    assert desk.site.requests == []
