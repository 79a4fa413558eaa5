"""Common Crawl on loopback: its list of crawls, their paged indexes, and ranges of WARC files.

Faithful in shape to index.commoncrawl.org, which is pywb's CDXJ server, and data.commoncrawl.org.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from aiohttp import web
from multidict import MultiMapping
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from tests.support.service import Service
from tests.support.wayback import digest, urlkey

_PAGE = 3  # lines on a page of an index


@dataclass(frozen=True)
class Crawled:
    """One answer that a crawl kept; what was cut says why in `truncated`."""

    timestamp: str
    url: str
    body: bytes
    status: str = "200"
    truncated: str = ""
    headers: Mapping[str, str] = field(
        default_factory=lambda: {
            "Content-Type": "text/html; charset=utf-8",
            "X-Crawler-Content-Encoding": "gzip",
        }
    )


@dataclass
class Crawl:
    """A crawl with a WARC file of its own; `rows` is its index."""

    name: str
    begun: str
    ended: str
    rows: list[dict[str, str]] = field(default_factory=list)

    def write(self, folder: Path, *crawled: Crawled) -> None:
        """Write the file below `folder`, and the index."""
        path = folder / f"crawl-data/{self.name}/segments/1.0/warc/{self.name}-00000.warc.gz"
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            writer = WARCWriter(file, gzip=True)
            writer.write_record(writer.create_warcinfo_record(path.name, {"isPartOf": self.name}))
            for each in crawled:
                begin = file.tell()
                _write(writer, each)
                row = _row(each, str(path.relative_to(folder)), begin, file.tell() - begin)
                self.rows.append(row)
        self.rows.sort(key=lambda row: (row["urlkey"], row["timestamp"]))


class CommonCrawlServer(Service):
    """Answers as the hosts of Common Crawl do; files lie below `folder`."""

    def __init__(
        self, folder: Path, crawls: list[Crawl], now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(now)
        self._folder = folder
        self._crawls = {f"/{crawl.name}-index": crawl for crawl in crawls}

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer for the list, an index or a file."""
        if request.host == "data.commoncrawl.org":
            return self._part(request)
        if request.path == "/collinfo.json":
            return web.json_response([_told(crawl) for crawl in self._crawls.values()])
        if crawl := self._crawls.get(request.path):
            return _index(crawl, request.query)
        return web.Response(status=404)

    def _part(self, request: web.BaseRequest) -> web.Response:
        path = self._folder / request.path.lstrip("/")
        if not path.is_file():
            return web.Response(status=404)
        data, wanted = path.read_bytes(), request.http_range
        if wanted.start is None:
            return web.Response(body=data, content_type="application/octet-stream")
        body = data[wanted]
        place = f"bytes {wanted.start}-{wanted.start + len(body) - 1}/{len(data)}"
        return web.Response(
            status=206,
            body=body,
            content_type="application/octet-stream",
            headers={"Content-Range": place},
        )


def _told(crawl: Crawl) -> dict[str, str]:
    return {
        "id": crawl.name,
        "name": f"{crawl.name} Index",
        "timegate": f"https://index.commoncrawl.org/{crawl.name}/",
        "cdx-api": f"https://index.commoncrawl.org/{crawl.name}-index",
        "from": crawl.begun,
        "to": crawl.ended,
    }


def _index(crawl: Crawl, query: MultiMapping[str]) -> web.Response:
    """Answer a query: pages are counted before the filters, as pywb's are."""
    begin = urlkey(query["url"].removesuffix("*"))
    lines = [row for row in crawl.rows if row["urlkey"].startswith(begin)]
    pages = len(lines) // _PAGE + 1
    if "showNumPages" in query:
        return web.json_response({"pages": pages, "pageSize": 5, "blocks": len(lines)})
    if (number := int(query.get("page", "0"))) >= pages:
        return web.json_response({"message": f"Page {number} invalid"}, status=400)
    lines = lines[number * _PAGE : (number + 1) * _PAGE]
    lines = [row for row in lines if all(_passes(row, each) for each in query.getall("filter"))]
    if not lines:
        return web.json_response({"message": f"No Captures found for: {query['url']}"}, status=404)
    fields = query["fl"].split(",")
    told = [json.dumps({name: row[name] for name in fields}) for row in lines]
    return web.Response(text="\n".join(told) + "\n", content_type="text/x-ndjson")


def _passes(row: Mapping[str, str], condition: str) -> bool:
    """Say whether a row meets `field:part` or `=field:value`."""
    name, _, value = condition.removeprefix("=").partition(":")
    return row[name] == value if condition.startswith("=") else value in row[name]


def _write(writer: WARCWriter, each: Crawled) -> None:
    at = each.timestamp
    about = {"WARC-Date": f"{at[:4]}-{at[4:6]}-{at[6:8]}T{at[8:10]}:{at[10:12]}:{at[12:]}Z"}
    if each.truncated:
        about["WARC-Truncated"] = each.truncated
    head = StatusAndHeaders(f"{each.status} OK", list(each.headers.items()), protocol="HTTP/1.1")
    record = writer.create_warc_record(
        each.url,
        "response",
        payload=BytesIO(each.body),
        length=len(each.body),  # or the writer leaves a temporary file open
        http_headers=head,
        warc_headers_dict=about,
    )
    writer.write_record(record)


def _row(each: Crawled, name: str, offset: int, length: int) -> dict[str, str]:
    return {
        "urlkey": urlkey(each.url),
        "timestamp": each.timestamp,
        "url": each.url,
        "mime": each.headers["Content-Type"].split(";")[0],
        "status": each.status,
        "digest": digest(each.body),
        "length": str(length),
        "offset": str(offset),
        "filename": name,
    }
