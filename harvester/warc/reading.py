"""What a WARC file holds of stories: the pages, and where they lie in the file.

Files of any program: gzip (a member for each record), zstd or plain, bodies with or without their
codings. Of what we wrote ourselves a page comes with what was made of it.
"""

from __future__ import annotations

import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, Final

from fastwarc import ArchiveIterator, WarcRecord, WarcRecordType
from fastwarc.stream_io import ChunkedReader

from harvester.coding import CHUNK, BadCoding, TooMuch, unpacked
from harvester.errors import BadRecord
from harvester.model import (
    BodyMode,
    Capture,
    Decision,
    Exchange,
    Page,
    Place,
    Verdict,
)
from harvester.warc.records import NOTE

_PAGE_CAP: Final = 8 * 2**20
_RECORDS: Final = WarcRecordType.response | WarcRecordType.revisit | WarcRecordType.metadata
_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([^\s;"',]+)""", re.IGNORECASE)
_STATUS: Final = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})(?: |\r|\Z)")
_GZIP: Final = b"\x1f\x8b"
_MEMBER: Final = zlib.MAX_WBITS | 16


@dataclass(frozen=True, slots=True)
class Found:
    """A response, or a revisit without a body, as it lies in a file.

    `at` is when it was captured. `head` and `body` are as they were sent; `digest` is that of the
    body by the record's own word. `note` is what was made of it, where we wrote the record.
    """

    place: Place
    target: str
    at: datetime
    head: bytes
    body: bytes
    digest: str
    revisit: bool
    note: Capture | None = None

    @property
    def status(self) -> int:
        """Return the status of the answer, 0 where the record holds no answer."""
        match = _STATUS.match(self.head)
        return int(match[1]) if match else 0

    @property
    def is_page(self) -> bool:
        """Say whether it is a page that was there."""
        kind = self._field("content-type")
        return self.status == HTTPStatus.OK and (not kind or "html" in kind.lower())

    def page(self, url: str = "", body: bytes | None = None) -> Page:
        """Return it as the fetcher would: asked for at `url`, answered at its target.

        `body` stands in for that of a revisit. Raises BadRecord for a body that is cut or damaged.
        """
        note, sent = self.note, self.body if body is None else body
        kind = _CHARSET.search(self._field("content-type"))
        exchange = Exchange(self.target, b"", self.head, sent)
        return Page(
            url=note.url if note else url or self.target,
            final_url=note.final_url if note else self.target,
            status=self.status,
            body=self._unpacked(sent) if self.status == HTTPStatus.OK else b"",
            fetched_at=note.seen_at if note else self.at,
            charset=kind[1] if kind else None,
            etag=self._field("etag") or None,
            last_modified=self._field("last-modified") or None,
            exchange=exchange,
        )

    def _unpacked(self, sent: bytes) -> bytes:
        coding = self._field("content-encoding")
        if "gzip" in coding and not sent.startswith(_GZIP):
            coding = ""  # kept unpacked, under the head of the packed one
        try:
            return unpacked(_unchunked(sent, self._field("transfer-encoding")), coding, _PAGE_CAP)
        except BadCoding as error:
            raise BadRecord(self.place.file, self.place.offset, str(error)) from error
        except TooMuch as error:
            told = f"larger than {_PAGE_CAP:,} bytes"
            raise BadRecord(self.place.file, self.place.offset, told) from error

    def _field(self, name: str) -> str:
        pattern = rf"(?im)^{re.escape(name)}:[ \t]*([^\r\n]*)".encode()
        match = re.search(pattern, self.head)
        return match[1].decode("latin-1").strip() if match else ""


def found_in(
    stream: BinaryIO, file: str, wanted: Callable[[str], bool], *, base: int = 0, size: int = 0
) -> Iterator[Found]:
    """Yield what a file holds of the addresses that are `wanted`, in its order.

    `file` names it in places and errors; `stream` begins `base` bytes into it and ends at `size`.
    Raises BadRecord where the file is no WARC file, is damaged or breaks off: what was yielded
    before is whole.
    """
    pending: Found | None = None
    for record in _records(stream, file):
        start = base + record.stream_pos
        if pending and not pending.place.length:
            pending = _ended(pending, start)
        target = (record.headers.get("WARC-Target-URI") or "").strip("<>")
        if not record.record_type & _RECORDS or not wanted(target):
            continue
        if record.record_type is WarcRecordType.metadata:
            if pending:
                yield replace(pending, note=_note(record, pending, file, start))
            pending = None
            continue
        if pending:
            yield pending
        pending = _found(record, target, Place(file, start, 0))
    if pending:
        yield pending if pending.place.length else _ended(pending, size)


