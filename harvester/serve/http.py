"""A small HTTP server for the operator and for Prometheus: it shows, it takes nothing.

    GET /            status page           GET /api/status   the same as JSON
    GET /healthz     200 well, 503 not     GET /metrics      Prometheus' text format

It has no log-in. On a loopback address it answers only to loopback names, so that no web page can
have a browser read it under a name of its own (DNS rebinding).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import date
from ipaddress import ip_address
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from harvester.errors import UsageError
from harvester.serve.page import POLICY, page
from harvester.serve.report import Provider, Report

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "harvester",
}


class Address(Protocol):
    """Where to listen: a name or an IP literal without brackets, and a port (0: any)."""

    @property
    def host(self) -> str:
        """Return the name or the literal."""

    @property
    def port(self) -> int:
        """Return the port."""


class HttpServer:
    """`async with HttpServer(address, provider, registry) as server:` serves until the block ends.

    Entering raises `UsageError` when the address cannot be listened at.
    """

    def __init__(self, address: Address, provider: Provider, registry: CollectorRegistry) -> None:
        self._address = address
        self._provider = provider
        self._registry = registry
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1.0)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        host, port = self._address.host, self._address.port
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as problem:
            await self._runner.cleanup()
            # asyncio's own text repeats the address, and differs from release to release.
            number = problem.errno or 0
            reason = os.strerror(number) if number > 0 else str(problem)
            raise UsageError(
                f"--http {_authority(host, port)}: cannot be listened at: {reason}; "
                "choose another HOST:PORT, or off"
            ) from problem
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """Return the address of the status page, with the port that was taken."""
        return f"http://{_authority(self._address.host, self._runner.addresses[0][1])}/"

    def _application(self) -> web.Application:
        host = self._address.host
        application = web.Application(middlewares=[_only_for(host)] if _is_loopback(host) else [])
        application.on_response_prepare.append(_secure)
        application.router.add_get("/", self._page)
        application.router.add_get("/healthz", self._health)
        application.router.add_get("/api/status", self._status)
        application.router.add_get("/metrics", self._metrics)
        return application

    async def _page(self, _request: web.Request) -> web.Response:
        return web.Response(text=page(self._provider.report()), content_type="text/html")

    async def _health(self, _request: web.Request) -> web.Response:
        report = self._provider.report()
        return _json(_as_json(report), status=200 if report.well else 503)

    async def _status(self, _request: web.Request) -> web.Response:
        report = self._provider.report()
        return _json({**_as_json(report), "details": report.details})

    async def _metrics(self, _request: web.Request) -> web.Response:
        headers = {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4}
        return web.Response(body=generate_latest(self._registry), headers=headers)


async def _secure(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _only_for(configured: str) -> Middleware:
    """Return what refuses a Host other than this machine's own names and the configured one."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = _name(request.headers.get("Host", ""))
        if name != configured.lower() and not _is_loopback(name):
            raise web.HTTPMisdirectedRequest(text="this name is not served here\n")
        return await handler(request)

    return check


def _name(host: str) -> str:
    """Return the name in a Host header, without port and brackets; empty if there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _as_json(report: Report) -> dict[str, object]:
    return {"status": report.status, "reason": report.why, "alive": report.alive}


def _json(told: Mapping[str, object], status: int = 200) -> web.Response:
    text = json.dumps(told, ensure_ascii=False, default=_plain)
    return web.Response(status=status, text=f"{text}\n", content_type="application/json")


def _plain(value: object) -> object:
    """Return what JSON can hold of the values of a report that it does not know."""
    match value:
        case Mapping():
            return dict(value)
        case date():  # a datetime is one
            return value.isoformat()
        case _:
            return str(value)
