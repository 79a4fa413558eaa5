"""A Wayback Machine on loopback: the API of its CDX server, and its replay of what was captured.

Faithful to https://github.com/internetarchive/wayback/tree/master/wayback-cdx-server in shape: a
header row, rows in order of their keys, a resume key after an empty row; and to web.archive.org in
replay: `id_`, the nearest capture where there is none of the second, fields of the original answer
under `X-Archive-Orig-`, `Memento-Datetime`. What it serves others bring.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Protocol
from urllib.parse import quote_plus, unquote_plus

from aiohttp import web
from multidict import MultiMapping

from tests.support.service import Service

Row = tuple[str, str, str, str, str]
_FIELDS = ("urlkey", "timestamp", "original", "mimetype", "statuscode", "digest")
_ALL = ",".join(_FIELDS)
_REPLAY = re.compile(r"/web/(\d{1,14})id_/(.+)")
_PASSED_ON = frozenset({"content-type", "content-encoding"})


class Captures(Protocol):
    """What a Wayback Machine has."""

    def rows(self) -> list[Row]:
        """Return all captures: (14 digits, original, mimetype, status, digest)."""

    def body(self, timestamp: str, original: str) -> tuple[Mapping[str, str], bytes]:
        """Return the fields and the body of the original answer; may take its time."""


@dataclass
class Kept:
    """Captures in memory."""

    _kept: dict[tuple[str, str], tuple[Mapping[str, str], bytes, str]] = field(default_factory=dict)

    def keep(
        self, timestamp: str, original: str, body: bytes, status: str = "200", **fields: str
    ) -> None:
        """Keep an answer; `Content_Type` becomes `Content-Type`, which is HTML otherwise."""
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        headers.setdefault("Content-Type", "text/html; charset=utf-8")
        self._kept[timestamp, original] = (headers, body, status)

    def rows(self) -> list[Row]:
        """Return what is kept."""
        return [
            (timestamp, original, headers["Content-Type"].split(";")[0], status, digest(body))
            for (timestamp, original), (headers, body, status) in self._kept.items()
        ]

    def body(self, timestamp: str, original: str) -> tuple[Mapping[str, str], bytes]:
        """Return one of them."""
        headers, body, _ = self._kept[timestamp, original]
        return headers, body


def digest(body: bytes) -> str:
    """Return the digest that indexes of archives have: SHA-1 in base 32."""
    return base64.b32encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()


def urlkey(url: str) -> str:
    """Return the key of an address (SURT): hosts backwards, without scheme, port and `www`."""
    host, slash, path = re.sub(r"^https?://", "", url.lower()).partition("/")
    name = re.sub(r"^www\d*\.", "", host.split(":")[0])
    return f"{','.join(reversed(name.split('.')))}){slash}{path}"


class WaybackServer(Service):
    """Answers as web.archive.org does, to whatever host it is asked for."""

    def __init__(self, captures: Captures, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(now)
        self._captures = captures

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer for the index or a capture."""
        rows = await asyncio.to_thread(self._captures.rows)
        if request.path == "/cdx/search/cdx":
            response = web.Response(text=_index(rows, request.query), content_type="text/x-cdx")
            response.enable_compression()
            return response
        if match := _REPLAY.fullmatch(request.raw_path):
            return await self._replay(rows, match[1], match[2])
        return web.Response(status=404)

    async def _replay(self, rows: list[Row], timestamp: str, original: str) -> web.Response:
        same = [row for row in rows if urlkey(row[1]) == urlkey(original)]
        if not same:
            text = "<html>The Wayback Machine has not archived that URL.</html>"
            return web.Response(status=404, text=text, content_type="text/html")
        nearest = min(same, key=lambda row: abs(_instant(row[0]) - _instant(timestamp)))
        if nearest[0] != timestamp:
            place = f"https://web.archive.org/web/{nearest[0]}id_/{nearest[1]}"
            return web.Response(status=302, headers={"Location": place})
        headers, body = await asyncio.to_thread(self._captures.body, nearest[0], nearest[1])
        return web.Response(
            status=int(nearest[3]), body=body, headers=_replayed(headers, timestamp, nearest[1])
        )


def _replayed(headers: Mapping[str, str], timestamp: str, original: str) -> dict[str, str]:
    given = {name: value for name, value in headers.items() if name.lower() in _PASSED_ON}
    given |= {f"x-archive-orig-{name.lower()}": value for name, value in headers.items()}
    given["memento-datetime"] = format_datetime(_instant(timestamp), usegmt=True)
    given["link"] = f'<{original}>; rel="original"'
    given["x-archive-src"] = "kept/kept.warc.gz"
    return given


def _index(rows: list[Row], query: MultiMapping[str]) -> str:
    """Return what the CDX server prints for a query; only JSON, only prefixes."""
    lines = [line for line in _lines(rows) if line["urlkey"].startswith(urlkey(query["url"]))]
    lines = [
        line for line in lines if all(_passes(line, each) for each in query.getall("filter", []))
    ]
    if key := query.get("resumeKey"):  # the server undoes the coding once more than it should
        lines = [line for line in lines if f"{_key(line)} " >= unquote_plus(key)]
    if not lines:
        return "[]\n"
    limit, fields = int(query.get("limit", "150000")), query.get("fl", _ALL).split(",")
    told = [fields, *([line[name] for name in fields] for line in lines[:limit])]
    if len(lines) > limit and query.get("showResumeKey") == "true":
        # Where the key is not among the fields, it is not known here either.
        last = lines[limit - 1] if "urlkey" in fields else lines[limit - 1] | {"urlkey": "-"}
        told += [[], [quote_plus(f"{_key(last)}!")]]
    return "[" + ",\n".join(json.dumps(row) for row in told) + "]\n"


def _lines(rows: list[Row]) -> list[dict[str, str]]:
    lines = [dict(zip(_FIELDS, (urlkey(row[1]), *row), strict=True)) for row in rows]
    return sorted(lines, key=_key)


def _key(line: Mapping[str, str]) -> str:
    return f"{line['urlkey']} {line['timestamp']}"


def _passes(line: Mapping[str, str], condition: str) -> bool:
    """Say whether a line meets `[!]field:regex`; a regex means the whole value."""
    name, _, pattern = condition.removeprefix("!").partition(":")
    return bool(re.fullmatch(pattern, line[name])) != condition.startswith("!")


def _instant(timestamp: str) -> datetime:
    return datetime.strptime(timestamp.ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
