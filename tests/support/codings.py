"""Bodies in each content coding."""

from __future__ import annotations

import gzip
import sys
import zlib

import brotli  # type: ignore[import-untyped]

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def packed(data: bytes, coding: str) -> bytes:
    """Return data in a coding; the empty one changes nothing."""
    match coding:
        case "":
            return data
        case "gzip" | "x-gzip":
            return gzip.compress(data, 1)
        case "deflate":
            return zlib.compress(data, 1)
        case "br":
            return bytes(brotli.compress(data, quality=1))
        case "zstd":
            return zstd.compress(data, 1)
    raise ValueError(coding)
