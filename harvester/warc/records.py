"""Records to be written: each packed by itself, so that a file is cut and read anywhere.

A look at a page is three records: the response (or, where its body is in the archive already, a
revisit), the request, and a metadata record with what was made of it.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from fastwarc import GzipWriter, WarcRecord, WarcRecordType

from harvester.model import Capture, Exchange

NOTE: Final = b"harvester: "
"""What a metadata record of ours begins with: its one field, whose value is JSON."""

# ISO 28500:2017, 6.5. Of any other type pywb serves a metadata record in the place of the page.
_FIELDS: Final = "application/warc-fields"

# ISO 28500:2017, 6.7.2.
_SAME: Final = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
# The transfer coding is undone, so the field must not say that it is there; renamed as Common Crawl
# does.
_TRANSFER: Final = re.compile(rb"(?im)^transfer-encoding(?=:)")
# A body that came packed does not get smaller; more than the first level costs more than it saves.
_STORED: Final = 0
_PACKED: Final = 1
_CODED: Final = re.compile(rb"(?im)^content-encoding:")


def digest_of(body: bytes) -> str:
    """Return the digest of a body as archives name it; empty for an empty body."""
    if not body:
        return ""
    digest = hashlib.sha1(body, usedforsecurity=False).digest()
    return f"sha1:{base64.b32encode(digest).decode()}"


def info(software: str, at: datetime, file: str) -> bytes:
    """Return the record that a file begins with."""
    fields = f"software: {software}\r\nformat: WARC File Format 1.1\r\nrobots: obey\r\n"
    headers = {
        "WARC-Filename": file,
        "WARC-Date": _date(at),
        "Content-Type": _FIELDS,
    }
    return _member(WarcRecordType.warcinfo, headers, fields.encode())[0]


def pack(capture: Capture, exchange: Exchange, same: Capture | None = None) -> tuple[bytes, int]:
    """Return the records of a look at a page, and how many bytes the first of them has.

    `same` is an earlier look whose response has the same body, where there is one.
    """
    # What another archive showed was asked for now, not when that archive saw it.
    at = capture.seen_at if exchange.url == capture.final_url else capture.stored_at
    common = {"WARC-Target-URI": exchange.url, "WARC-Date": _date(at)}
    first, record_id = _response(capture, exchange, common, same)
    common |= {"WARC-Concurrent-To": record_id}
    request = _request(exchange, common) if exchange.request else b""
    note, _ = _member(
        WarcRecordType.metadata,
        common | {"WARC-Date": _date(capture.stored_at), "Content-Type": _FIELDS},
        b"%s%s\r\n" % (NOTE, _json(capture)),
    )
    return b"".join((first, request, note)), len(first)


def _request(exchange: Exchange, common: Mapping[str, str]) -> bytes:
    headers = {**common, "Content-Type": "application/http; msgtype=request"}
    return _member(WarcRecordType.request, headers, exchange.request)[0]


def _response(
    capture: Capture, exchange: Exchange, common: Mapping[str, str], same: Capture | None
) -> tuple[bytes, str]:
    head = _TRANSFER.sub(b"X-Crawl-Transfer-Encoding", exchange.response)
    headers = {**common, "Content-Type": "application/http; msgtype=response"}
    if capture.digest:
        headers["WARC-Payload-Digest"] = capture.digest
    if same:
        headers |= {
            "WARC-Profile": _SAME,
            "WARC-Refers-To-Target-URI": same.final_url,
            "WARC-Refers-To-Date": _date(same.seen_at),
        }
        return _member(WarcRecordType.revisit, headers, head)
    if not capture.digest and capture.status != HTTPStatus.OK:  # then the body is not read
        headers["WARC-Truncated"] = "length"
    level = _STORED if exchange.body and _CODED.search(head) else _PACKED
    return _member(WarcRecordType.response, headers, head + exchange.body, level)


def _json(capture: Capture) -> bytes:
    """Return what a metadata record says, in one line; what is empty is left out."""
    decision = capture.decision
    said: dict[str, str | bool | None] = {
        "story": capture.story_id,
        "url": capture.url,
        "final_url": capture.final_url,
        "seen_at": _date(capture.seen_at),
        "source": capture.source,
        "verdict": decision.verdict.value,
        "reason": decision.reason,
        "archival": decision.archival,
        "content_hash": capture.content_hash,
        "sha256": capture.sha256,
        "mode": capture.mode.value,
        "parser": capture.parser,
        "path": capture.path,
        "lastmod": capture.lastmod,
    }
    told = {name: value for name, value in said.items() if value}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _member(
    kind: WarcRecordType, headers: Mapping[str, str], block: bytes, level: int = _PACKED
) -> tuple[bytes, str]:
    """Return a record, packed, and its id."""
    record = WarcRecord()
    record.init_headers(kind)
    for name, value in headers.items():
        record.headers[name] = value
    if block:
        record.headers["WARC-Block-Digest"] = digest_of(block)
    record.set_bytes_content(block)
    out = io.BytesIO()
    with GzipWriter(out, compression_level=level) as packer:
        record.write(packer)
    return out.getvalue(), record.headers["WARC-Record-ID"]


def _date(at: datetime) -> str:
    """Return an instant in whole seconds, as the catalogue has it: a revisit names it exactly."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def date_of(text: str) -> datetime:
    """Return the instant that was written so. Raises ValueError."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
