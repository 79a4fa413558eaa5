"""CSV as RFC 4180 has it, UTF-8: a header, CRLF, quotes doubled."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable
from typing import BinaryIO

from harvester.handoff.export.fields import NAMES, Cell, cells
from harvester.handoff.record import Record

# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(records: Iterable[Record], sink: BinaryIO) -> None:
    """Write stories as CSV, every text exactly as it is. Raises OSError as the sink does."""
    writer = csv.writer(codecs.getwriter("utf-8")(sink))
    writer.writerow(NAMES)
    writer.writerows(map(cells, records))


def write_for_spreadsheets(records: Iterable[Record], sink: BinaryIO) -> None:
    """Write stories as CSV that spreadsheets open without harm; not for reading back.

    A byte order mark tells the encoding, and a cell that would be a formula gets an apostrophe in
    front, which stays in the text. Raises OSError as the sink does.
    """
    writer = csv.writer(codecs.getwriter("utf-8-sig")(sink))
    writer.writerow(NAMES)
    writer.writerows([_harmless(cell) for cell in cells(record)] for record in records)


def _harmless(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
