"""Files of any program are read; of a damaged one what comes before, and where the damage is."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import cache

import fastwarc
import pytest
from fastwarc import WarcRecordType
from hypothesis import example, given
from hypothesis import strategies as st

from harvester.coding import CHUNK
from harvester.errors import BadRecord
from harvester.warc import Found, found_in, next_record, whole
from tests.support.codings import packed as coded
from tests.warc.records import (
    FILE,
    HEAD,
    NOON,
    URL,
    Look,
    foreign,
    found,
    look,
    other_record,
    packed,
    repacked,
)

PAGE = "<!DOCTYPE html><p>早报</p>".encode()
CODINGS = ("", "gzip", "deflate", "br", "zstd")
PACKINGS = ("gzip", "plain", "zstd")


@cache
def three(packing: str = "gzip") -> bytes:
    """Return a file of three looks."""
    return repacked(packed(look(str(number), b"<p>%d" % number) for number in (1, 2, 3)), packing)


def chunked(body: bytes, extension: bytes = b"") -> bytes:
    """Return a body in chunks of five bytes."""
    pieces = [body[at : at + 5] for at in range(0, len(body), 5)]
    return b"".join(b"%x%s\r\n%s\r\n" % (len(each), extension, each) for each in [*pieces, b""])


def read(data: bytes) -> tuple[list[Found], BadRecord | None]:
    """Return what was yielded of a file, and the damage that was told."""
    seen: list[Found] = []
    try:
        for one in found_in(io.BytesIO(data), FILE, lambda _: True):
            seen.append(one)  # noqa: PERF402  what came before the damage counts
    except BadRecord as error:
        return seen, error
    return seen, None


def only(data: bytes) -> Found:
    """Return the one page of a file."""
    (one,) = found(data)
    return one


# --- files of other programs ---


@pytest.mark.parametrize("packing", [True, False])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("kept", ["as sent", "unpacked", "in chunks", "chunks with extensions"])
@pytest.mark.parametrize("coding", CODINGS)
def test_bodies(coding: str, kept: str, version: str, packing: bool) -> None:
    """A page is read in every coding, with its chunks or without, and unpacked under that head."""
    fields = [("Content-Type", "text/html; charset=gb2312"), ("Transfer-Encoding", "chunked")]
    fields += [("Content-Encoding", coding)] if coding else []
    sent = PAGE if kept == "unpacked" else coded(PAGE, coding)
    if "chunks" in kept:
        sent = chunked(sent, b";x=y" if "extensions" in kept else b"")
    one = only(foreign(sent, fields, version=version, packing=packing))

    assert one.is_page
    assert sent == one.body
    page = one.page("https://asked.example/")
    assert (page.body, page.status, page.charset) == (PAGE, 200, "gb2312")
    assert (page.url, page.final_url, page.fetched_at) == ("https://asked.example/", URL, NOON)


@pytest.mark.parametrize("packing", PACKINGS)
def test_packings(packing: str) -> None:
    """Gzip, zstd or none: what is in a file is the same, and each place holds its record alone."""
    data = three(packing)
    at_places = [data[each.place.offset :][: each.place.length] for each in found(data)]

    assert [each.body for each in found(data)] == [b"<p>1", b"<p>2", b"<p>3"]
    assert [only(each).body for each in at_places] == [b"<p>1", b"<p>2", b"<p>3"]
    assert [each.note and each.note.story_id for each in found(data)] == ["1", "2", "3"]


def test_all_in_one_member() -> None:
    """A file that is packed as a whole has no places: it is refused."""
    with pytest.raises(BadRecord, match="not packed each by itself"):
        found(gzip.compress(three("plain")))


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ("2021-11-01T12:00:00.123456Z", NOON.replace(microsecond=123456)),
        ("2021-11-01T12:00:00.123456789Z", NOON.replace(microsecond=123456)),
        ("2021-11-01T20:00:00+08:00", NOON),
    ],
)
def test_dates(told: str, at: datetime) -> None:
    """Fractions of a second are read, as far as an instant of ours has them."""
    assert at == only(foreign(version="1.1", Date=told)).at


@pytest.mark.parametrize(
    "told", ["", "2021", "yesterday", "9999-99-99T00:00:00Z", "0000-01-01T00:00:00Z"]
)
def test_no_date(told: str) -> None:
    """A page that was seen at no time is damage: no text of it could be put in order."""
    with pytest.raises(BadRecord, match=f"{FILE}, at byte 0: "):
        found(foreign(Date=told))
    with pytest.raises(BadRecord):
        found(foreign(Date="0001-01-01T00:00:00+23:00"))


def test_targets() -> None:
    """Angle brackets around an address are no part of it; what has none is asked for as such."""
    assert only(foreign(Target_URI=f"<{URL}>")).target == URL
    assert only(foreign(Target_URI="")).target == ""
    assert list(found_in(io.BytesIO(foreign()), FILE, lambda url: url != URL)) == []


def test_other_records_in_between() -> None:
    """Records of other kinds, and metadata of other programs, change nothing of the pages."""
    kinds = (WarcRecordType.resource, WarcRecordType.conversion, WarcRecordType.metadata)
    between = b"".join(other_record(kind, WARC_Target_URI=URL) for kind in kinds)
    page = foreign()
    data = between.join([b"", page, page, b""])

    assert [each.body for each in found(data)] == [b"<p>text"] * 2
    assert [each.note for each in found(data)] == [None, None]
    assert [len(page)] * 2 == [each.place.length for each in found(data)]


@pytest.mark.parametrize(
    "said",
    [
        *("[" * 20_000, "[]", "{}", "null", '{"story": 1}', '"\\ud800"', "\x00"),
        json.dumps({"story": "1", "url": {}, "seen_at": "2021-11-01"}),
    ],
)
def test_notes_of_others(said: str) -> None:
    """Metadata that is not as we write it is none."""
    data = foreign() + other_record(WarcRecordType.metadata, b"harvester: " + said.encode())

    assert only(data).note is None


def test_without_http() -> None:
    """A record that holds no answer of HTTP is no page."""
    one = only(other_record(WarcRecordType.response, WARC_Target_URI="dns:zaobao.com.sg"))

    assert (one.status, one.is_page, one.page().body) == (0, False, b"")


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        *(("gzip", coded(PAGE, "gzip")[:-9]), ("br", coded(PAGE, "br")[:-3])),
        *(("zstd", coded(PAGE, "zstd")[:-3]), ("pack200", PAGE[::-1]), ("br", b"no page")),
        ("gzip", gzip.compress(bytes(9 * 2**20))),
    ],
)
def test_bad_bodies(coding: str, body: bytes) -> None:
    """A body that is cut, in an unknown coding or too large is damage at its record's place."""
    before = other_record()
    one = only(before + foreign(body, [("Content-Encoding", coding)]))

    with pytest.raises(BadRecord) as caught:
        one.page()
    assert (caught.value.file, caught.value.offset) == (FILE, len(before))


