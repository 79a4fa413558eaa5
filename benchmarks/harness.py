"""What all parts share: how they are called, where they work, how large they are.

A part is a function from an empty folder and a scale to figures. At scale 1 it measures what is
asked for; at a smaller one it shows that it works, and its figures say little.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figures import Figure, machine, table

Part = Callable[[Path, float], Iterable[Figure]]

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of random name is made in it


@contextmanager
def workplace() -> Iterator[Path]:
    """Make a folder in memory, where there is such a place; it is removed in the end."""
    memory = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=memory) as folder:
        yield Path(folder)


def scaled(count: int, scale: float, least: int = 1) -> int:
    """Return how many at a scale."""
    return max(least, round(count * scale))


def alone(part: Part, told: str | None) -> int:
    """Measure one part as a command: print its table; return 1 if something asked for is missed.

    `told` is the docstring of its module.
    """
    chosen = arguments(told).parse_args()
    with workplace() as folder:
        figures = list(part(folder, chosen.scale))
    return report(figures, chosen.json)


def arguments(told: str | None) -> argparse.ArgumentParser:
    """Return the options that all parts have."""
    parser = argparse.ArgumentParser(description=(told or "").partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="how much of it (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures there")
    return parser


def report(figures: Iterable[Figure], kept: Path | None, **besides: object) -> int:
    """Print figures and keep them; return 1 if something asked for is missed."""
    figures = list(figures)
    sys.stdout.write(table(figures))
    if kept:
        write_json(kept, {"machine": machine(), "figures": [f.told for f in figures], **besides})
    return int(not all(figure.held for figure in figures))


def write_json(path: Path, told: object) -> None:
    """Write one JSON object, for people to read too."""
    text = json.dumps(told, ensure_ascii=False, indent=1, default=str)
    path.write_text(f"{text}\n", "utf-8")
