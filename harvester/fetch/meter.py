"""Ends an exchange that brings many bytes and little of a body.

Interim answers, empty lines, chunks of one byte and what stands between chunks can go on for ever
and never reach a cap on the body; parsing them would keep the whole event loop busy.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import aiohttp

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.tracing import Trace

# More than one read of a socket, what waits to be taken and the largest head together.
_ALLOWANCE: Final = 1024 * 1024
# So many bytes may come for each of the body; honest framing needs hardly more than one.
_SHARE: Final = 2


class MeteredConnector(aiohttp.TCPConnector):
    """Makes connections whose every exchange has a meter of its own."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the library's signature
    ) -> aiohttp.connector.Connection:
        """Return a connection for one exchange, new or used before."""
        connection = await super().connect(req, traces, timeout)
        transport, client = connection.transport, connection.protocol
        if transport is not None and client is not None:  # a client without messages is falsy
            transport.set_protocol(_Meter(transport, client))
        return connection


def credit(response: aiohttp.ClientResponse, size: int) -> None:
    """Let more come, since `size` bytes of the body came out of what was there."""
    transport = response.connection and response.connection.transport
    meter = transport and transport.get_protocol()
    if isinstance(meter, _Meter):
        meter.left += size * _SHARE


class _Meter(asyncio.Protocol):
    """Stands between a connection and its HTTP client; `left` is how many bytes may still come."""

    def __init__(self, transport: asyncio.Transport, client: ResponseHandler) -> None:
        self.left = _ALLOWANCE
        self._transport = transport
        self._client = client

    def data_received(self, data: bytes) -> None:
        """Pass bytes on, or end it."""
        self.left -= len(data)
        if self.left < 0:
            self._client.set_exception(aiohttp.ClientError("many bytes and no body"))
            self._transport.abort()
        else:
            self._client.data_received(data)

    def eof_received(self) -> None:
        self._client.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.connection_lost(exc)

    def pause_writing(self) -> None:
        self._client.pause_writing()

    def resume_writing(self) -> None:
        self._client.resume_writing()
