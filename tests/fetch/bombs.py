"""Small bodies that unfold to as much as one likes, made without holding that much."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable
from typing import Final

import brotli  # type: ignore[import-untyped]

MIB: Final = 1024 * 1024
_ZEROS: Final = bytes(MIB)


def _deflated(size: int, bits: int, before: bytes = b"") -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    pieces = [packer.compress(before), *(packer.compress(_ZEROS) for _ in range(size // MIB))]
    return b"".join((*pieces, packer.flush()))


def _gzip(size: int) -> bytes:
    return _deflated(size, zlib.MAX_WBITS | 16)


def _brotli(size: int) -> bytes:
    packer = brotli.Compressor(quality=1)
    pieces = [packer.process(_ZEROS) for _ in range(size // MIB)]
    return b"".join((*pieces, packer.finish()))


def _zstd(size: int) -> bytes:
    """Return blocks that each are one byte 128 Ki times (RFC 8878, 3.1): four bytes a block."""
    repeat, count = (131072 << 3) | 0b010, size // 131072
    blocks = (repeat | (n == count - 1) for n in range(count))
    return bytes.fromhex("28b52ffd0058") + b"".join(b.to_bytes(3, "little") + b"\0" for b in blocks)


BOMBS: Final[dict[str, tuple[str, Callable[[int], bytes]]]] = {
    "gzip": ("gzip", _gzip),
    "deflate": ("deflate", lambda size: _deflated(size, zlib.MAX_WBITS)),
    "br": ("br", _brotli),
    "zstd": ("zstd", _zstd),
    "nested": ("gzip, gzip", lambda size: gzip.compress(_gzip(size))),
    "many members": ("gzip", lambda size: gzip.compress(_ZEROS) * (size // MIB)),
    # Most of the cap has come over the wire, as it is, before the rest unfolds.
    "after much": (
        "gzip",
        lambda size: _deflated(size, zlib.MAX_WBITS | 16, os.urandom(6 * MIB)),
    ),
    "after many members": (
        "gzip",
        lambda size: gzip.compress(b"") * 99 + _gzip(size),
    ),
}
"""Name, content coding, and what makes the body that unfolds to so many bytes."""
