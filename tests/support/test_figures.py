"""The gates' table: what is missed, skipped or not run at all cannot pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import figures
from tests.support.figures import RELEASE_GATES, Ended, Figure, Figures


def ended(title: str, outcome: str = "passed", *reached: Figure) -> Ended:
    """Return a gate's test that has ended."""
    return Ended("M1", title, f"tests/test_x.py::{title}", outcome, 1.0, reached)


def report(folder: Path, *tests: Ended) -> str:
    """Write a report and return its path."""
    path = folder / "report"
    figures.write(tests, path)
    return str(path)


def test_all_gates_green(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With every gate run and passed the end is 0, and each figure stands beside what is asked."""
    few, many = (Figure("torn", f"0 of {n}", "0", True, 0) for n in (5, 50))
    tests = [ended(title, "passed", few, many) for title in RELEASE_GATES]

    assert figures.main(report(tmp_path, *tests)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(RELEASE_GATES)
    assert all(line.split()[-6:] == ["torn", "0", "of", "50", "0", "ok"] for line in lines[1:])


@pytest.mark.parametrize("outcome", ["failed", "skipped"])
def test_a_gate_in_trouble(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], outcome: str
) -> None:
    """One test that failed or was skipped is named, and the end is 1."""
    tests = [ended(title) for title in RELEASE_GATES]

    assert figures.main(report(tmp_path, *tests, ended("bombs", outcome))) == 1
    assert f"{outcome.upper()} bombs: tests/test_x.py::bombs" in capsys.readouterr().out


def test_a_gate_that_was_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A gate without a test is named, and the end is 1."""
    assert figures.main(report(tmp_path, *[ended(title) for title in RELEASE_GATES[1:]])) == 1
    assert f"NOT RUN {RELEASE_GATES[0]}" in capsys.readouterr().out


def test_figures_that_do_not_hold() -> None:
    """Each kind of figure fails its test beyond its limit, and where nothing was counted."""
    taken: list[object] = []
    reached = Figures(lambda _, value: taken.append(value))
    reached.none("torn", 0, of=3)
    reached.all("refused", 3, of=3)
    reached.at_most("memory", 2.0, 2.0, " MiB")
    reached.at_least("speed", 2.0, 2.0)
    for missed, value, other in (
        (reached.none, 1, 3),
        (reached.none, 0, 0),
        (reached.all, 2, 3),
        (reached.all, 0, 0),
        (reached.at_most, 3, 2),
        (reached.at_least, 1, 2),
    ):
        with pytest.raises(AssertionError, match="asked for"):
            missed("figure", value, other)

    assert len(taken) == 10, "what is missed is told as well"
