"""A loopback server that plays both hosts with the labelled pages, or one page for everything."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import PurePath
from urllib.parse import urlsplit

from aiohttp import web

from tests.labelled.labels import Label, labels
from tests.support.answering import answering

_TYPES = {
    ".html": "text/html",
    ".xml": "application/xml",
    ".json": "application/json",
    ".pdf": "application/pdf",
    ".jpg": "image/jpeg",
}

Answer = Callable[[str, str], web.Response]
"""From host and path to what is sent."""


def serving(answer: Answer) -> AbstractAsyncContextManager[str]:
    """Serve on a loopback port until the block ends; yield the origin."""
    return answering(lambda request: answer(request.host.partition(":")[0].lower(), request.path))


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
