"""Random bytes for what reads bytes: `python -m tests.fuzz [TARGET ...] [--seconds N]`."""

from __future__ import annotations

import argparse
import sys

from tests.fuzz.fuzzing import Reached, fuzz
from tests.fuzz.targets import TARGETS


def main() -> int:
    """Fuzz the targets one after the other, N seconds altogether; 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for all of them together")
    given = parser.parse_args()
    if unknown := set(given.targets) - set(TARGETS):
        parser.error(f"no target: {', '.join(sorted(unknown))}")
    names = given.targets or list(TARGETS)
    found = False
    for name in names:
        reached = fuzz(name, max(1, given.seconds // len(names)))
        sys.stdout.write(f"{_line(reached)}\n")
        sys.stdout.flush()
        found |= bool(reached.findings)
    return int(found)


def _line(reached: Reached) -> str:
    share = reached.taken / reached.runs if reached.runs else 0
    told = "; ".join((reached.error, *map(str, reached.findings))) if reached.findings else "ok"
    return (
        f"{reached.target:8} {reached.runs:9,} runs, {share:4.0%} taken, {reached.features:6,} "
        f"features: {told}"
    )


if __name__ == "__main__":
    sys.exit(main())
