"""Random bytes never do more than be refused; what once did is kept here and tried again."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.fuzzing import FOUND, fuzz
from tests.fuzz.targets import TARGETS
from tests.support.figures import FULL, Figures, cases
from tests.support.mutations import mutated

_RUNS = cases(200, 20_000)
_ODD = (b"", b"\0", b"\xff\xfe\x00", b"<", b"{", b"[[", b"---\n", b"https://[::1")


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_found_is_mended(name: str) -> None:
    """What is hardly anything, and every input that once failed, is read or refused."""
    for data in (*_ODD, *(path.read_bytes() for path in FOUND.glob(f"{name}-*"))):
        TARGETS[name].run(data)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_taken(name: str) -> None:
    """What the inputs grow from is what it should be: otherwise only refusals were tried."""
    target = TARGETS[name]

    assert all(map(target.run, target.seeds()))


@pytest.mark.timeout(600)
@pytest.mark.gate("N9 N10", "fuzzing")
@pytest.mark.parametrize("name", TARGETS)
def test_random_bytes(name: str, figures: Figures, tmp_path: Path) -> None:
    """Changed pages, lists, sitemaps, posts, rules, addresses and archives are read or refused.

    The fuzzer is not made for every Python and machine: without it the inputs are more and dumber.
    """
    how = ""
    if FULL and find_spec("atheris"):
        reached = fuzz(name, 60 // len(TARGETS), keep=tmp_path)
        runs, taken, failed = reached.runs, reached.taken, len(reached.findings)
    else:
        taken, failures = _without_fuzzer(name)
        runs, failed = _RUNS, len(failures)
        how = f" (without the fuzzer) {failures[:1] or ''}".rstrip()
    figures.none(f"{name}: inputs that fail{how}", failed, of=runs)
    figures.at_least(f"{name}: inputs that are taken", taken, 1)


def _without_fuzzer(name: str) -> tuple[int, list[str]]:
    """Return how many inputs were taken, and those that failed with their errors."""
    target = TARGETS[name]
    seeds = target.seeds()
    random = Random(name)  # noqa: S311 - to be repeated, not to be secret
    taken, failures = 0, []
    for _ in range(_RUNS):
        data = mutated(random, random.choice(seeds), seeds)
        try:
            taken += target.run(data)
        except Exception as error:  # noqa: BLE001 - what is looked for
            failures.append(f"{error!r}: {data!r}")
    return taken, failures