@pytest.mark.parametrize("cut", [4, 12, 30])
def test_cut_chunks(cut: int) -> None:
    """A body whose chunks break off is damage, not text with their sizes in it."""
    one = only(foreign(chunked(PAGE)[:-cut], [("Transfer-Encoding", "chunked")]))

    with pytest.raises(BadRecord, match="damaged chunks"):
        one.page()


# --- damage ---


def test_a_cut_at_every_byte() -> None:
    """Of a file that breaks off what is yielded is whole, and it is told where nothing follows."""
    data = three()
    pages = found(data)
    ends = {0, *(each.place.offset + each.place.length for each in pages)} | set(_starts(data))
    for cut in range(len(data)):
        seen, damage = read(data[:cut])

        assert [each.body for each in seen] == [each.body for each in pages[: len(seen)]]
        assert (damage is None) == (cut in ends), cut
        if damage:
            assert damage.file == FILE
            assert damage.offset in [at for at in _starts(data) if at < cut][-2:]


def _starts(data: bytes) -> list[int]:
    """Return where records begin."""
    starts, left = [0], data
    while left := _after_member(left):
        starts.append(len(data) - len(left))
    return starts


def _after_member(data: bytes) -> bytes:
    member = zlib.decompressobj(zlib.MAX_WBITS | 16)
    member.decompress(data)
    return member.unused_data


