"""Looking names up, and telling a silent name server from a silent site."""

from __future__ import annotations

import asyncio
import socket

from aiohttp.abc import AbstractResolver, ResolveResult


class PromptResolver(AbstractResolver):
    """Asks another resolver for so many seconds at most.

    The system tries silent name servers for longer than a connection may take to be made, and its
    timeout would look like one of the site.
    """

    def __init__(self, resolver: AbstractResolver, limit: float) -> None:
        self._resolver = resolver
        self._limit = limit

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of `host`; raise OSError (EAI_AGAIN) if no answer comes in time."""
        try:
            async with asyncio.timeout(self._limit):
                return await self._resolver.resolve(host, port, family)
        except TimeoutError as error:
            raise socket.gaierror(socket.EAI_AGAIN, "no answer of a name server") from error

    async def close(self) -> None:
        """Close the other one."""
        await self._resolver.close()
