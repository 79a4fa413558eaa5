"""A loopback service that notes who asks for what and when; it may be told its next answers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

Answer = Callable[[web.BaseRequest], web.StreamResponse]


@dataclass(frozen=True)
class Asked:
    """One request: `target` is its path with the query, as sent; `at` is in seconds."""

    host: str
    target: str
    at: float


class Service:
    """What all services have; theirs is what they `answer`.

    `first` are the answers that are given before all others, whatever is asked.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.asked: list[Asked] = []
        self.first: deque[Answer] = deque()
        self._now = now
        self._port = 0
        self._runner: web.ServerRunner | None = None

    @property
    def origin(self) -> str:
        """Return where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def targets(self, part: str = "") -> list[str]:
        """Return what was asked for, as far as it has this part."""
        return [each.target for each in self.asked if part in each.target]

    def instants(self, part: str = "") -> list[float]:
        """Return when addresses with this part were asked for."""
        return [each.at for each in self.asked if part in each.target]

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the answer to a request."""
        raise NotImplementedError

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while the block runs."""
        await self.start()
        try:
            yield
        finally:
            await self.stop()

    async def start(self) -> None:
        """Listen: on a free port, and after a stop on the same."""
        self._runner = web.ServerRunner(
            web.Server(self._handle, access_log=None), shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Refuse connections from now on."""
        if self._runner:
            await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(Asked(request.host, request.raw_path, self._now()))
        return self.first.popleft()(request) if self.first else await self.answer(request)


def saying(status: int, text: str = "", kind: str = "text/html", **fields: str) -> Answer:
    """Return an answer in words; `Retry_After` becomes `Retry-After`."""
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    return lambda _: web.Response(status=status, text=text, content_type=kind, headers=headers)