@pytest.mark.parametrize("packing", ["plain", "zstd"])
def test_a_cut_of_other_packings(packing: str) -> None:
    """A page that breaks off in a file of another packing is told as well."""
    data = three(packing)
    pages = found(data)
    for cut in range(len(data)):
        seen, damage = read(data[:cut])
        begun = [each for each in pages if each.place.offset + 30 < cut]

        assert [each.body for each in seen] == [each.body for each in pages[: len(seen)]]
        assert damage or len(seen) == len(begun), cut


@pytest.mark.parametrize("packing", PACKINGS)
@given(data=st.data())
def test_a_flipped_bit(packing: str, data: st.DataObject) -> None:
    """Of a file with a flipped bit no page is yielded with another head or body."""
    file, pages = three(packing), found(three(packing))
    at = data.draw(st.integers(0, len(file) - 1))
    flipped = bytearray(file)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    seen, damage = read(bytes(flipped))

    whole_pages = {(each.head, each.body) for each in pages}
    assert {(each.head, each.body) for each in seen} <= whole_pages
    if damage:
        assert damage.file == FILE
        assert damage.offset <= at + 1


@given(
    st.binary(max_size=400),
    st.sampled_from([b"", *map(bytes, (three(), three("plain"), three("zstd")))]),
    st.data(),
)
@example(b"", b"", None)
def test_any_bytes(junk: bytes, file: bytes, data: st.DataObject | None) -> None:
    """Nothing but the one error comes out of any bytes."""
    at = data.draw(st.integers(0, len(file))) if data else 0
    with suppress(BadRecord):
        for one in found_in(io.BytesIO(file[:at] + junk + file[at:]), FILE, lambda _: True):
            with suppress(BadRecord):
                one.page()


HEADERS = st.sampled_from(
    [
        "WARC-Type",
        "WARC-Date",
        "WARC-Target-URI",
        "Content-Length",
        "Content-Type",
        "WARC-Block-Digest",
    ]
)
VALUES = st.sampled_from(
    [
        "response",
        "revisit",
        "metadata",
        "2021-11-01T12:00:00Z",
        "application/json",
        "5",
        "-5",
        "1e3",
    ]
) | st.text(max_size=30)


@given(st.lists(st.tuples(HEADERS, VALUES), max_size=8), st.binary(max_size=60))
def test_any_headers(fields: list[tuple[str, str]], block: bytes) -> None:
    """Nothing but the one error comes out of any headers."""
    told = "".join(f"{name}: {value}\r\n" for name, value in fields)
    record = f"WARC/1.1\r\n{told}\r\n".encode(errors="replace") + block + b"\r\n\r\n"
    with suppress(BadRecord):
        for one in found_in(io.BytesIO(record + three("plain")), FILE, lambda _: True):
            with suppress(BadRecord):
                one.page()


@given(st.binary(max_size=60), st.sampled_from(CODINGS), st.booleans())
def test_any_body(body: bytes, coding: str, in_chunks: bool) -> None:
    """Nothing but the one error comes out of any body under any head."""
    head = HEAD[:-2] + f"Content-Encoding: {coding}\r\n".encode()
    head += b"Transfer-Encoding: chunked\r\n\r\n" if in_chunks else b"\r\n"
    one = only(packed([look(body=body, head=head)]))
    with suppress(BadRecord):
        replace(one, head=head).page()


@pytest.mark.parametrize(
    "data",
    [b"!<arch>", b"filedesc://x.arc 0.0.0.0 20060101000000 text/plain 9\n1 1 x\n\n", b"\0" * 99],
)
def test_no_warc_file(data: bytes) -> None:
    """A file of another kind is told as such, packed or not."""
    for file in (data, gzip.compress(data)):
        seen, damage = read(file)
        assert seen == []
        assert damage
        assert (damage.file, damage.offset) == (FILE, 0)


