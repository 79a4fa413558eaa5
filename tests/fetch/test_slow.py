"""Servers that are slow, endless, silent or loud: each is freed, and holds up nobody."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import fmean

import pytest

from harvester.errors import FetchFailed
from tests.fetch import visitor
from tests.fetch.conftest import Desk, FakeSite, Script
from tests.fetch.visitor import MIB, Visit
from tests.support.figures import Figures

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SILENT = "silent for {first_byte:g} s"
LATE = "no answer within {total:g} s"
CUT = "the body was cut or damaged"
LOST = "the connection was lost"
UNREADABLE = "not a readable HTTP answer"
LARGE = "larger than {cap:,} bytes"
# Limits turned down for those that only they end: however slow the machine is, no other one does.
SHORT: dict[str, dict[str, float]] = {SILENT: {"first_byte": 0.5}, LATE: {"total": 3.0}}


def says(head: bytes, pause: float | None = None) -> Script:
    """Return a server that says this and closes, or waits after it until the other side closes."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await writer.drain()
        if pause is None:
            await reader.read()

    return script


def repeats(head: bytes, piece: bytes, pause: float) -> Script:
    """Return a server that sends a piece for ever, with a pause after each."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return script


async def resets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset the connection after the start of a body."""
    writer.write(OK + b"Content-Length: 100\r\n\r\nshort")
    await writer.drain()
    writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    writer.transport.abort()


