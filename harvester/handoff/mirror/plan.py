"""What a mirror needs: its lines beside those of the archive."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from harvester.store import Line

# As a post's path is, so that none leads elsewhere.
_POST = re.compile(r"(?!.*(^|/)\.\.?(/|$))[^/\0]+(/[^/\0]+)*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, each post of the archive once.

    `lines` is what the mirror's manifest may say from now on, by path: posts that are `kept`, old
    texts of some to `replace`, and posts that the archive does not know.
    """

    lines: Mapping[str, Line]
    kept: tuple[Line, ...]
    replace: tuple[Line, ...]
    copy: tuple[Line, ...]


def make_plan(
    held: Mapping[str, Line], wanted: Iterable[Line], damaged: Collection[str] = ()
) -> Plan:
    """Compare what the mirror says it has with what the archive has.

    `damaged` are paths where the mirror has other bytes than it says, or none.
    """
    kept, changed, missing = [], [], []
    for line in wanted:
        old = held.get(line.path)
        if old is None:
            missing.append(line)
        elif old.sha256 != line.sha256 or line.path in damaged:
            changed.append(line)
        else:
            kept.append(line)
    lines = {path: line for path, line in held.items() if path not in damaged}
    lines |= {line.path: line for line in kept}  # a later change of the same text
    return Plan(lines, tuple(kept), tuple(changed), tuple(missing))


def read_lines(data: bytes) -> dict[str, Line]:
    """Return the lines of a manifest by path. Raises ValueError that tells which is none."""
    lines = [_line(number, line) for number, line in enumerate(data.splitlines(), 1)]
    return {line.path: line for line in lines}


def write_lines(lines: Mapping[str, Line]) -> bytes:
    """Return a manifest of these lines."""
    return b"".join(lines[path].as_bytes() for path in sorted(lines))


def _line(number: int, data: bytes) -> Line:
    try:
        values = json.loads(data)
        if _POST.fullmatch(values["path"]):
            return Line(**values)
    except (ValueError, TypeError, KeyError):
        pass
    raise ValueError(f"line {number} names no post")
