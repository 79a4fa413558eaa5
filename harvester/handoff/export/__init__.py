"""Stories as one file for other tools: JSON Lines, CSV, Parquet or SQLite.

    archive ─▶ Record ─▶ values (fields.py) ─▶ format ─▶ sink (output.py: whole or not at all)

All formats hold the same rows and the same text, each story once, read as it is written: memory
does not grow with the archive.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from harvester import __version__
from harvester.errors import UsageError
from harvester.handoff.export import csv_file, jsonl
from harvester.handoff.export.about import About
from harvester.handoff.export.output import whole_file
from harvester.handoff.record import Record, records
from harvester.store import Reader, Selection

__all__ = ["Format", "Summary", "export", "whole_file"]


class Format(StrEnum):
    """What a file can be; `SPREADSHEET` is CSV that is safe to open and not exact."""

    JSONL = "jsonl"
    CSV = "csv"
    SPREADSHEET = "spreadsheet"
    PARQUET = "parquet"
    SQLITE = "sqlite"


@dataclass(frozen=True, slots=True)
class Summary:
    """How many stories were written, and the change after which the next export goes on.

    `last_seq` counts, not the greatest `seq` among them: a story of a whole export that changed
    while it was written has a greater one, and another that changed then may be there as it was.
    """

    rows: int
    last_seq: int


def export(
    archive: Reader,
    selection: Selection,
    form: Format,
    sink: BinaryIO,
    *,
    now: datetime,
    scratch: Path | None = None,
    watch: Callable[[int], object] = lambda _: None,
) -> Summary:
    """Write the stories wanted to `sink`, a binary file or a pipe.

    Whoever asks next for what came after `last_seq` misses nothing: it is read before the stories.
    `now` (aware) is noted in the file where the format has room for it; `scratch` is the folder in
    which SQLite's file is made (default: the temporary folder); `watch` hears of each story how
    many there are so far. Raises UsageError where the format needs a package that is not
    installed, OSError as the sink does, DiskError for `scratch`, and as the archive does.
    """
    about = About(__version__, archive.last_change(), now, selection)
    tally = _Tally(watch)
    _write(tally.over(_up_to(about, archive)), form, sink, about, scratch)
    return Summary(tally.rows, about.last_seq)


def _write(
    found: Iterable[Record], form: Format, sink: BinaryIO, about: About, scratch: Path | None
) -> None:
    match form:
        case Format.JSONL:
            jsonl.write(found, sink)
        case Format.CSV:
            csv_file.write(found, sink)
        case Format.SPREADSHEET:
            csv_file.write_for_spreadsheets(found, sink)
        case Format.PARQUET:
            _parquet(found, sink, about)
        case Format.SQLITE:
            # The index brings a dictionary of characters, which the other formats do without.
            from harvester.handoff.export import sqlite  # noqa: PLC0415

            sqlite.write(found, sink, about, scratch or Path(tempfile.gettempdir()))


def _parquet(found: Iterable[Record], sink: BinaryIO, about: About) -> None:
    try:
        from harvester.handoff.export import parquet  # noqa: PLC0415 - pyarrow is an extra
    except ModuleNotFoundError as problem:
        raise UsageError(
            f"--format parquet needs {problem.name}: pip install 'zaobao-harvester[parquet]', or "
            "in a checkout pip install --editable '.[parquet]'"
        ) from problem
    parquet.write(found, sink, about)


def _up_to(about: About, archive: Reader) -> Iterator[Record]:
    """Return the stories wanted; of what came after a number, nothing that the next one brings."""
    for record in records(archive, about.selection):
        if not about.selection.after or record.seq <= about.last_seq:
            yield record


@dataclass(slots=True)
class _Tally:
    """Counts what passes."""

    watch: Callable[[int], object]
    rows: int = 0

    def over(self, found: Iterable[Record]) -> Iterator[Record]:
        for record in found:
            yield record
            self.rows += 1
            self.watch(self.rows)
