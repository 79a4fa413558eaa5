"""One target under the fuzzer, in a process of its own: `python -m tests.fuzz.worker TARGET ...`.

The fuzzer never returns; what it reached is written to a file while it runs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["harvester"]):
    from tests.fuzz.targets import TARGETS

from tests.support.mutations import mutated

_NOTED_EVERY = 100


def main(name: str, counts: Path, arguments: list[str]) -> None:
    """Fuzz a target; runs and inputs that were taken are noted in `counts`."""
    target = TARGETS[name]
    seeds = target.seeds()
    runs = taken = 0

    def run(data: bytes) -> None:
        nonlocal runs, taken
        runs += 1
        taken += target.run(data)
        if runs < _NOTED_EVERY or runs % _NOTED_EVERY == 0:
            counts.write_text(json.dumps([runs, taken]))

    def change(data: bytes, longest: int, seed: int) -> bytes:
        random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
        if random.random() < 0.5:
            return bytes(atheris.Mutate(data, longest))
        return mutated(random, data, seeds)[:longest]

    atheris.Setup([sys.argv[0], *arguments], run, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
