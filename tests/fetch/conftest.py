"""A clock that never waits, a host memory, and a site made of scripted bytes on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from random import Random

import pytest
import uvloop
from aiohttp.abc import AbstractResolver

from harvester.fetch import FetchSettings
from harvester.fetch.client import Fetcher
from harvester.model import HostState

HOSTS = frozenset({"www.zaobao.com.sg", "www.zaobao.com", "zaobao.com.sg", "zaobao.com"})

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Reply = bytes | Script


class FakeClock:
    """A clock whose sleep is over at once and moves the time."""

    def __init__(self) -> None:
        self.start = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
        self.elapsed = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Return the start plus what was slept."""
        return self.start + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        """Return seconds from some other start."""
        return 1000.0 + self.elapsed

    async def sleep(self, seconds: float) -> None:
        """Let others run, then be later."""
        self.slept.append(seconds)
        until = self.elapsed + seconds
        await asyncio.sleep(0)
        self.elapsed = max(self.elapsed, until)


class FakeMemory:
    """What the catalogue does for hosts, in a dict."""

    def __init__(self) -> None:
        self.states: dict[str, HostState] = {}

    async def load_host(self, host: str) -> HostState:
        """Return what was saved."""
        return self.states.get(host, HostState())

    async def save_host(self, host: str, state: HostState) -> None:
        """Keep it."""
        self.states[host] = state


@dataclass(frozen=True)
class Request:
    """One request as the site saw it; `at` is the time of the fake clock."""

    host: str
    path: str
    headers: dict[str, str]
    at: float


@dataclass
class FakeSite:
    """An HTTP server that says what it is told; 404 for the rest."""

    clock: FakeClock
    requests: list[Request] = field(default_factory=list)
    peak: int = 0
    port: int = 0
    _replies: dict[str, list[Reply]] = field(default_factory=dict)
    _busy: int = 0
    _open: list[asyncio.Task[object]] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """Return what `--site-origin` would be."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pages(self) -> list[str]:
        """What was asked for, as host/path, without robots.txt."""
        return [f"{r.host}{r.path}" for r in self.requests if r.path != "/robots.txt"]

    def serve(self, address: str, *replies: Reply) -> None:
        """Answer `address` (`host/path`, or `/path` on every host) so; the last for ever."""
        self._replies[address] = list(replies)

    @staticmethod
    def reply(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
        """Return an answer; `Retry_After` becomes `Retry-After`."""
        phrase = HTTPStatus(status).phrase
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        fields.setdefault("Content-Length", str(len(body)))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"HTTP/1.1 {status} {phrase}\r\n{head}\r\n".encode() + body

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeSite]:
        """Listen on a free port of loopback; at the end drop every connection."""
        async with await asyncio.start_server(self._connected, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            try:
                yield self
            finally:  # the server waits for its connections, also where the block has failed
                for task in self._open:
                    task.cancel()
                await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.append(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._answer(reader, writer):
                    pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether the connection may be used again."""
        head = await reader.readuntil(b"\r\n\r\n")
        self._busy += 1
        self.peak = max(self.peak, self._busy)
        try:
            reply = self.next_reply(self._note(head))
            if not isinstance(reply, bytes):
                await reply(reader, writer)
                return False
            writer.write(reply)
            await writer.drain()
            return True
        finally:
            self._busy -= 1

    def _note(self, head: bytes) -> Request:
        first, *lines = head.decode().strip().split("\r\n")
        headers = {name: value for name, _, value in (line.partition(": ") for line in lines)}
        request = Request(headers["Host"], first.split(" ")[1], headers, self.clock.elapsed)
        self.requests.append(request)
        return request

    def next_reply(self, request: Request) -> Reply:
        """Return what a request gets."""
        replies = self._told(request)
        if not replies:
            return self.reply(404)
        return replies.pop(0) if len(replies) > 1 else replies[0]

    def is_told(self, request: Request) -> bool:
        """Return whether there is an answer for a request."""
        return bool(self._told(request))

    def _told(self, request: Request) -> list[Reply]:
        found = self._replies.get(request.host + request.path) or self._replies.get(request.path)
        return found or []


@dataclass
class Desk:
    """Opens fetchers that share a clock, a memory and a site; closes them at the end."""

    clock: FakeClock
    site: FakeSite
    memory: FakeMemory
    stack: AsyncExitStack
    waits: list[tuple[str, float, str]] = field(default_factory=list)

    async def open(self, resolver: AbstractResolver | None = None, **settings: object) -> Fetcher:
        """Return a fetcher for the site, with `settings` over the defaults."""
        wanted = {"user_agent": "harvester/test (+contact)", "site_origin": self.site.origin}
        fetcher = Fetcher(
            FetchSettings(**(wanted | settings)),  # type: ignore[arg-type]
            self.clock,
            self.memory,
            HOSTS,
            lambda *wait: self.waits.append(wait),
            resolver,
            Random(7),  # noqa: S311 - any dice, the same in each test
        )
        return await self.stack.enter_async_context(fetcher)


@pytest.fixture
def fake_clock() -> FakeClock:
    """Return a clock that never waits."""
    return FakeClock()


@pytest.fixture
async def site(fake_clock: FakeClock) -> AsyncIterator[FakeSite]:
    """Run a scripted site."""
    async with FakeSite(fake_clock).running() as site:
        yield site


@dataclass
class Sentinels:
    """Listeners on loopback, IPv4 and IPv6, that nobody may connect to; `seen` is who did."""

    port: int
    port6: int
    seen: list[object] = field(default_factory=list)

    async def others(self) -> int:
        """Connect oneself and wait until that is seen; return how many others were before it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        await reader.read()  # who is seen is hung up on
        writer.close()
        await writer.wait_closed()
        seen = [peer for peer in self.seen if peer != writer.get_extra_info("sockname")]
        assert len(seen) == len(self.seen) - 1
        return len(seen)


@pytest.fixture
async def sentinels() -> AsyncIterator[Sentinels]:
    """Listen on two ports and note every connection."""
    seen: list[object] = []

    def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer.get_extra_info("peername"))
        writer.close()

    async with (
        await asyncio.start_server(connected, "127.0.0.1", 0) as four,
        await asyncio.start_server(connected, "::1", 0) as six,
    ):
        ports = [server.sockets[0].getsockname()[1] for server in (four, six)]
        yield Sentinels(ports[0], ports[1], seen)


@pytest.fixture
async def desk(fake_clock: FakeClock, site: FakeSite) -> AsyncIterator[Desk]:
    """Open and close fetchers of the site."""
    async with AsyncExitStack() as stack:
        yield Desk(fake_clock, site, FakeMemory(), stack)


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Hold every promise of the fetcher in both event loops that commands may run in."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