# --- what broke off ---


def test_whole_at_every_cut() -> None:
    """As many bytes are whole as the members before the cut have."""
    data = three()
    starts = [*_starts(data), len(data)]
    for cut in range(len(data) + 1):
        assert whole(io.BytesIO(data[:cut])) == max(at for at in starts if at <= cut)


@given(st.binary(max_size=50), st.integers(0, 5))
def test_whole_before_anything(junk: bytes, members: int) -> None:
    """What follows the last whole member is never counted, unless it is one."""
    data = b"".join(gzip.compress(b"%d" % number) for number in range(members))

    assert whole(io.BytesIO(data + b"x" + junk)) == len(data)


def test_whole_of_large_members() -> None:
    """Members that are larger than what is read at once count as any other."""
    large = gzip.compress(bytes(range(256)) * 4096, 0)

    assert whole(io.BytesIO(large * 3)) == 3 * len(large)
    assert whole(io.BytesIO(large * 2 + large[:-1])) == 2 * len(large)


# --- what nobody here has written ---


@pytest.mark.parametrize(
    ("told", "path"),
    [
        ("2021/11/2021-11-01-早报.md", "2021/11/2021-11-01-早报.md"),
        ("old posts/a.b.md", "old posts/a.b.md"),
        *((wrong, "") for wrong in (".git/hooks/pre-commit", "../../evil.md", "/etc/evil.md")),
        *((wrong, "") for wrong in ("2021/../evil.md", "2021/.x/a.md", "2021/11/.md", "x.md/y.md")),
        *((wrong, "") for wrong in ("2021//a.md", "2021/11/a.md/", "2021/11/a", "", "a\0.md")),
        *((wrong, "") for wrong in ("早" * 90 + ".md", "./a.md", "MANIFEST.jsonl", "a\n/.x/b.md")),
    ],
)
def test_paths(told: str, path: str) -> None:
    """A path that no post has is none: nothing is looked for there, nothing written."""
    capture, exchange = look()
    (one,) = found(packed([(replace(capture, path=told), exchange)]))
    assert one.note == replace(capture, path=path, place=one.place)


def test_half_a_surrogate_pair() -> None:
    """What says something that is no text is no note of ours."""
    said = json.dumps({**json.loads(said_of(look())), "reason": "\ud800"}).encode()
    note = other_record(WarcRecordType.metadata, b"harvester: " + said, **OF_URL)
    (one,) = found(foreign() + note)
    assert one.note is None
    note = other_record(WarcRecordType.metadata, b"harvester: " + said_of(look()), **OF_URL)
    (one,) = found(foreign() + note)
    assert one.note


OF_URL = {"WARC_Target_URI": URL, "WARC_Date": "2021-11-01T12:00:00Z"}


def said_of(one: Look) -> bytes:
    """Return what our note says of a look."""
    for record in fastwarc.ArchiveIterator(io.BytesIO(packed([one])), parse_http=False):
        block = bytes(record.reader.read())
    return block.removeprefix(b"harvester: ")


# --- behind damage ---


@given(st.binary(max_size=200), st.integers(-1100, 1100) | st.just(-CHUNK))
@example(b"\x1f\x8b\x08" * 9, 0)
@example(gzip.compress(b"words"), 0)
@example(b"\x1f\x8b\x08", -3)
def test_the_next_record(junk: bytes, near: int) -> None:
    """The next record is found wherever it begins, and nothing else passes for one."""
    before = (junk + bytes(CHUNK + near))[: max(CHUNK + near, len(junk))]
    stream = io.BytesIO(before + three())

    assert next_record(stream) == len(before)
    stream.seek(len(before) + 1)
    ends = next_record(stream)
    assert ends
    assert [each.body for each in found(stream.getvalue()[ends:])][:1] == [b"<p>1"]
    assert next_record(io.BytesIO(before)) is None
