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
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import BinaryIO, Final

from fastwarc import ArchiveIterator, WarcRecord, WarcRecordType

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
from harvester.warc.records import NOTE, date_of, digest_of

_PAGE_CAP: Final = 8 * 2**20
_BLOCK_CAP: Final = 2 * _PAGE_CAP
_CUT: Final = "it breaks off"
_RECORDS: Final = WarcRecordType.response | WarcRecordType.revisit | WarcRecordType.metadata
_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([^\s;"',]+)""", re.IGNORECASE)
_STATUS: Final = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})(?: |\r|\Z)")
# RFC 9112, 7.1: the line before a chunk.
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")
_SHA1: Final = re.compile(r"sha1:[A-Z2-7]{32}")
# In folders as we name them, or as somebody did whose posts were taken in where they lay.
_POST: Final = re.compile(r"(?:[^./\0]+/)*[^./\0][^/\0]*\.md")
_NAME_CAP: Final = 255
_GZIP: Final = b"\x1f\x8b"
_PACKED: Final = re.compile(rb"\x1f\x8b\x08")
_WARC: Final = b"WARC/"
# So many bytes of a member are enough for the first of its record.
_AHEAD: Final = 1024
# What no body begins with that is packed in a coding that tells a damaged one.
_MARKUP: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*<")
_MEMBER: Final = zlib.MAX_WBITS | 16


@dataclass(frozen=True, slots=True)
class Found:
    """A response, or a revisit without a body, as it lies in a file.

    `at` is when it was captured. `head` and `body` are as they were sent; `digest` is that of the
    body by the record's own word. `truncated` says why the body was cut when it was captured, if it
    was; `note` is what was made of it, where we wrote the record.
    """

    place: Place
    target: str
    at: datetime
    head: bytes
    body: bytes
    digest: str
    revisit: bool
    truncated: str = ""
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
        if self.truncated:
            told = f"was cut when it was captured ({self.truncated})"
            raise BadRecord(self.place.file, self.place.offset, told)
        try:
            body = _unchunked(sent, self._field("transfer-encoding"))
            # The Wayback Machine hands on what it holds, and the site's own word for it.
            coding = self._field("content-encoding") or self._field(
                "x-archive-orig-content-encoding"
            )
            return _uncoded(body, coding.lower())
        except BadCoding as error:
            raise BadRecord(self.place.file, self.place.offset, str(error)) from error
        except TooMuch as error:
            told = f"larger than {_PAGE_CAP:,} bytes"
            raise BadRecord(self.place.file, self.place.offset, told) from error

    def _field(self, name: str) -> str:
        for line in self.head.split(b"\r\n"):
            told, _, value = line.partition(b":")
            if told.strip().lower() == name.encode():
                return value.decode("latin-1").strip()
        return ""


def found_in(
    stream: BinaryIO, file: str, wanted: Callable[[str], bool], *, base: int = 0
) -> Iterator[Found]:
    """Yield what a file holds of the addresses that are `wanted`, in its order.

    `file` names it in places and errors; `stream` stands `base` bytes into it. Raises BadRecord
    where the file is no WARC file, is damaged or breaks off: what was yielded before is whole, and
    the damage lies in the record that is named or follows it.
    """
    pending: Found | None = None
    for start, record in _records(stream, file, base):
        if pending and not pending.place.length:
            pending = _ended(pending, start)
        if record is None:
            break
        target = (record.headers.get("WARC-Target-URI") or "").strip("<>")
        if not record.record_type & _RECORDS or not wanted(target):
            continue
        if record.record_type is WarcRecordType.metadata:
            if pending:
                yield replace(pending, note=_note(record, pending, start))
            pending = None
            continue
        if pending:
            yield pending
        pending = _found(record, target, Place(file, start, 0))
    if pending:
        yield pending


def found_at(stream: BinaryIO, place: Place) -> Found:
    """Return the one record at a place, at which a stream stands. Raises OSError and BadRecord."""
    record = io.BytesIO(stream.read(place.length))
    for found in found_in(record, place.file, lambda _: True, base=place.offset):
        return found
    raise BadRecord(place.file, place.offset, "no page is there")


def captures_in(stream: BinaryIO, file: str, base: int) -> Iterator[Capture]:
    """Yield what our own metadata records in a file tell. Raises as `found_in`."""
    for found in found_in(stream, file, lambda _: True, base=base):
        if found.note:
            yield found.note


def has_body(record: bytes) -> bool:
    """Say whether a record, or its beginning, is one that has its body itself."""
    with suppress(OSError, ValueError):
        for each in ArchiveIterator(io.BytesIO(record), parse_http=False):
            return each.record_type is WarcRecordType.response
    return False


def next_record(stream: BinaryIO) -> int | None:
    """Return where in a stream a record begins that is packed by itself, from where it is on."""
    begin = stream.tell()
    while window := stream.read(CHUNK + _AHEAD):
        for match in _PACKED.finditer(window, 0, CHUNK + len(_GZIP)):
            if _begins_record(window[match.start() :][:_AHEAD]):
                return begin + match.start()
        begin = stream.seek(begin + CHUNK)
    return None


def _begins_record(packed: bytes) -> bool:
    with suppress(zlib.error):
        return zlib.decompressobj(_MEMBER).decompress(packed, len(_WARC)) == _WARC
    return False


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


