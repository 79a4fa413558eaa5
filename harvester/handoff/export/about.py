"""What an exported file tells of itself, in the formats that have room for it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from harvester.store import Selection, stamp


@dataclass(frozen=True, slots=True)
class About:
    """Which program made it, when (aware UTC), up to which change, and what was asked for."""

    version: str
    last_seq: int
    exported_at: datetime
    selection: Selection

    def texts(self) -> dict[str, str]:
        """Return all of it as texts; the selection is a JSON object."""
        return {
            "version": self.version,
            "last_seq": str(self.last_seq),
            "exported_at": stamp(self.exported_at),
            "selection": json.dumps(asdict(self.selection), default=stamp, ensure_ascii=False),
        }
