"""Parquet by pyarrow, zstd. Importing this module needs pyarrow, which is an extra."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO

import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from harvester.handoff.export.about import About
from harvester.handoff.export.fields import FIELDS, Kind
from harvester.handoff.record import Record

# A row group is held in memory: bounded both ways.
_ROWS = 1000
_BYTES = 4 * 2**20
# What is freed goes back to the system; pyarrow's own pool keeps it.
_POOL = pa.system_memory_pool()
_TYPES: Mapping[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.WORD: pa.string(),
    Kind.COUNT: pa.int32(),
    Kind.NUMBER: pa.int64(),
    Kind.INSTANT: pa.timestamp("us", tz="UTC"),
    Kind.TEXTS: pa.list_(pa.string()),
}
_WORDS = [field.name for field in FIELDS if field.kind is Kind.WORD]
# By these a reader can leave out row groups; of long texts they would only swell the file's foot.
_STATISTICS = ["story_id", *(f.name for f in FIELDS if f.kind not in {Kind.TEXT, Kind.TEXTS})]


def write(records: Iterable[Record], sink: BinaryIO, about: About) -> None:
    """Write stories as Parquet; what `about` tells stands in the file's metadata.

    Raises OSError as the sink does.
    """
    schema = pa.schema(
        [pa.field(field.name, _TYPES[field.kind], nullable=field.optional) for field in FIELDS],
        metadata={f"harvester.{name}": text for name, text in about.texts().items()},
    )
    with ParquetWriter(
        sink,
        schema,
        compression="zstd",
        use_dictionary=_WORDS,
        write_statistics=_STATISTICS,
        memory_pool=_POOL,
    ) as writer:
        for group in _groups(records):
            writer.write_batch(_batch(group, schema))


def _batch(group: list[Record], schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        pa.array([getattr(record, field.name) for record in group], field.type, memory_pool=_POOL)
        for field in schema
    ]
    return pa.record_batch(columns, schema=schema)


def _groups(records: Iterable[Record]) -> Iterator[list[Record]]:
    group: list[Record] = []
    size = 0
    for record in records:
        group.append(record)
        size += len(record.text.encode()) + len(record.html.encode())
        if len(group) == _ROWS or size >= _BYTES:
            yield group
            group.clear()
            size = 0
    if group:
        yield group
