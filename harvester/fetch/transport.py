"""One guarded request and its answer; no policy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Self

import aiohttp

from harvester.coding import CODINGS
from harvester.fetch.body import Body, read_capped
from harvester.fetch.failures import translated
from harvester.fetch.guard import Guard, endpoints
from harvester.fetch.meter import MeteredConnector
from harvester.fetch.names import PromptResolver
from harvester.fetch.settings import PAGE_CAP, FetchSettings, Part
from harvester.fetch.urls import parse_origin
from harvester.model import Validators

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp.abc import AbstractResolver
    from multidict import CIMultiDictProxy
    from yarl import URL

MAX_HEADER: Final = 64 * 1024
MAX_HEADERS: Final = 100
# Of the time for a connection, the part that looking the name up may take.
_NAMES_SHARE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from the real address `url`.

    Only an answer 200 has a body, or 206 where a part was asked for. `request` and `response` are
    the heads as they were sent.
    """

    url: URL
    status: int
    headers: CIMultiDictProxy[str]
    charset: str | None
    body: Body
    request: bytes
    response: bytes

    @property
    def meaning(self) -> str:
        """Return the status in words, those of the standard, not those of the server."""
        try:
            return f"{self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return f"unknown status {self.status}"


class Transport:
    """An HTTP client without memory: no cookies, no proxy, no redirects, no second try.

    An asynchronous context manager. Raises UsageError for a bad `site_origin`, HostUnreachable on
    entry if its host does not exist.
    """

    def __init__(self, settings: FetchSettings, resolver: AbstractResolver | None = None) -> None:
        self._settings = settings
        self._resolver = resolver
        self._origin = parse_origin(settings.site_origin) if settings.site_origin else None

    async def __aenter__(self) -> Self:
        """Open the session."""
        allowed = await endpoints(self._origin) if self._origin else frozenset()
        self._session = self._open(Guard(allowed))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the session and its connections."""
        await self._session.close()

    def _open(self, guard: Guard) -> aiohttp.ClientSession:
        settings = self._settings
        return aiohttp.ClientSession(
            connector=MeteredConnector(
                resolver=PromptResolver(
                    self._resolver or aiohttp.ThreadedResolver(),
                    settings.connect_timeout * _NAMES_SHARE,
                ),
                socket_factory=guard,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,  # a proxy would hide the real address from the guard
            headers={
                "User-Agent": settings.user_agent,
                "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                "Accept-Encoding": CODINGS,
                "Accept-Language": "zh-SG,zh;q=0.9",
            },
            timeout=aiohttp.ClientTimeout(
                total=settings.total,
                connect=settings.connect_timeout,
                sock_connect=settings.connect_timeout,
                sock_read=settings.first_byte,
                ceil_threshold=math.inf,  # or a deadline is rounded up to a full second
            ),
            auto_decompress=False,
            max_field_size=MAX_HEADER,
            max_headers=MAX_HEADERS,
        )

    async def exchange(
        self, asked: str, url: URL, validators: Validators, cap: int, part: Part | None = None
    ) -> Answer:
        """Send one GET for `url`; raise FetchFailed, naming `asked`, if no answer comes of it."""
        wanted = HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK

        async def only_once(
            request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
        ) -> aiohttp.ClientResponse:
            # aiohttp repeats a GET by itself after a reset, unseen by the pace. It does so only
            # for its own errors, so they are translated before it sees them.
            with translated(asked, self._settings):
                return await send(request)

        with translated(asked, self._settings):
            async with self._session.get(
                self._target(url),
                headers=self._headers(url, validators, part),
                allow_redirects=False,
                middlewares=(only_once,),
            ) as response:
                return await _read(response, url, cap, wanted)

    def _target(self, url: URL) -> URL:
        """Return where to send the request for `url`: there, or to the site origin."""
        if not self._origin:
            return url
        there = self._origin
        return url.with_scheme(there.scheme).with_host(there.raw_host or "").with_port(there.port)

    def _headers(self, url: URL, validators: Validators, part: Part | None) -> dict[str, str]:
        headers = {"Host": url.raw_host if self._origin else None}
        headers |= {"If-None-Match": validators.etag}
        headers |= {"If-Modified-Since": validators.last_modified}
        if part:  # of the bytes as they are: in a coding they would be others
            last = part.offset + part.length - 1
            headers |= {"Range": f"bytes={part.offset}-{last}", "Accept-Encoding": "identity"}
        return {name: value for name, value in headers.items() if value}


async def _read(response: aiohttp.ClientResponse, url: URL, cap: int, wanted: HTTPStatus) -> Answer:
    if sum(len(name) + len(value) + 4 for name, value in response.raw_headers) > MAX_HEADER:
        raise aiohttp.ClientError(f"headers of more than {MAX_HEADER} bytes")
    body = Body(b"")
    if response.status == wanted:
        body = await read_capped(response, cap, keep=cap <= PAGE_CAP)
    return Answer(
        url,
        response.status,
        response.headers,
        response.charset,
        body,
        _request_head(response, url),
        _response_head(response),
    )


def _request_head(response: aiohttp.ClientResponse, url: URL) -> bytes:
    """Return the head of the request, as sent; `Host` names the real host."""
    sent = response.request_info
    fields = [(name.encode(), value.encode()) for name, value in sent.headers.items()]
    return _head(f"{sent.method} {url.raw_path_qs} HTTP/1.1".encode(), fields)


def _response_head(response: aiohttp.ClientResponse) -> bytes:
    """Return the head of the answer, as received."""
    version = response.version or aiohttp.HttpVersion11
    reason = (response.reason or "").encode("utf-8", "surrogateescape")
    line = b"HTTP/%d.%d %d %s" % (version.major, version.minor, response.status, reason)
    return _head(line, response.raw_headers)


def _head(line: bytes, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join([line, b"\r\n", *(b"%s: %s\r\n" % field for field in fields), b"\r\n"])
