"""Figures beside what is asked for: verdicts, the table, what is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.figures import Figure, machine, shown, table
from benchmarks.harness import report, scaled


@pytest.mark.parametrize(
    ("figure", "asked", "held"),
    [
        (Figure("speed", 6.0, least=6.0), ">= 6", True),
        (Figure("speed", 5.9, least=6.0), ">= 6", False),
        (Figure("memory", 300.0, most=300.0), "<= 300", True),
        (Figure("memory", 301.0, most=300.0), "<= 300", False),
        (Figure("size", 17.0), "", True),
    ],
)
def test_a_figure_knows_whether_it_is_as_asked_for(figure: Figure, asked: str, held: bool) -> None:
    """The limit itself is held; where nothing is asked nothing is missed, and JSON says null."""
    assert (figure.asked, figure.held) == (asked, held)
    assert figure.told["held"] == (held if asked else None)


def test_the_table_says_what_was_missed() -> None:
    """A line for each figure: value, unit, what is asked for, and the verdict."""
    lines = table([Figure("a", 2.5, "s", most=3.0), Figure("b", 4.0, "s", most=3.0, note="far")])
    assert [line.split() for line in lines.splitlines()] == [
        ["a", "2.50", "s", "<=", "3", "held"],
        ["b", "4", "s", "<=", "3", "NOT", "HELD", "far"],
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0123, "0.012"), (1.234, "1.23"), (-12.34, "-12.3"), (1234.5, "1,234")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    """About three digits that count."""
    assert shown(value) == text


def test_what_is_kept_says_on_what_it_was_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The object has the machine with its versions, and each figure; a miss is exit code 1."""
    figures = [Figure("a", 1.0, "s", most=3.0), Figure("b", 4.0, "s", most=3.0)]
    code = report(figures, tmp_path / "kept.json", days=3)
    kept = json.loads((tmp_path / "kept.json").read_text("utf-8"))

    assert code == 1
    assert capsys.readouterr().out == table(figures)
    assert kept["figures"] == [figure.told for figure in figures]
    assert kept["days"] == 3
    assert kept["machine"].keys() == machine().keys()
    assert {"selectolax", "aiohttp"} <= kept["machine"]["versions"].keys()


def test_a_scale_leaves_at_least_one() -> None:
    """However small the scale, something is measured."""
    assert (scaled(3_000, 0.01), scaled(3, 0.01), scaled(9, 0.01, least=5)) == (30, 1, 5)
