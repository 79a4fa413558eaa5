"""Reading a body without trusting its size, and never taking half of one for the whole.

The content coding is undone here and not by aiohttp, which hands out what it has when a compressed
stream stops early inside an intact HTTP frame: a cut story would look like a short one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import aiohttp

from harvester.coding import CHUNK, BadCoding, TooMuch, Unpacker, unpacker
from harvester.fetch.meter import credit

if TYPE_CHECKING:
    from collections.abc import Iterable

# An ordinary page unfolds in half a millisecond; while more does, others get their turn.
_AT_ONCE = 2**18


@dataclass(frozen=True, slots=True)
class Body:
    """A body without its content coding, and as it came over the `wire`.

    `whole` is false where it went past the cap and was cut there.
    """

    data: bytes
    wire: bytes = b""
    whole: bool = True


async def read_capped(response: aiohttp.ClientResponse, cap: int, *, keep: bool = False) -> Body:
    """Return at most `cap` decoded bytes of a body and whether that was all of it.

    `keep` is to have it as it came over the wire as well. Neither the bytes on the wire nor those
    that come out of the decompressor go past the cap; what is left is not drained, the connection
    is closed. Little more than the cap is held of each, and others get their turn while it unfolds.
    The session must not decompress by itself.

    Raises aiohttp.ClientError for a coding we did not offer, ClientPayloadError for a cut or
    damaged body.
    """
    coding = response.headers.get("Content-Encoding", "")
    try:
        unpack = unpacker(coding)
    except BadCoding as error:
        raise aiohttp.ClientError(str(error)) from error
    # They hand out their bytes without another copy; closed, or errors would keep them alive.
    with BytesIO() as body, BytesIO() as wire:
        try:
            await _read(response, unpack, body, wire if coding and keep else None, cap)
        except TooMuch:
            response.close()
            body.truncate(cap)
            return Body(body.getvalue(), whole=False)
        except BadCoding as error:
            raise aiohttp.ClientPayloadError(str(error)) from error
        data = body.getvalue()
        return Body(data, wire.getvalue() if coding else data)


async def _read(
    response: aiohttp.ClientResponse,
    unpack: Unpacker,
    body: BytesIO,
    wire: BytesIO | None,
    cap: int,
) -> None:
    arrived = 0
    async for chunk in response.content.iter_chunked(CHUNK):
        arrived += len(chunk)
        credit(response, len(chunk))
        if wire is not None:
            wire.write(chunk)
        await _unfold(unpack.pieces(chunk), body, cap)
        if arrived > cap:
            raise TooMuch
    unpack.end()


async def _unfold(pieces: Iterable[bytes], body: BytesIO, cap: int) -> None:
    for piece in pieces:
        body.write(piece)
        if body.tell() > cap:
            raise TooMuch
        if body.tell() > _AT_ONCE:
            await asyncio.sleep(0)
