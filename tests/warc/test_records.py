"""What is written is read back by others and by ourselves, and every digest in it is true."""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import replace
from datetime import timedelta

import fastwarc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from harvester.model import Place
from harvester.warc import Found, captures_in, digest_of, has_body, info, pack
from tests.warc.records import FILE, NOON, URL, Look, digests, found, look, looks, packed


def types(one: Look) -> list[str]:
    """Return the types of the records of a look: what was asked is not known of every page."""
    return ["response", *["request"] * bool(one[1].request), "metadata"]


@given(st.lists(looks(), max_size=3))
def test_digests(many: list[Look]) -> None:
    """Another program finds no block and no payload that has another digest than is told."""
    told = digests(packed(many))

    expected = [kind for each in many for kind in types(each)]
    assert ["warcinfo", *expected] == [kind for kind, _ in told]
    assert not [kind for kind, passed in told if passed is False]
    checked = [passed is True for kind, passed in told if kind == "response"]
    assert checked == [True] * len(many)


@given(looks())
def test_two_other_readers(one: Look) -> None:
    """Two other programs read the same records, with the very bytes that went over the wire."""
    capture, exchange = one
    data = packed([one])
    with_warcio = [
        (record.rec_type, dict(record.rec_headers.headers), record.raw_stream.read())
        for record in ArchiveIterator(io.BytesIO(data), no_record_parse=True)
    ]
    with_fastwarc = [
        (
            record.headers["WARC-Type"],
            dict(record.headers.astuples()),
            bytes(record.reader.read()),
        )
        for record in fastwarc.ArchiveIterator(io.BytesIO(data), parse_http=False)
    ]

    assert with_warcio == with_fastwarc
    _, response, *requests, note = with_fastwarc
    assert ["warcinfo", *types(one)] == [kind for kind, _, _ in with_fastwarc]
    assert {exchange.url} == {each[1]["WARC-Target-URI"] for each in (response, *requests, note)}
    assert response[2].endswith(exchange.body)
    assert exchange.request == b"".join(request[2] for request in requests)
    assert capture.story_id == json.loads(note[2].removeprefix(b"harvester: "))["story"]
    begin = {response[1]["WARC-Record-ID"]}
    assert begin == {each[1]["WARC-Concurrent-To"] for each in (*requests, note)}


@given(st.lists(looks(), min_size=1, max_size=3))
def test_read_back(many: list[Look]) -> None:
    """We read the head, the body and what was made of it, and each place decompresses alone."""
    data = packed(many)

    for one, (capture, exchange) in zip(found(data), many, strict=True):
        head = one.head.replace(b"X-Crawl-Transfer-Encoding", b"Transfer-Encoding")
        assert exchange.response.lower() == head.lower()
        assert (exchange.url, exchange.body) == (one.target, one.body)
        assert (capture.digest, capture.status) == (one.digest, one.status)
        assert replace(capture, place=one.place) == one.note
        (alone,) = found(_at(data, one), base=one.place.offset)
        assert replace(one, note=None) == alone
        assert gzip.decompress(_at(data, one)).endswith(one.head + one.body + b"\r\n\r\n")


def _at(data: bytes, one: Found) -> bytes:
    return data[one.place.offset : one.place.offset + one.place.length]


@given(st.lists(looks(), max_size=3), st.data())
def test_places_from_the_middle(many: list[Look], data: st.DataObject) -> None:
    """A file that is read from one of its records on has the places that it has as a whole."""
    file = packed(many)
    all_found = found(file)
    start = data.draw(st.sampled_from([each.place.offset for each in all_found] or [len(file)]))
    after = [each.note for each in all_found if each.place.offset >= start]
    stream = io.BytesIO(file)
    stream.seek(start)

    assert after == list(captures_in(stream, FILE, start))
    assert after == list(captures_in(io.BytesIO(file[start:]), FILE, start))


@given(looks(), looks())
def test_revisit(first: Look, second: Look) -> None:
    """A second look at the same bytes is a head without them, which names the first by its date."""
    capture, exchange = second
    data, length = pack(capture, exchange, first[0])
    (one,) = found(data)
    begin = gzip.decompress(data[:length])

    assert one.revisit
    assert one.body == b""
    assert Place(FILE, 0, length) == one.place
    assert replace(capture, place=one.place) == one.note
    assert f"WARC-Refers-To-Target-URI: {first[0].final_url}\r\n".encode() in begin
    assert f"WARC-Refers-To-Date: {first[0].seen_at:%Y-%m-%dT%H:%M:%SZ}\r\n".encode() in begin


def test_what_the_site_did_not_show() -> None:
    """A page that another archive showed has the time at which that one was asked."""
    capture, exchange = look()
    later = replace(capture, stored_at=NOON + timedelta(days=1), source="wayback")
    elsewhere = replace(exchange, url=f"https://web.archive.org/web/20211101120000id_/{URL}")
    (one,) = found(packed([(later, elsewhere)]))

    assert (elsewhere.url, NOON + timedelta(days=1)) == (one.target, one.at)
    assert one.note
    assert one.note.seen_at == NOON
    assert (one.page().final_url, one.page().fetched_at) == (URL, NOON)


@pytest.mark.parametrize(
    ("status", "body", "told"), [(200, b"", None), (404, b"", "length"), (404, b"gone", None)]
)
def test_bodies_that_were_not_read(status: int, body: bytes, told: str | None) -> None:
    """A body that was not asked for is told as cut, one that is empty is not."""
    capture, exchange = look(body=body)
    data, _ = pack(replace(capture, status=status), exchange)

    assert next(ArchiveIterator(io.BytesIO(data))).rec_headers["WARC-Truncated"] == told


def test_info() -> None:
    """A file begins with what wrote it, and its own name."""
    record = next(ArchiveIterator(io.BytesIO(info("harvester/1 (+mail)", NOON, FILE))))

    assert (record.rec_type, record.rec_headers["WARC-Filename"]) == ("warcinfo", FILE)
    assert b"software: harvester/1 (+mail)\r\n" in record.content_stream().read()


def test_digest() -> None:
    """A digest is SHA-1 in base32, as archives and their indexes have it."""
    assert digest_of(b"") == ""
    assert digest_of(b"abc") == "sha1:VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5"


@given(looks(), st.binary(max_size=300))
def test_who_has_the_body(one: Look, junk: bytes) -> None:
    """The beginning of a record tells whether a page can be had of it alone; junk is no record."""
    capture, exchange = one
    for same in (None, capture):
        data, length = pack(capture, exchange, same)
        assert has_body(data[:length]) is (same is None)
        assert has_body(data[: length // 2] + junk) in {same is None, False}
    assert not has_body(junk)
