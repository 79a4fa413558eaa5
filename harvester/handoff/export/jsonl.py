"""JSON Lines: one object a line, UTF-8 (https://jsonlines.org)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import BinaryIO

from harvester.handoff.export.fields import values
from harvester.handoff.record import Record


def write(records: Iterable[Record], sink: BinaryIO) -> None:
    """Write stories as JSON Lines. Raises OSError as the sink does."""
    sink.writelines(
        f"{json.dumps(values(record), ensure_ascii=False)}\n".encode() for record in records
    )