def _records(stream: BinaryIO, file: str, base: int) -> Iterator[tuple[int, WarcRecord | None]]:
    """Yield the records with their offsets, and None with the end of the file."""
    begin = at = stream.tell()
    try:
        for record in ArchiveIterator(stream, parse_http=False):
            at = record.stream_pos
            yield base + at - begin, record
            _require_whole(record)
        end = stream.tell()
        at += _whole_after(stream, at)
    except (OSError, ValueError) as error:
        raise BadRecord(file, base + at - begin, str(error)) from error
    if at < end:
        raise BadRecord(file, base + at - begin, _CUT)
    yield base + end - begin, None


def _require_whole(record: WarcRecord) -> None:
    """Raise ValueError for a record that breaks off, which fastwarc takes for its end."""
    record.reader.consume()
    length = record.headers.get("Content-Length")
    if length is None or record.reader.tell() < int(length):
        raise ValueError(_CUT)


def _whole_after(stream: BinaryIO, last: int) -> int:
    """Return how much is whole of the last record and what follows, which fastwarc does not say."""
    end = stream.tell()
    stream.seek(last)
    packed = stream.read(len(_GZIP)) == _GZIP
    stream.seek(last)
    return whole(stream) if packed else end - last


def _ended(found: Found, end: int) -> Found:
    """Return it with its length. Raises BadRecord where several records are packed as one."""
    place = found.place
    if end <= place.offset:
        raise BadRecord(place.file, place.offset, "its records are not packed each by itself")
    return replace(found, place=replace(place, length=end - place.offset))


def _found(record: WarcRecord, target: str, place: Place) -> Found:
    try:
        block = _block(record)
        at = _instant(record)
    except (OSError, ValueError) as error:
        raise BadRecord(place.file, place.offset, str(error)) from error
    head, blank, body = block.partition(b"\r\n\r\n")
    return Found(
        place,
        target,
        at,
        head + blank,
        body,
        record.headers.get("WARC-Payload-Digest") or "",
        record.record_type is WarcRecordType.revisit,
        record.headers.get("WARC-Truncated") or "",
    )


def _block(record: WarcRecord) -> bytes:
    """Return the block of a record, or so much of it as a page may have at most, packed or not.

    Raises OSError, and ValueError for one that is cut or has another digest than it says.
    """
    block = bytes(record.reader.read(_BLOCK_CAP))
    if len(block) < min(record.content_length, _BLOCK_CAP):
        raise ValueError(_CUT)
    told = record.headers.get("WARC-Block-Digest") or ""
    if len(block) < _BLOCK_CAP and _SHA1.fullmatch(told) and told != digest_of(block):
        raise ValueError("other bytes than its digest says")
    return block


def _instant(record: WarcRecord) -> datetime:
    """Return when a record was captured. Raises ValueError for what is no date."""
    try:
        at = record.record_date
        if at is not None:
            return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from error
    raise ValueError("a record without a date")


def _note(record: WarcRecord, found: Found, offset: int) -> Capture | None:
    """Return what our metadata record says of a page; None for that of another program."""
    try:
        block = _block(record)
    except (OSError, ValueError) as error:
        raise BadRecord(found.place.file, offset, str(error)) from error
    if not block.startswith(NOTE):
        return None
    try:
        return _capture(json.loads(block.removeprefix(NOTE)), found, _instant(record))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _capture(said: object, found: Found, stored_at: datetime) -> Capture:
    """Raise KeyError, TypeError or ValueError for what we would not have said."""
    if not isinstance(said, dict):
        raise TypeError
    archival = said.pop("archival", False)
    if not all(isinstance(value, str) for value in said.values()):
        raise TypeError
    "".join(said.values()).encode()  # half a surrogate pair is a ValueError
    return Capture(
        story_id=said["story"],
        url=said["url"],
        final_url=said["final_url"],
        status=found.status,
        seen_at=date_of(said["seen_at"]),
        stored_at=stored_at,
        source=said["source"],
        decision=Decision(Verdict(said["verdict"]), said.get("reason", ""), archival is True),
        content_hash=said.get("content_hash", ""),
        sha256=said.get("sha256", ""),
        mode=BodyMode(said["mode"]),
        parser=said["parser"],
        path=_path(said.get("path", "")),
        digest=found.digest,
        lastmod=said.get("lastmod"),
        place=found.place,
    )


def _path(said: str) -> str:
    """Return where a post may lie in its tree; of any other path the empty one."""
    names = said.encode().split(b"/")
    return said if _POST.fullmatch(said) and max(map(len, names)) <= _NAME_CAP else ""


def _unchunked(body: bytes, coding: str) -> bytes:
    """Undo the transfer coding, where the body has it: many programs undo it and keep the field.

    Raises BadCoding for one that is cut or damaged.
    """
    if "chunked" not in coding.lower() or not _CHUNK_SIZE.match(body):
        return body
    out, at = bytearray(), 0
    while line := _CHUNK_SIZE.match(body, at):
        end = line.end() + int(line[1], 16)
        if end == line.end():
            return bytes(out)
        out += body[line.end() : end]
        if body[end : end + 2] != b"\r\n":
            break
        at = end + 2
    raise BadCoding("damaged chunks")


def _uncoded(body: bytes, coding: str) -> bytes:
    """Undo the content coding, where the body has it: some programs undo that as well.

    Raises BadCoding and TooMuch.
    """
    if "gzip" in coding and not body.startswith(_GZIP):
        return unpacked(body, "", _PAGE_CAP)
    try:
        return unpacked(body, coding, _PAGE_CAP)
    except BadCoding:
        if not _MARKUP.match(body):
            raise
        return unpacked(body, "", _PAGE_CAP)
