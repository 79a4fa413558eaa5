"""Looks at pages, and WARC files as other programs write them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import fastwarc
from fastwarc import GzipWriter, WarcRecord, WarcRecordType, ZstdWriter
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from harvester.model import BodyMode, Capture, Decision, Exchange, Verdict
from harvester.warc import Found, digest_of, found_in, info, pack

if TYPE_CHECKING:
    from typing_extensions import Buffer

FILE = "harvester-202111-00001.warc.gz"
NOON = datetime(2021, 11, 1, 12, 0, 0, tzinfo=UTC)
URL = "https://www.zaobao.com.sg/realtime/china/story20211101-1209230"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"

Look = tuple[Capture, Exchange]

# Text as a page, a URL in canonical form and a header may have it.
_words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
_instants = st.datetimes(datetime(1996, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
_urls = st.builds(
    "https://www.zaobao.com.sg/{}".format, st.from_regex(r"[!#-;=?-Z_a-z~]{0,40}", fullmatch=True)
)
_fields = st.sampled_from(
    [
        *(b"Content-Type: text/html", b"Content-Encoding: gzip", b"content-encoding: br"),
        *(b"Transfer-Encoding: chunked", b"transfer-encoding: Chunked", b'ETag: "\xe6\x97\xa9"'),
        *(b"Set-Cookie: a=b", b"Content-Length: 7", b"X-Empty:"),
    ]
)
_paths = st.from_regex(r"([0-9]{4}/[0-9]{2}/[0-9早报 -][0-9早报. -]{0,20}\.md)?", fullmatch=True)
_status = st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.0 404 ", b"HTTP/2 503", b"HTTP/1.1 200"])
bodies = st.binary(max_size=300) | st.sampled_from([b"\r\n\r\n", b"WARC/1.1\r\n", b"\r\n" * 40])


@st.composite
def looks(draw: st.DrawFn) -> Look:
    """Return any look at a page."""
    head = b"\r\n".join([draw(_status), *draw(st.lists(_fields, max_size=5)), b"", b""])
    exchange = Exchange(draw(_urls), draw(bodies), head, draw(bodies))
    capture = Capture(
        story_id=draw(st.from_regex(r"\d{1,9}", fullmatch=True)),
        url=draw(_urls),
        final_url=draw(st.just(exchange.url) | _urls),
        status=int(head.split()[1]),
        seen_at=draw(_instants).replace(microsecond=0),
        stored_at=draw(_instants).replace(microsecond=0),
        source=draw(st.sampled_from(["site", "wayback"])),
        decision=Decision(draw(st.sampled_from(Verdict)), draw(_words), draw(st.booleans())),
        content_hash=draw(_words),
        sha256=draw(_words),
        mode=draw(st.sampled_from(BodyMode)),
        parser=draw(_words.filter(bool)),
        path=draw(_paths),
        digest=digest_of(exchange.body),
        lastmod=draw(st.none() | _words.filter(bool)),
    )
    return capture, exchange


def look(story_id: str = "1209230", body: bytes = b"<p>text", head: bytes = HEAD) -> Look:
    """Return a look at the page of a story that the site showed at noon."""
    url = URL.replace("1209230", story_id)
    decision = Decision(Verdict.REJECTED, "no article")
    exchange = Exchange(url, b"GET / HTTP/1.1\r\nHost: www.zaobao.com.sg\r\n\r\n", head, body)
    capture = Capture(
        *(story_id, url, url, 200, NOON, NOON + timedelta(seconds=1), "site", decision),
        *("", "", BodyMode.CLEAN, "reader 1", "", digest_of(body)),
    )
    return capture, exchange


def packed(looks_: Iterable[Look]) -> bytes:
    """Return a file of ours with these looks."""
    begin = info("harvester", NOON, FILE)
    return begin + b"".join(pack(capture, exchange)[0] for capture, exchange in looks_)


def found(data: bytes, *, base: int = 0) -> list[Found]:
    """Return all that a file holds."""
    return list(found_in(io.BytesIO(data), FILE, lambda _: True, base=base))


def foreign(
    payload: bytes = b"<p>text",
    fields: Sequence[tuple[str, str]] = (("Content-Type", "text/html"),),
    *,
    version: str = "1.0",
    packing: bool = True,
    **headers: str,
) -> bytes:
    """Return a file with one response as warcio writes it; `headers` replace those of the record.

    A header of "" is left out.
    """
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=packing, warc_version=version)
    record = writer.create_warc_record(
        URL,
        "response",
        payload=io.BytesIO(payload),
        http_headers=StatusAndHeaders("200 OK", list(fields), protocol="HTTP/1.1"),
        warc_headers_dict={"WARC-Date": "2021-11-01T12:00:00Z"},
    )
    for name, value in headers.items():
        record.rec_headers.replace_header(f"WARC-{name.replace('_', '-')}", value)
        if not value:
            record.rec_headers.remove_header(f"WARC-{name.replace('_', '-')}")
    writer.write_record(record)
    record.raw_stream.close()
    return out.getvalue()


def repacked(data: bytes, packing: str) -> bytes:
    """Return the records of a file packed each by itself with zstd or gzip, or plain."""
    out = io.BytesIO()
    for record in fastwarc.ArchiveIterator(io.BytesIO(data), parse_http=False):
        packer = {"zstd": ZstdWriter, "gzip": GzipWriter, "plain": _Plain}[packing](out)
        record.write(packer)
        packer.close()
    return out.getvalue()


class _Plain(io.BytesIO):
    """Writes into another stream, and closes without it."""

    def __init__(self, out: io.BytesIO) -> None:
        self._out = out

    def write(self, data: Buffer, /) -> int:
        return self._out.write(data)


def other_record(
    kind: WarcRecordType = WarcRecordType.resource, block: bytes = b"words", **headers: str
) -> bytes:
    """Return a record that holds no page, packed."""
    record = WarcRecord()
    record.init_headers(kind)
    for name, value in headers.items():
        record.headers[name.replace("_", "-")] = value
    record.set_bytes_content(block)
    out = io.BytesIO()
    with GzipWriter(out) as packer:
        record.write(packer)
    return out.getvalue()


def digests(data: bytes) -> list[tuple[str, bool | None]]:
    """Return the types of all records by warcio, and what it says of their digests."""
    told = []
    for record in ArchiveIterator(io.BytesIO(data), check_digests=True):
        record.raw_stream.read()
        told.append((record.rec_type, record.digest_checker.passed))
    return told
