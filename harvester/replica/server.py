"""The replica on a loopback port, playing both hosts by the Host header."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from email.utils import format_datetime, parsedate_to_datetime
from types import TracebackType
from typing import Self

from aiohttp import web

from harvester.replica.site import Answer, Site
from harvester.replica.troubles import Fault

DROPPED = 0
"""The status in the log of a request that got no answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came: `at` is the loop's `time()` at arrival, `target` path and query."""

    at: float
    host: str
    target: str
    user_agent: str
    status: int
    conditional: bool


class ReplicaServer:
    """`async with ReplicaServer(site) as server:` serves until the block ends."""

    def __init__(self, site: Site, port: int = 0) -> None:
        self.site = site
        self.origin = ""
        self.log: list[Request] = []
        self._port = port
        self._runner = web.ServerRunner(
            web.Server(self._handle, access_log=None), shutdown_timeout=0.1
        )

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        at, target = asyncio.get_running_loop().time(), request.raw_path
        if wait := self.site.delay(target):
            await asyncio.sleep(wait)
        fault = self.site.take_fault(target)
        if fault is not None and fault.status is None:
            self._note(request, at, DROPPED)
            return _dropped(request)
        response = _failed(fault) if fault else self._answer(request)
        self._note(request, at, response.status)
        return response

    def _answer(self, request: web.BaseRequest) -> web.Response:
        answer = self.site.answer(request.host.partition(":")[0].lower(), request.raw_path)
        response = _response(answer)
        if self.site.max_age is not None:
            response.headers["Cache-Control"] = f"max-age={self.site.max_age}"
        if response.status == web.HTTPOk.status_code and _unchanged(request, response):
            names = ("ETag", "Last-Modified", "Cache-Control")
            kept = {name: response.headers[name] for name in names if name in response.headers}
            return web.Response(status=304, headers=kept)
        response.enable_compression()
        return response

    def _note(self, request: web.BaseRequest, at: float, status: int) -> None:
        headers = request.headers
        conditional = "If-None-Match" in headers or "If-Modified-Since" in headers
        agent = headers.get("User-Agent", "")
        self.log.append(Request(at, request.host, request.raw_path, agent, status, conditional))


def _response(answer: Answer) -> web.Response:
    response = web.Response(
        status=answer.status,
        body=answer.body,
        content_type=answer.kind,
        charset=answer.charset,
    )
    if answer.location:
        response.headers["Location"] = answer.location
    if answer.changed:
        digest = hashlib.blake2b(answer.body, digest_size=12).hexdigest()
        response.headers["ETag"] = f'"{digest}"'
        response.headers["Last-Modified"] = format_datetime(answer.changed, usegmt=True)
    return response


def _unchanged(request: web.BaseRequest, response: web.Response) -> bool:
    """Say whether the client's validators hold; If-None-Match goes first (RFC 9110, 13.2.2)."""
    if "ETag" not in response.headers:
        return False
    if tags := request.headers.get("If-None-Match"):
        return response.headers["ETag"] in tags
    if since := request.headers.get("If-Modified-Since"):
        changed = parsedate_to_datetime(response.headers["Last-Modified"])
        return changed <= parsedate_to_datetime(since)
    return False


def _failed(fault: Fault) -> web.Response:
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    return web.Response(status=fault.status or 500, headers=headers, text="down for a moment")


def _dropped(request: web.BaseRequest) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
