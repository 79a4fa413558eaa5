"""Reading a body without trusting its size, and never taking half of one for the whole.

The content coding is undone here and not by aiohttp, which hands out what it has when a compressed
stream stops early inside an intact HTTP frame: a cut story would look like a short one.
"""

from __future__ import annotations

import asyncio
import sys
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Final, Protocol

import aiohttp
import brotli  # type: ignore[import-untyped]

from harvester.fetch.meter import credit

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor, ZstdError
else:
    from backports.zstd import ZstdDecompressor, ZstdError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CODINGS: Final = "gzip, deflate, br, zstd"

_CHUNK: Final = 64 * 1024
# Nobody who means well sends more; each costs more than its twenty bytes.
_MAX_MEMBERS: Final = 100


class _Stream(Protocol):
    """One compressed member; what it was given and has not unpacked yet it keeps."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Zlib:
    """A stream of zlib in the shape of the others: it returns what it could not take yet."""

    def __init__(self, bits: int) -> None:
        self._stream = zlib.decompressobj(bits)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + data, max_length)


class _Brotli:
    """Brotli in the shape of the others; its streams have no further members."""

    unused_data = b""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    @property
    def eof(self) -> bool:
        return bool(self._stream.is_finished())

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return bytes(self._stream.process(data, output_buffer_limit=max_length))


def _deflate(data: bytes) -> _Stream:
    """Return the stream for `deflate`, which some servers send without the zlib header."""
    has_header = data[0] & 0x0F == zlib.DEFLATED
    return _Zlib(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)


_STREAMS: Final[dict[str, Callable[[bytes], _Stream]]] = {
    "gzip": lambda _: _Zlib(zlib.MAX_WBITS | 16),
    "x-gzip": lambda _: _Zlib(zlib.MAX_WBITS | 16),
    "deflate": _deflate,
    "br": lambda _: _Brotli(),
    "zstd": lambda _: ZstdDecompressor(),
}


async def read_capped(response: aiohttp.ClientResponse, cap: int) -> tuple[bytes, bool]:
    """Return at most `cap` decoded bytes of a body and whether that was all of it.

    Neither the bytes on the wire nor those that come out of the decompressor go past the cap; what
    is left is not drained, the connection is closed. Little more than the cap is held at any time,
    and others get their turn while it unfolds. The session must not decompress by itself.

    Raises aiohttp.ClientError for a coding we did not offer, ClientPayloadError for a cut or
    damaged body.
    """
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    unpacker = _unpacker(coding)
    # Hands out its bytes without another copy of them; closed, or errors would keep them alive.
    with BytesIO() as body:
        try:
            await _read(response, unpacker, body, cap)
        except _TooMuch:
            response.close()
            body.truncate(cap)
            return body.getvalue(), False
        except (zlib.error, brotli.error, ZstdError, EOFError) as error:
            raise aiohttp.ClientPayloadError(f"damaged {coding}") from error
        return body.getvalue(), True


async def _read(
    response: aiohttp.ClientResponse, unpacker: _Plain | _Packed, body: BytesIO, cap: int
) -> None:
    wire = 0
    async for chunk in response.content.iter_chunked(_CHUNK):
        wire += len(chunk)
        credit(response, len(chunk))
        for piece in unpacker.pieces(chunk):
            body.write(piece)
            if body.tell() > cap:
                raise _TooMuch
            await asyncio.sleep(0)
        if wire > cap:
            raise _TooMuch
    unpacker.end()


class _TooMuch(Exception):
    """The body is larger than it may be."""


class _Plain:
    """Passes on a body that is not packed."""

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        yield chunk

    def end(self) -> None:
        """Take any end for the end: HTTP has looked after that."""


class _Packed:
    """Undoes a content coding step by step, member after member."""

    def __init__(self, stream_for: Callable[[bytes], _Stream]) -> None:
        self._stream_for = stream_for
        self._stream: _Stream | None = None
        self._members = 0

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what comes out of a chunk, little at once; raise _TooMuch for too many members."""
        while chunk:
            stream = self._stream = self._open(chunk)
            while piece := stream.decompress(chunk, _CHUNK):
                yield piece
                chunk = b""
                if stream.eof:
                    break
            chunk = stream.unused_data if stream.eof else b""

    def end(self) -> None:
        """Raise EOFError if the last member stopped early."""
        if self._stream and not self._stream.eof:
            raise EOFError

    def _open(self, chunk: bytes) -> _Stream:
        if self._stream and not self._stream.eof:
            return self._stream
        self._members += 1
        if self._members > _MAX_MEMBERS:
            raise _TooMuch
        return self._stream_for(chunk)


def _unpacker(coding: str) -> _Plain | _Packed:
    if coding == "identity":
        return _Plain()
    if coding not in _STREAMS:
        raise aiohttp.ClientError(f"unknown content coding {coding!r}")
    return _Packed(_STREAMS[coding])
