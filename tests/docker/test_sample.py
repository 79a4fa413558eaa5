"""The sample of `harvester.toml`: complete, true, and loadable."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from harvester.settings import OPTIONS, Option, load

options = pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
# `#name = value` can be uncommented; `# Example: …` and other words have a space after the mark.
_LINE = re.compile(r"(?m)^#(?=[a-z_]+ = )")


@pytest.fixture(scope="module")
def sample(folder: Path) -> Path:
    """Return the sample's path."""
    return folder / "harvester.toml"


def test_the_sample_as_it_is_changes_nothing(sample: Path, tmp_path: Path) -> None:
    """To put the sample in place is the same as to have an empty file."""
    (tmp_path / "empty.toml").touch()

    assert load({}, {}, sample) == load({}, {}, tmp_path / "empty.toml")


@options
def test_the_sample_shows_the_default(sample: Path, tmp_path: Path, option: Option) -> None:
    """Every option stands there once, and uncommented it is its default where it has one."""
    shown = tomllib.loads(_LINE.sub("", sample.read_text("utf-8")))
    (tmp_path / "one.toml").write_text(_line_of(sample, option), "utf-8")
    settings = load({}, {}, tmp_path / "one.toml")

    assert option.name in shown
    if option.default is not None:
        assert getattr(settings, option.name) == option.default


def test_every_line_of_the_sample_is_an_option(sample: Path, tmp_path: Path) -> None:
    """With every line uncommented it loads: no key is unknown or twice, no value wrong."""
    (tmp_path / "all.toml").write_text(_LINE.sub("", sample.read_text("utf-8")), "utf-8")

    load({}, {}, tmp_path / "all.toml")


def test_every_example_loads(sample: Path, tmp_path: Path) -> None:
    """What follows the word Example in a comment is right as it stands."""
    examples = re.findall(r"(?m)^# Example: .*?([a-z_]+ = .+)$", sample.read_text("utf-8"))
    (tmp_path / "examples.toml").write_text("\n".join(examples), "utf-8")

    no_example = [option for option in OPTIONS if option.name.endswith("_origin")]
    assert len(examples) >= len(OPTIONS) - len(no_example)
    load({}, {}, tmp_path / "examples.toml")


def _line_of(sample: Path, option: Option) -> str:
    (line,) = re.findall(rf"(?m)^#({option.name} = .+)$", sample.read_text("utf-8"))
    return str(line)
