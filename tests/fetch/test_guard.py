"""Addresses: what is public, and what the socket factory lets through."""

from __future__ import annotations

import errno
import socket
from contextlib import AsyncExitStack
from dataclasses import replace
from ipaddress import ip_address
from itertools import cycle
from typing import TYPE_CHECKING

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from harvester.errors import Blocked, HostUnreachable
from harvester.fetch.guard import Guard, endpoints, is_public
from tests.support.figures import Figures, cases

if TYPE_CHECKING:
    from harvester.fetch.client import Fetcher
    from tests.fetch.conftest import Desk, FakeSite, Sentinels

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


class Answers(AbstractResolver):
    """A resolver that knows the addresses and ports of each lookup to come, in turn for ever."""

    def __init__(self, *turns: list[tuple[str, int]]) -> None:
        self.asked: list[str] = []
        self._turns = cycle(turns)

    async def resolve(
        self,
        host: str,
        port: int = 0,  # noqa: ARG002 the answer names another one
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 and its own family
    ) -> list[ResolveResult]:
        """Return what this turn has, whatever is asked."""
        self.asked.append(host)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=to,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address, to in next(self._turns)
        ]

    async def close(self) -> None:
        """Hold nothing."""


@pytest.mark.gate("N2", "SSRF set")
def test_public_is_the_open_internet_and_nothing_else(figures: Figures) -> None:
    """Private, local, special and reserved addresses are refused, also inside IPv6 forms."""
    passed = [address for address in BAD if is_public(ip_address(address))]
    good = [address for address in GOOD if is_public(ip_address(address))]

    figures.at_least("bad addresses tried", len(BAD), 30)
    figures.none("bad addresses let through", len(passed), of=len(BAD))
    figures.all("addresses of the open internet that pass", len(good), of=len(GOOD))


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


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1"])
@pytest.mark.gate("N2", "SSRF set")
async def test_a_name_that_points_inside_is_refused_at_connect(
    desk: Desk, sentinels: Sentinels, figures: Figures, address: str
) -> None:
    """Whatever a resolver answers, no connection is made to an address that is not public."""
    port = sentinels.port6 if ":" in address else sentinels.port
    resolver = Answers([(address, port)])
    fetcher = await desk.open(resolver, site_origin=None)
    tries = cases(50, 1000)

    refused = [await is_blocked(fetcher) for _ in range(tries)]

    assert set(resolver.asked) == {"www.zaobao.com.sg"}
    figures.all("names that point inside: refused", sum(refused), of=tries)
    figures.none("names that point inside: connections", len(sentinels.seen), of=tries)


@pytest.mark.gate("N2", "SSRF set")
async def test_a_name_that_points_inside_the_second_time_is_refused(
    desk: Desk, site: FakeSite, sentinels: Sentinels, figures: Figures
) -> None:
    """The first answer of a resolver buys nothing for the second.

    The site's own port stands for a public address, since nothing here may touch the internet:
    to the guard both are addresses that may be connected to.
    """
    site.serve("/x", site.reply(200, b"", Connection="close"))
    inside = ("127.0.0.1", sentinels.port), ("::1", sentinels.port6)
    resolver = Answers(*(turn for bad in inside for turn in ([("127.0.0.1", site.port)], [bad])))
    tries = cases(50, 1000)
    refused = [await twice(desk, resolver) for _ in range(tries)]

    figures.all("rebound names: first served, then refused", sum(refused), of=tries)
    figures.none("rebound names: connections", len(sentinels.seen), of=tries)


@pytest.mark.gate("N2", "SSRF set")
async def test_of_several_addresses_only_the_public_are_used(
    desk: Desk, site: FakeSite, sentinels: Sentinels, figures: Figures
) -> None:
    """Of an answer with good and bad addresses each is judged alone, in whatever order."""
    site.serve("/x", site.reply(200, b"", Connection="close"))
    bad = [("::1", sentinels.port6), ("127.0.0.1", sentinels.port)]
    fetcher = await desk.open(
        Answers([*bad, ("127.0.0.1", site.port)]), rate=1e6, site_origin=origin_by_name(site)
    )
    tries = cases(50, 1000)

    served = [not await is_blocked(fetcher) for _ in range(tries)]

    figures.all("mixed answers: served by the good address", sum(served), of=tries)
    figures.none("mixed answers: connections to the bad", len(sentinels.seen), of=tries)


async def twice(desk: Desk, resolver: Answers) -> bool:
    """Fetch with a first and a second start; return whether only the second was refused."""
    refused = []
    for _ in range(2):
        async with AsyncExitStack() as stack:
            fetcher = await replace(desk, stack=stack).open(
                resolver, rate=1e6, site_origin=origin_by_name(desk.site)
            )
            refused.append(await is_blocked(fetcher))
    return refused == [False, True]


async def is_blocked(fetcher: Fetcher) -> bool:
    """Return whether the guard refuses a fetch; any other failure flies on."""
    try:
        await fetcher.get("https://www.zaobao.com.sg/x")
    except Blocked as error:
        return "not a public address" in error.problem
    return False


def origin_by_name(site: FakeSite) -> str:
    """Return the origin of the site by a name that a resolver has to look up."""
    return f"http://localhost:{site.port}"
