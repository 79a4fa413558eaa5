"""What a mirror needs: its lines beside those of the archive."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO

from harvester.handoff.mirror.lines import Lines
from harvester.store import Line


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done; each post of the archive is `kept`, to `replace` or to `copy`.

    `changes` are lines for the mirror's manifest in place of those that are false (b"": none) or
    know an earlier change; `old` are those that are true until their post is replaced. By path.
    """

    kept: int
    replace: Lines
    copy: Lines
    changes: Mapping[str, bytes]
    old: Mapping[str, bytes]


def make_plan(held: Lines, wanted: Iterable[Line], damaged: Collection[str] = ()) -> Plan:
    """Compare what the mirror says it has with what the archive has, both by path.

    `damaged` are paths where the mirror has other bytes than it says, or none. Raises ValueError
    for lines that are none, as `Lines`.
    """
    kept, replace, copy = 0, BytesIO(), BytesIO()
    changes = dict.fromkeys(damaged, b"")
    old: dict[str, bytes] = {}
    for line, there in _beside(wanted, held):
        if there is None:
            copy.write(line.as_bytes())
        elif line.path in changes:
            replace.write(line.as_bytes())
        elif there.sha256 != line.sha256:
            replace.write(line.as_bytes())
            old[line.path] = there.as_bytes()
        else:
            kept += 1
            if there != line:  # a later change of the same text
                changes[line.path] = line.as_bytes()
    return Plan(kept, Lines(replace.getvalue()), Lines(copy.getvalue()), changes, old)


def _beside(wanted: Iterable[Line], held: Iterable[Line]) -> Iterator[tuple[Line, Line | None]]:
    """Return each line that is wanted with the one held at its path; go through all of both."""
    rest = iter(held)
    there = next(rest, None)
    for line in wanted:
        while there and there.path < line.path:
            there = next(rest, None)
        yield line, there if there and there.path == line.path else None
    for _ in rest:
        pass
