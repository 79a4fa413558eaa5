"""Answers that are bombs, slow, endless, cut or silent: each is freed with a typed error."""

from __future__ import annotations

import asyncio
import gzip
import sys
import zlib
from typing import TYPE_CHECKING

import brotli  # type: ignore[import-untyped]
import pytest

if sys.version_info >= (3, 14):
    from compression.zstd import compress as zstd_compress
else:
    from backports.zstd import compress as zstd_compress

from harvester.errors import BodyTooLarge, FetchFailed

if TYPE_CHECKING:
    from tests.fetch.conftest import Desk, FakeSite

URL = "https://www.zaobao.com.sg/x"
MIB = 1024 * 1024


async def failure(desk: Desk, **settings: str | float | None) -> FetchFailed:
    """Return the error in which one try at URL ends."""
    fetcher = await desk.open(None, **({"attempts": 1} | settings))
    with pytest.raises(FetchFailed) as caught:
        await fetcher.get(URL, cap=4 * MIB)
    assert caught.value.url == URL
    return caught.value


async def test_the_connection_of_a_bomb_is_not_drained(desk: Desk, site: FakeSite) -> None:
    """After the refusal the server finds the connection closed and the next fetch works."""
    closed = asyncio.Event()

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        try:
            while True:
                writer.write(bytes(64 * 1024))
                await writer.drain()
        except ConnectionError:
            closed.set()

    site.serve("/x", endless)

    assert isinstance(await failure(desk), BodyTooLarge)
    await closed.wait()


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Say nothing at all."""
    await reader.read()


async def silent_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begin a body and stop."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab")
    await reader.read()


@pytest.mark.parametrize("script", [silent, silent_body])
async def test_silence_ends(desk: Desk, site: FakeSite, script: object) -> None:
    """No byte for the time set: transient, in plain words."""
    site.serve("/x", script)  # type: ignore[arg-type]

    error = await failure(desk, first_byte=0.1)

    assert (error.problem, error.transient) == ("silent for 0.1 s", True)


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"Content-Length: 100\r\n\r\nshort",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nshort",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nshort",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nshortzz\r\n",
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nshort",
        HEAD + b"Content-Encoding: br\r\nContent-Length: 5\r\n\r\nshort",
        HEAD + b"Content-Encoding: zstd\r\nContent-Length: 5\r\n\r\nshort",
        HEAD + b"Content-Le",
        b"",
    ],
)
async def test_a_cut_or_damaged_answer_is_no_page(
    desk: Desk, site: FakeSite, answer: bytes
) -> None:
    """Half a story must not be archived: transient, to be tried again."""

    async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    site.serve("/x", cut)

    assert (await failure(desk)).transient


TEXT = b"".join(b"<p>%d</p>" % n for n in range(5000))
PACKED = {
    "gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "br": brotli.compress(TEXT),
    "zstd": zstd_compress(TEXT),
}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("encoding", PACKED)
async def test_a_stream_cut_inside_an_intact_frame_is_no_page(
    desk: Desk, site: FakeSite, encoding: str, share: float
) -> None:
    """A compressed body that stops early, with a Content-Length that fits, is not a page."""
    packed = PACKED[encoding]
    site.serve("/x", site.reply(200, packed[: int(len(packed) * share)], Content_Encoding=encoding))

    error = await failure(desk)

    assert (error.problem, error.transient) == ("the body was cut or damaged", True)


async def test_endless_members_end(desk: Desk, site: FakeSite) -> None:
    """A body of very many tiny members is refused long before it is read through."""
    site.serve("/x", site.reply(200, gzip.compress(b"") * 100_000, Content_Encoding="gzip"))

    assert isinstance(await failure(desk), BodyTooLarge)


@pytest.mark.parametrize("encoding", ["gzip, gzip", "compress", "br, gzip"])
async def test_a_coding_that_was_not_offered_is_refused(
    desk: Desk, site: FakeSite, encoding: str
) -> None:
    """Bytes that nobody can read are not archived as a page."""
    site.serve("/x", site.reply(200, b"body", Content_Encoding=encoding))

    assert (await failure(desk)).problem == "not a readable HTTP answer"


async def test_a_reset_costs_one_request_a_try(desk: Desk, site: FakeSite) -> None:
    """The client library does not try again behind the back of the pace."""

    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    site.serve("/x", site.reply(200), reset)
    fetcher = await desk.open(attempts=3)
    await fetcher.get(URL)

    with pytest.raises(FetchFailed, match="the connection was lost after 3 tries"):
        await fetcher.get(URL)

    assert len(site.pages) == 4


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        HEAD + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
        HEAD + b"".join(b"X%d: a\r\n" % n for n in range(200)) + b"\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        HEAD + b"no colon\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_refused(desk: Desk, site: FakeSite, answer: bytes) -> None:
    """Other protocols, huge or endless headers: a typed error."""
    site.serve("/x", answer)

    assert (await failure(desk)).problem == "not a readable HTTP answer"
