"""A loopback server that plays both hosts with the labelled pages, or one page for everything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import PurePath
from urllib.parse import urlsplit

from aiohttp import web

from tests.labelled.labels import Label, labels

_TYPES = {
    ".html": "text/html",
    ".xml": "application/xml",
    ".json": "application/json",
    ".pdf": "application/pdf",
    ".jpg": "image/jpeg",
}

Answer = Callable[[str, str], web.Response]
"""From host and path to what is sent."""


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    """Serve on a loopback port until the block ends; yield the origin."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return answer(request.host.partition(":")[0].lower(), request.path)

    runner = web.ServerRunner(web.Server(handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def labelled_answer() -> Answer:
    """Return what sends each labelled page from its address, by way of a redirect where so."""
    shown = {_place(label.final_url or label.url): label for label in labels()}
    moved = {_place(label.url): label.final_url for label in labels() if label.final_url}

    def answer(host: str, path: str) -> web.Response:
        if location := moved.get((host, path)):
            return web.Response(status=302, headers={"Location": location})
        label = shown.get((host, path))
        return _response(label) if label else web.Response(status=404)

    return answer


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.netloc, parts.path


def _response(label: Label) -> web.Response:
    kind = _TYPES.get(PurePath(label.file).suffix, "text/html")
    return web.Response(body=label.page, content_type=kind, charset=label.charset)
