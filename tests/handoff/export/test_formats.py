"""The four formats: the same rows, the same text, each with its own types."""

from __future__ import annotations

import dataclasses
import io
import sqlite3
import typing
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow.parquet import ParquetFile

from harvester.handoff.export import Format, csv_file, jsonl, parquet, sqlite
from harvester.handoff.export.about import About
from harvester.handoff.export.fields import FIELDS, NAMES, Kind, values
from harvester.handoff.record import Record
from harvester.model import Access, Era
from harvester.store import Selection
from tests.handoff.export.support import NOW, READ, TITLES, record

ABOUT = About("1.2.3", 7, NOW, Selection(sections=("realtime/china",), since=NOW))
EXACT = tuple(READ)

# Everything that can be encoded, what CSV and shells act on above all.
texts = st.text(st.characters(codec="utf-8"), max_size=30) | st.text(",\"\r\n\t='+-@; ", max_size=8)
instants = st.integers(0, 32_000_000_000).map(lambda at: datetime.fromtimestamp(at, UTC))
record_lists = st.lists(
    st.builds(
        Record,
        story_id=st.integers(1, 10**18).map(str),
        url=texts,
        title=texts | st.sampled_from(TITLES),
        published=instants,
        published_source=texts,
        section=texts,
        author=texts,
        tags=st.lists(texts, max_size=3).map(tuple),
        access=st.sampled_from(Access),
        era=st.sampled_from(Era),
        content_hash=texts,
        path=texts,
        sha256=texts,
        revision=st.integers(1, 2**31 - 1),
        seq=st.integers(1, 2**63 - 1),
        first_seen=instants,
        updated_at=instants,
        gone_at=st.none() | instants,
        text=texts,
        html=texts,
    ),
    max_size=4,
    unique_by=lambda each: each.story_id,
)


def write(form: Format, records: Iterable[Record], folder: Path) -> Path:
    """Write stories in a format; return the file."""
    sink = io.BytesIO()
    match form:
        case Format.JSONL:
            jsonl.write(records, sink)
        case Format.CSV:
            csv_file.write(records, sink)
        case Format.PARQUET:
            parquet.write(records, sink, ABOUT)
        case Format.SQLITE:
            sqlite.write(records, sink, ABOUT, folder)
    path = folder / f"export.{form}"
    path.write_bytes(sink.getvalue())
    return path


def test_fields_are_those_of_a_record() -> None:
    """Every field of a record is exported, in its order, as the kind that its type says."""
    kinds = {str: Kind.TEXT, Access: Kind.WORD, Era: Kind.WORD, datetime: Kind.INSTANT}
    hints = typing.get_type_hints(Record)

    assert tuple(field.name for field in dataclasses.fields(Record)) == NAMES
    for field in FIELDS:
        assert field.optional == (type(None) in typing.get_args(hints[field.name]))
        if hints[field.name] in kinds and field.name != "section":
            assert field.kind is kinds[hints[field.name]]


@settings(max_examples=50)
@given(record_lists)
def test_all_formats_hold_the_same(records: list[Record]) -> None:
    """Whatever the texts, each format reads back as the very rows that were written."""
    rows = [values(each) for each in records]
    with TemporaryDirectory() as name:
        for form in EXACT:
            assert rows == READ[form](write(form, records, Path(name))), form
            assert list(Path(name).glob(".*")) == []


@pytest.mark.parametrize("form", EXACT)
def test_no_rows(form: Format, tmp_path: Path) -> None:
    """A file without a story is a valid one."""
    assert READ[form](write(form, [], tmp_path)) == []


def test_jsonl(tmp_path: Path) -> None:
    """A line is one object, its texts as they are, its instants to the second, null for never."""
    (line,) = write(Format.JSONL, [record()], tmp_path).read_text("utf-8").splitlines()

    assert line.startswith('{"story_id": "1209230", "url": "https://')
    assert '"published": "2021-11-01T12:00:00Z"' in line
    assert '"tags": ["中国", "a \\"b\\", c"]' in line
    assert '"gone_at": null' in line


def test_csv(tmp_path: Path) -> None:
    """The header comes first, lines end with CRLF, nothing stands for none."""
    data = write(Format.CSV, [record(text="一\n二", html='<p class="a">')], tmp_path).read_bytes()
    header, row = data.split(b"\r\n", 1)

    assert header.decode() == ",".join(NAMES)
    assert row.decode().startswith("1209230,https://")
    assert row.decode().endswith('2021-11-01T12:00:00Z,,"一\n二","<p class=""a"">"\r\n')


@pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@a", "\ta", "\ra"])
def test_spreadsheet(title: str) -> None:
    """For spreadsheets no cell is a formula, and the encoding is told by a byte order mark."""
    sink = io.BytesIO()
    csv_file.write_for_spreadsheets([record(title=title)], sink)

    data = sink.getvalue()
    assert data.startswith(b"\xef\xbb\xbfstory_id,")
    assert f"'{title}".encode() in data
    assert data.count(b"\xef\xbb\xbf") == 1


