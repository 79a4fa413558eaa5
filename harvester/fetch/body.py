"""Reading a body without trusting its size, and never taking half of one for the whole.

The content coding is undone here and not by aiohttp, which hands out what it has when a compressed
stream stops early inside an intact HTTP frame: a cut story would look like a short one.
"""

from __future__ import annotations

import sys
import zlib
from typing import TYPE_CHECKING, Final, Protocol

import aiohttp
import brotli  # type: ignore[import-untyped]

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor, ZstdError
else:
    from backports.zstd import ZstdDecompressor, ZstdError

if TYPE_CHECKING:
    from collections.abc import Callable

CODINGS: Final = "gzip, deflate, br, zstd"

_CHUNK: Final = 64 * 1024
# Each further member copies what is left of the input: many tiny ones would take for ever.
_MAX_MEMBERS: Final = 100


class _Stream(Protocol):
    """One compressed member, as zlib and zstd have it."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Brotli:
    """Brotli in the shape of the others; its streams have no further members."""

    unused_data = b""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    @property
    def eof(self) -> bool:
        return bool(self._stream.is_finished())

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        # In small steps: asked for much at once it holds three times as much.
        out = bytearray(self._stream.process(data, output_buffer_limit=_CHUNK))
        while len(out) < max_length and not self.eof:
            if not (step := self._stream.process(b"", output_buffer_limit=_CHUNK)):
                break
            out += step
        return bytes(out)


def _deflate(data: bytes) -> _Stream:
    """Return the stream for `deflate`, which some servers send without the zlib header."""
    has_header = data[0] & 0x0F == zlib.DEFLATED
    return zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)


_STREAMS: Final[dict[str, Callable[[bytes], _Stream]]] = {
    "gzip": lambda _: zlib.decompressobj(zlib.MAX_WBITS | 16),
    "x-gzip": lambda _: zlib.decompressobj(zlib.MAX_WBITS | 16),
    "deflate": _deflate,
    "br": lambda _: _Brotli(),
    "zstd": lambda _: ZstdDecompressor(),
}


async def read_capped(response: aiohttp.ClientResponse, cap: int) -> tuple[bytes, bool]:
    """Return at most `cap` decoded bytes of a body and whether that was all of it.

    Neither the bytes on the wire nor those that come out of the decompressor go past the cap; what
    is left is not drained, the connection is closed. The session must not decompress by itself.

    Raises aiohttp.ClientError for a coding we did not offer, ClientPayloadError for a cut or
    damaged body.
    """
    packed, whole = await _read_wire(response, cap)
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding == "identity" or not packed:
        return packed, whole
    if coding not in _STREAMS:
        raise aiohttp.ClientError(f"unknown content coding {coding!r}")
    try:
        return _unpack(packed, _STREAMS[coding], cap, whole=whole)
    except (zlib.error, brotli.error, ZstdError, EOFError) as error:
        raise aiohttp.ClientPayloadError(f"damaged {coding}") from error


async def _read_wire(response: aiohttp.ClientResponse, cap: int) -> tuple[bytes, bool]:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > cap:
            response.close()
            return bytes(body[:cap]), False
    return bytes(body), True


def _unpack(
    packed: bytes, stream_for: Callable[[bytes], _Stream], cap: int, *, whole: bool
) -> tuple[bytes, bool]:
    """Return at most `cap` unpacked bytes and whether that was all of the body.

    Raises EOFError if `packed`, said to be whole, stops early.
    """
    body = b""
    for _ in range(_MAX_MEMBERS):
        stream = stream_for(packed)
        body += stream.decompress(packed, cap - len(body) + 1)
        if len(body) > cap:
            return body[:cap], False
        if whole and not stream.eof:
            raise EOFError
        if not (packed := stream.unused_data):
            return body, whole
    return body, False
