"""Content codings (RFC 9110, 8.4.1), undone step by step: what comes out is never trusted to end.

Used for what comes from the network and for what was kept of it.
"""

from __future__ import annotations

import sys
import zlib
from typing import TYPE_CHECKING, Final, Protocol

import brotli  # type: ignore[import-untyped]

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor, ZstdError
else:
    from backports.zstd import ZstdDecompressor, ZstdError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CODINGS: Final = "gzip, deflate, br"
"""What is asked for. zstd is undone too, but what replays archives cannot yet."""

CHUNK: Final = 64 * 1024
"""The most that comes out in one step, in bytes."""

# Nobody who means well sends more; each costs more than its twenty bytes.
_MAX_MEMBERS: Final = 100


class BadCoding(Exception):
    """A coding that nobody offered, or a body that is damaged or cut."""


class TooMuch(Exception):
    """A body that unfolds to more than it may."""


class Unpacker(Protocol):
    """Undoes the coding of one body."""

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what comes out of a chunk, little at once. Raises BadCoding, TooMuch."""

    def end(self) -> None:
        """Hear that nothing more comes. Raises BadCoding if something is missing."""


def unpacker(coding: str) -> Unpacker:
    """Return what undoes the coding named by a `Content-Encoding`; empty means none.

    Raises BadCoding for one that is not among `CODINGS`.
    """
    name = coding.strip().lower() or "identity"
    if name == "identity":
        return _Plain()
    if name not in _STREAMS:
        raise BadCoding(f"unknown content coding {name!r}")
    return _Packed(name)


def unpacked(body: bytes, coding: str, cap: int) -> bytes:
    """Return a whole body without its coding. Raises BadCoding, or TooMuch above `cap` bytes."""
    unpack, out = unpacker(coding), bytearray()
    for piece in unpack.pieces(body):
        out += piece
        if len(out) > cap:
            raise TooMuch
    unpack.end()
    return bytes(out)


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


class _Plain:
    """Passes on a body that is not packed."""

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        yield chunk

    def end(self) -> None:
        """Take any end for the end: HTTP has looked after that."""


class _Packed:
    """Undoes a content coding step by step, member after member."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._stream: _Stream | None = None
        self._members = 0

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        try:
            yield from self._pieces(chunk)
        except (zlib.error, brotli.error, ZstdError, EOFError) as error:
            raise BadCoding(f"damaged {self._name}") from error

    def end(self) -> None:
        if self._stream and not self._stream.eof:
            raise BadCoding(f"damaged {self._name}")

    def _pieces(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            stream = self._stream = self._open(chunk)
            while piece := stream.decompress(chunk, CHUNK):
                yield piece
                chunk = b""
                if stream.eof:
                    break
            chunk = stream.unused_data if stream.eof else b""

    def _open(self, chunk: bytes) -> _Stream:
        if self._stream and not self._stream.eof:
            return self._stream
        self._members += 1
        if self._members > _MAX_MEMBERS:
            raise TooMuch
        return _STREAMS[self._name](chunk)