def scripts(pause: float) -> dict[str, tuple[Script, set[str]]]:
    """Return all kinds, those that trickle with this pause, and how each may end."""
    length = OK + b"Content-Length: 99999999999\r\n\r\n"
    return {
        "/a-byte-now-and-then": (repeats(length, b"a", pause), {LATE}),
        "/slow-chunks": (repeats(CHUNKED, b"1\r\na\r\n", pause), {LATE}),
        "/slow-header": (repeats(OK + b"X: ", b"a", pause), {LATE}),
        "/slow-status": (repeats(b"HTTP/1.1 200 ", b"O", pause), {LATE}),
        "/slow-interim": (repeats(b"", b"HTTP/1.1 102 P\r\n\r\n", pause), {LATE}),
        "/silence": (says(b""), {SILENT}),
        "/silence-after-interim": (says(b"HTTP/1.1 100 Continue\r\n\r\n"), {LATE}),
        "/silence-in-the-header": (says(OK + b"Content-"), {SILENT}),
        "/silence-in-the-body": (says(OK + b"Content-Length: 10\r\n\r\nab"), {SILENT}),
        "/endless-body": (repeats(length, bytes(65536), 0), {LARGE}),
        "/endless-chunks": (repeats(CHUNKED, b"10000\r\n" + bytes(65536) + b"\r\n", 0), {LARGE}),
        "/endless-tiny-chunks": (repeats(CHUNKED, b"1\r\na\r\n" * 9999, 0), {CUT}),
        "/endless-chunk-head": (repeats(CHUNKED + b"1;", b"a" * 65536, 0), {CUT}),
        "/endless-trailers": (repeats(CHUNKED + b"0\r\n", b"X: a\r\n" * 99, 0), {UNREADABLE, CUT}),
        "/endless-headers": (repeats(OK, b"X: a\r\n" * 99, 0), {UNREADABLE}),
        "/endless-header": (repeats(OK + b"X: ", b"a" * 65536, 0), {UNREADABLE}),
        "/endless-interim": (repeats(b"", b"HTTP/1.1 103 E\r\n\r\n" * 99, 0), {UNREADABLE}),
        "/endless-blank-lines": (repeats(b"", b"\r\n" * 32768, 0), {UNREADABLE}),
        "/reset": (resets, {LOST, CUT}),
        "/closed": (says(b"", 0), {LOST}),
        "/length-too-long": (says(OK + b"Content-Length: 9\r\n\r\nshort", 0), {CUT}),
        "/length-negative": (says(OK + b"Content-Length: -1\r\n\r\n"), {UNREADABLE}),
        "/length-twice": (
            says(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            {UNREADABLE},
        ),
    }


@pytest.mark.gate("N6", "slow and endless servers")
async def test_each_ends_in_its_own_words(desk: Desk, site: FakeSite, figures: Figures) -> None:
    """With some limits turned down all of them at once: freed, typed, and none stops another."""
    kinds = scripts(0.02)
    for path, (script, _) in kinds.items():
        site.serve(path, script)
    site.serve("/well", site.reply(200, b"well"))
    url = "https://www.zaobao.com.sg{}".format
    usual, *others = [
        await desk.open(None, attempts=1, concurrency=100, rate=1e6, **limits)
        for limits in ({}, *SHORT.values())
    ]
    short = dict(zip(SHORT, others, strict=True))
    for fetcher in others:  # robots.txt is read before anything floods
        await fetcher.get(url("/well"))

    async def problem(path: str) -> str:
        (*_, expected) = kinds[path][1]
        try:
            await short.get(expected, usual).get(url(path), cap=MIB)
        except FetchFailed as error:
            return error.problem
        return ""

    hostile = asyncio.gather(*map(problem, kinds))
    well = await usual.get(url("/well"))
    ends = dict(zip(kinds, await hostile, strict=True))

    assert well.body == b"well"
    turned_down = SHORT[SILENT] | SHORT[LATE]
    wrong = unexpected(ends, kinds, cap=MIB, **turned_down)
    figures.none(f"freed otherwise {wrong or ''}".strip(), len(wrong), of=len(kinds))


def unexpected(
    ends: dict[str, str], kinds: dict[str, tuple[Script, set[str]]], **limits: float
) -> dict[str, str]:
    """Return the ends that are none of those expected."""
    return {
        path: end
        for path, end in ends.items()
        if end not in {text.format(**limits) for text in kinds[path][1]}
    }


@pytest.mark.gate("N6", "slow and endless servers")
@pytest.mark.alone
@pytest.mark.release
@pytest.mark.timeout(300)
async def test_with_the_default_limits_all_are_freed_within_a_minute(figures: Figures) -> None:
    """The program's own limits, in real time, all kinds at once, and a well host beside them."""
    kinds = scripts(5)
    async with hostile_process() as origin:
        outcome = await visitor.send(Visit(origin, list(kinds), beside=600))
        quiet = await visitor.send(Visit(origin, [], beside=600))

    ends = {path: end.problem for path, end in outcome.ends.items()}
    wrong = unexpected(ends, kinds, first_byte=20, total=60, cap=8 * MIB)
    slowest = max(end.seconds for end in outcome.ends.values())
    alone = fmean(outcome.alone + quiet.alone)
    figures.none(f"freed otherwise {wrong or ''}".strip(), len(wrong), of=len(kinds))
    figures.at_most("until the last is freed", slowest, 61, " s")
    figures.at_least("fetches beside them", len(outcome.beside), 100)
    figures.at_most("others delayed by", 100 * (fmean(outcome.beside) / alone - 1), 5, " %")


@asynccontextmanager
async def hostile_process() -> AsyncIterator[str]:
    """Run the servers in a process of their own, since those that flood take all of one."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.fetch.slow_site",
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.communicate()


@pytest.mark.parametrize(
    ("size", "fields", "fits"),
    [(64_000, 99, True), (67_000, 99, False), (1_000, 100, True), (1_000, 101, False)],
)
@pytest.mark.gate("N6", "slow and endless servers")
async def test_the_header_block_has_a_limit(
    desk: Desk, site: FakeSite, figures: Figures, size: int, fields: int, fits: bool
) -> None:
    """64 KiB and 100 fields are read; more of either is no answer."""
    filler = b"".join(
        b"X%03d: %s\r\n" % (n, b"a" * (size // fields - 8)) for n in range(fields - 1)
    )
    site.serve("/x", OK + filler + b"Content-Length: 0\r\n\r\n")
    fetcher = await desk.open(attempts=1)

    problem = ""
    try:
        await fetcher.get("https://www.zaobao.com.sg/x")
    except FetchFailed as error:
        problem = error.problem

    figures.all(
        "header blocks judged by size and fields", problem == ("" if fits else UNREADABLE), 1
    )