def test_a_harmless_cell_stays_as_it_is() -> None:
    """Only the first character of a cell makes a formula."""
    sink = io.BytesIO()
    csv_file.write_for_spreadsheets([record(title="a=1")], sink)

    assert b",a=1," in sink.getvalue()


def test_parquet_types(tmp_path: Path) -> None:
    """Instants are instants, numbers numbers, tags a list; few words are a dictionary."""
    with ParquetFile(write(Format.PARQUET, [record()], tmp_path)) as file:
        schema, chunk = file.schema_arrow, file.metadata.row_group(0)

    types = {field.name: field.type for field in schema}
    assert types["published"] == types["gone_at"] == pa.timestamp("us", tz="UTC")
    assert (types["seq"], types["revision"]) == (pa.int64(), pa.int32())
    assert types["tags"] == pa.list_(pa.string())
    assert types["text"] == types["section"] == pa.string()
    assert [field.name for field in schema if field.nullable] == ["gone_at"]
    for column in map(chunk.column, range(chunk.num_columns)):
        few = column.path_in_schema in {"section", "access", "era"}
        assert ("RLE_DICTIONARY" in column.encodings) is few
        assert column.compression == "ZSTD"


def test_parquet_tells_of_itself(tmp_path: Path) -> None:
    """The file says which version made it, up to which change, and what was asked for."""
    with ParquetFile(write(Format.PARQUET, [], tmp_path)) as file:
        told = file.schema_arrow.metadata

    assert told[b"harvester.version"] == b"1.2.3"
    assert told[b"harvester.last_seq"] == b"7"
    assert told[b"harvester.exported_at"] == b"2026-11-21T12:00:00Z"
    assert told[b"harvester.selection"] == (
        b'{"since": "2026-11-21T12:00:00Z", "until": null, "sections": ["realtime/china"], '
        b'"access": null, "after": 0}'
    )


@pytest.mark.parametrize(
    ("records", "groups"),
    [
        ([record(story_id=str(n)) for n in range(2001)], [1000, 1000, 1]),
        ([record(story_id=str(n), html="字" * 700_000) for n in range(3)], [2, 1]),
    ],
)
def test_parquet_row_groups(records: list[Record], groups: list[int], tmp_path: Path) -> None:
    """What is held in memory is bounded by rows and by bytes."""
    with ParquetFile(write(Format.PARQUET, records, tmp_path)) as file:
        metadata = file.metadata
        assert groups == [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]


def test_sqlite_snapshot(tmp_path: Path) -> None:
    """A snapshot is a clean file of its own kind that tells what it is."""
    path = write(Format.SQLITE, [record(), record(story_id="2", gone_at=NOW)], tmp_path)
    with closing(sqlite3.connect(path)) as connection:

        def ask(sql: str) -> list[tuple[object, ...]]:
            return connection.execute(sql).fetchall()

        assert ask("SELECT * FROM meta")[0][:3] == (7, "1.2.3", "2026-11-21T12:00:00Z")
        assert ask("PRAGMA application_id") == [(sqlite.APPLICATION_ID,)]
        assert ask("PRAGMA user_version") == [(sqlite.USER_VERSION,)]
        assert ask("PRAGMA freelist_count") == [(0,)]
        assert ask("PRAGMA integrity_check") == [("ok",)]
        assert ask("PRAGMA journal_mode") == [("delete",)]
        assert ask("SELECT typeof(seq), typeof(revision), typeof(gone_at) FROM articles") == [
            ("integer", "integer", "null"),
            ("integer", "integer", "text"),
        ]
        for column in ("published", "section"):
            (plan,) = ask(f"EXPLAIN QUERY PLAN SELECT 1 FROM articles WHERE {column} = ''")  # noqa: S608
            assert f"articles_by_{column}" in str(plan)
    assert [path.name] == [each.name for each in tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ('"国 会"', ["1"]),
        ('"辩 论"', ["2"]),
        ('"复 会" "G20"', ["1"]),
        ('"会 国"', []),
        ("g20", ["1"]),
    ],
)
def test_sqlite_search(words: str, found: list[str], tmp_path: Path) -> None:
    """Words of two characters are found in title and text, as phrases of single characters."""
    records = [record(story_id="1"), replace(record(title="大辩论", text="无"), story_id="2")]
    with closing(sqlite3.connect(write(Format.SQLITE, records, tmp_path))) as connection:
        ids = connection.execute(
            "SELECT story_id FROM articles WHERE rowid IN "
            "(SELECT rowid FROM articles_fts WHERE articles_fts MATCH ?) ORDER BY 1",
            (words,),
        ).fetchall()

    assert [(each,) for each in found] == ids