def found_at(path: Path, place: Place) -> Found:
    """Return the one record at a place. Raises OSError, and BadRecord where none is there."""
    with path.open("rb") as file:
        file.seek(place.offset)
        record = io.BytesIO(file.read(place.length))
    for found in found_in(record, place.file, lambda _: True, base=place.offset, size=place.length):
        return found
    raise BadRecord(place.file, place.offset, "no page is there")


def captures_in(stream: BinaryIO, file: str, base: int, size: int) -> Iterator[Capture]:
    """Yield what our own metadata records in a file tell. Raises as `found_in`."""
    for found in found_in(stream, file, lambda _: True, base=base, size=size):
        if found.note:
            yield found.note


def whole(stream: BinaryIO) -> int:
    """Return how many bytes from here on are whole gzip members; what follows them broke off."""
    end, at = 0, 0
    member = zlib.decompressobj(_MEMBER)
    while chunk := stream.read(CHUNK):
        while chunk:
            try:
                member.decompress(chunk)
            except zlib.error:
                return end
            at += len(chunk) - len(member.unused_data)
            chunk = member.unused_data
            if member.eof:
                end, member = at, zlib.decompressobj(_MEMBER)
    return end


def _records(stream: BinaryIO, file: str) -> Iterator[WarcRecord]:
    at = 0
    try:
        for record in ArchiveIterator(stream, parse_http=False):
            at = record.stream_pos
            yield record
    except (OSError, ValueError) as error:
        raise BadRecord(file, at, str(error)) from error


def _ended(found: Found, end: int) -> Found:
    place = found.place
    return replace(found, place=replace(place, length=end - place.offset))


def _found(record: WarcRecord, target: str, place: Place) -> Found:
    block = _block(record, place.file, place.offset)
    head, blank, body = block.partition(b"\r\n\r\n")
    return Found(
        place,
        target,
        record.record_date.astimezone(UTC),
        head + blank,
        body,
        record.headers.get("WARC-Payload-Digest") or "",
        record.record_type is WarcRecordType.revisit,
    )


def _block(record: WarcRecord, file: str, offset: int) -> bytes:
    # One that is larger cannot be a page, packed or not.
    block = record.reader.read(2 * _PAGE_CAP)
    if len(block) < min(record.content_length, 2 * _PAGE_CAP):
        raise BadRecord(file, offset, "the record breaks off")
    return bytes(block)


def _note(record: WarcRecord, found: Found, file: str, offset: int) -> Capture | None:
    """Return what our metadata record says of a page; None for that of another program."""
    if record.headers.get("Content-Type", "") != NOTE:
        return None
    try:
        said = json.loads(_block(record, file, offset))
        verdict, at = Verdict(said["verdict"]), datetime.fromisoformat(said["seen_at"])
        return Capture(
            story_id=said["story"],
            url=said["url"],
            final_url=said["final_url"],
            status=found.status,
            seen_at=at,
            stored_at=record.record_date.astimezone(UTC),
            source=said["source"],
            decision=Decision(verdict, said.get("reason", ""), said.get("archival", False)),
            content_hash=said.get("content_hash", ""),
            sha256=said.get("sha256", ""),
            mode=BodyMode(said["mode"]),
            parser=said["parser"],
            path=said.get("path", ""),
            digest=found.digest,
            lastmod=said.get("lastmod"),
            place=found.place,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _unchunked(body: bytes, coding: str) -> bytes:
    """Undo the transfer coding, where the body has it: many programs undo it and keep the field."""
    if "chunked" not in coding.lower():
        return body
    try:
        return bytes(ChunkedReader(io.BytesIO(body)).read(2 * _PAGE_CAP))
    except OSError:
        return body
