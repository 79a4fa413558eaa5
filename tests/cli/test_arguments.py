"""What the command line takes, before any command runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from harvester.cli import main
from harvester.cli.commands import COMMANDS, Command

GREATEST = 2**63 - 1


@pytest.mark.parametrize(
    "words",
    [
        ("changes", "--since"),
        ("changes", "--follow", "--since"),
        ("hooks", "replay", "a", "--since"),
        ("search", "国会", "--limit"),
        ("export", "--output", "a.csv", "--since-seq"),
        ("diff", "1200001", "1"),
    ],
)
def test_numbers_that_the_catalogue_cannot_hold(
    words: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A number beyond 64 bits, and what is no number, is refused in one line."""
    for number in (GREATEST + 1, 10**20, "1.5", "9" * 5000):
        with pytest.raises(SystemExit) as ended:
            main([*words, str(number)])

        told = capsys.readouterr().err
        assert (ended.value.code, told.count("\n")) == (2, 1)
        assert f"invalid number value: '{number}'" in told


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command tells its options, and examples that begin with its name."""
    with pytest.raises(SystemExit) as ended:
        main([command.name, "--help"])

    told = capsys.readouterr().out
    assert not ended.value.code
    assert f"harvester {command.name}" in told.partition("examples:")[2]


@pytest.mark.parametrize("section", ["", "/", " "])
@pytest.mark.parametrize("words", [("search", "国会"), ("export", "--output", "a.csv")])
def test_no_section(words: Sequence[str], section: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A section without a name is refused; it would silently match nothing."""
    assert main([*words, "--section", section]) == 2

    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "--section" in told
    assert "realtime/china" in told


def test_the_greatest_number(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The greatest number that the catalogue can hold is taken, here as far as the archive."""
    assert main(["changes", "--since", str(GREATEST), f"--state={tmp_path}"]) == 65
    assert "there is no catalogue" in capsys.readouterr().err
