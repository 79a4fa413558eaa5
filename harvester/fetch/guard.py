"""Which addresses may be connected to, decided at connect time on the very address used.

A check of names or of URLs is not enough: a resolver can answer differently a moment later, and
never sees an address written into a URL.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from harvester.errors import HostUnreachable

if TYPE_CHECKING:
    from aiohappyeyeballs import AddrInfoType
    from yarl import URL

Address = IPv4Address | IPv6Address
Endpoint = tuple[Address, int]

# Not for the public, yet `is_global` for Python 3.11: carrier NAT, 6to4 relays, site-local,
# documentation, local NAT64, IPv4-compatible.
_SPECIAL: Final[tuple[IPv4Network | IPv6Network, ...]] = tuple(
    ip_network(network)
    for network in (
        "100.64.0.0/10",
        "192.88.99.0/24",
        "fec0::/10",
        "3fff::/20",
        "64:ff9b:1::/48",
        "::/96",
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Return whether `address`, and every IPv4 address inside it, belongs to the open internet."""
    if inner := _inner(address):
        return all(is_public(ip) for ip in inner)
    special = any(address in network for network in _SPECIAL)
    return address.is_global and not (address.is_multicast or address.is_reserved or special)


def _inner(address: Address) -> list[IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address leads to: mapped, 6to4, Teredo, NAT64."""
    if isinstance(address, IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [ip for ip in found if ip is not None]


@dataclass(frozen=True, slots=True)
class Guard:
    """A socket factory for aiohttp that makes sockets only for public addresses.

    `exceptions` are the (address, port) pairs of `--site-origin`, the only others allowed.
    """

    exceptions: frozenset[Endpoint] = frozenset()

    def __call__(self, info: AddrInfoType) -> socket.socket:
        """Return a socket for `info`; raise OSError (EACCES) if its address is not allowed."""
        family, kind, proto, _, (host, port, *_) = info
        address = ip_address(host.partition("%")[0])
        if not (is_public(address) or (address, port) in self.exceptions):
            raise OSError(errno.EACCES, f"{address} is not a public address")
        return socket.socket(family, kind, proto)


async def endpoints(origin: URL) -> frozenset[Endpoint]:
    """Look `origin` up once and return its (address, port) pairs.

    Raises HostUnreachable if there is no such host.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(
            origin.raw_host, origin.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )
    except OSError as error:
        raise HostUnreachable(str(origin), f"no such host ({error.strerror})") from error
    return frozenset((ip_address(info[4][0]), int(info[4][1])) for info in found)
