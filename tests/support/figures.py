"""Figures of the threat model: what a gate reached beside what is asked of it.

A test marked `gate` runs at a small scale in every `make test` and at the scale of a release in
`make torture`, which prints them all: `python -m tests.support.figures FILE`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

REPORT = os.environ.get("HARVESTER_TORTURE", "")
"""The file that gathers the figures of a release; empty for the small scale."""

FULL = bool(REPORT)

RELEASE_GATES = (
    "kill at every system call",
    "random kills of the daemon",
    "wrong-order control run",
    "ENOSPC and EIO at each write and fsync",
    "SSRF set",
    "bombs",
    "slow and endless servers",
    "titles, paths, front matter, Liquid, comment",
    "script payloads",
    "other pages archived, stories lost",
    "false revisions on a markup change",
    "replay twice",
    "two writers",
    "clock jumps",
    "7 days simulated",
)
"""The gates without which nothing is released, as titles of the mark `gate`."""


def cases(quick: int, full: int) -> int:
    """Return how many cases to run: few in every test run, many before a release."""
    return full if FULL else quick


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: `reached` and `asked` are for reading, `measure` tells which of two is worse."""

    what: str
    reached: str
    asked: str
    holds: bool
    measure: float


class Figures:
    """Takes the figures of one test, and fails it at the first that does not hold."""

    def __init__(self, record: Callable[[str, object], None]) -> None:
        self._record = record

    def none(self, what: str, wrong: int, of: int) -> None:
        """Hold that none of so many is wrong; that there were any is held as well."""
        self._take(Figure(what, f"{wrong:,} of {of:,}", "0", wrong == 0 < of, wrong))

    def all(self, what: str, right: int, of: int) -> None:
        """Hold that all of so many are right; that there were any is held as well."""
        self._take(Figure(what, f"{right:,} of {of:,}", "all", right == of > 0, of - right))

    def at_most(self, what: str, reached: float, limit: float, unit: str = "") -> None:
        """Hold a figure to a limit."""
        asked = f"<= {limit:,.4g}{unit}"
        self._take(Figure(what, f"{reached:,.4g}{unit}", asked, reached <= limit, reached))

    def at_least(self, what: str, reached: float, limit: float, unit: str = "") -> None:
        """Hold a figure to a limit from below."""
        asked = f">= {limit:,.4g}{unit}"
        self._take(Figure(what, f"{reached:,.4g}{unit}", asked, reached >= limit, -reached))

    def _take(self, figure: Figure) -> None:
        self._record("figure", asdict(figure))
        assert figure.holds, f"{figure.what}: {figure.reached}, asked for: {figure.asked}"


@dataclass(frozen=True, slots=True)
class Ended:
    """A gate's test that has ended: the threats, its title, its outcome, seconds and figures."""

    threats: str
    title: str
    test: str
    outcome: str
    seconds: float
    figures: tuple[Figure, ...]


def write(ended: Iterable[Ended], path: Path) -> None:
    """Add tests that have ended to the report."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in ended)


def read(path: Path) -> list[Ended]:
    """Return the tests of a report."""
    found = []
    for line in path.read_text("utf-8").splitlines():
        fields = json.loads(line)
        figures = tuple(Figure(**figure) for figure in fields.pop("figures"))
        found.append(Ended(**fields, figures=figures))
    return found


def missing(ended: Iterable[Ended]) -> list[str]:
    """Return the release gates of which no test was run."""
    titles = {each.title for each in ended}
    return [title for title in RELEASE_GATES if title not in titles]


def table(ended: Iterable[Ended]) -> list[str]:
    """Return a table: of figures of one name in a gate the worst, then the tests in trouble."""
    tests = sorted(ended, key=_order)
    worst: dict[tuple[str, str, str], Figure] = {}
    for each in tests:
        for figure in each.figures:
            key = (each.threats, each.title, figure.what)
            if key not in worst or figure.measure >= worst[key].measure:
                worst[key] = figure
    lines = [_line("threats", "gate", "figure", "reached", "asked", "")]
    for (threats, title, what), figure in worst.items():
        verdict = "ok" if figure.holds else "MISSED"
        lines.append(_line(threats, title, what, figure.reached, figure.asked, verdict))
    troubled = (each for each in tests if each.outcome != "passed")
    return lines + [f"{each.outcome.upper()} {each.title}: {each.test}" for each in troubled]


def _order(each: Ended) -> tuple[int, str, str]:
    released = each.title in RELEASE_GATES
    place = RELEASE_GATES.index(each.title) if released else len(RELEASE_GATES)
    return place, each.threats, each.title


def _line(*cells: str) -> str:
    threats, title, what, reached, asked, verdict = cells
    return f"{threats:12} {title:44} {what:46} {reached:>20} {asked:>14} {verdict}".rstrip()


def main(path: str) -> int:
    """Print the table; return 1 unless every gate was run and holds."""
    ended = read(Path(path))
    lacking = missing(ended)
    lines = [*table(ended), *(f"NOT RUN {title}" for title in lacking)]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if lacking or any(each.outcome != "passed" for each in ended) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
