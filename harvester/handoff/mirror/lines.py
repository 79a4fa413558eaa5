"""A manifest in memory as its bytes: parsed it would take five times as much."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO

from harvester.store import Line

# As a post's path is, so that none leads elsewhere.
_POST = re.compile(r"(?!.*(^|/)\.\.?(/|$))[^/\0]+(/[^/\0]+)*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines by path, parsed one by one as they are gone through."""

    data: bytes = b""

    def __iter__(self) -> Iterator[Line]:
        """Parse all. Raises ValueError that tells which line is none, or is not in order."""
        last = ""
        for number, data in enumerate(BytesIO(self.data), 1):
            line = _parse(number, data)
            if line.path <= last:
                raise ValueError(f"line {number} is not in the order of the paths")
            last = line.path
            yield line

    def __len__(self) -> int:
        return self.data.count(b"\n")

    def with_changes(self, changes: Mapping[str, bytes]) -> Lines:
        """Return these lines with some changed, added, or taken out (b""), by path."""
        return Lines(b"".join(_pieces(self.data, changes))) if changes else self


def _pieces(data: bytes, changes: Mapping[str, bytes]) -> Iterator[bytes | memoryview]:
    """Return what stands between the changes as it is, and the changed lines, by path."""
    view = memoryview(data)
    waiting = sorted(changes, reverse=True)
    start = end = 0  # of what stands as it is
    for line in BytesIO(data):
        if not waiting:
            break
        path = json.loads(line)["path"]
        while waiting and waiting[-1] <= path:
            yield view[start:end]
            start = end + len(line) if waiting[-1] == path else end
            yield changes[waiting.pop()]
        end += len(line)
    yield view[start:]
    yield from (changes[path] for path in reversed(waiting))


def _parse(number: int, data: bytes) -> Line:
    try:
        line = Line(**json.loads(data))
        if _POST.fullmatch(line.path) and data.endswith(b"\n"):
            return line
    except (ValueError, TypeError):
        pass
    raise ValueError(f"line {number} names no post")
