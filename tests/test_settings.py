"""Settings: every row of the table from every source, and what is wrong with a wrong one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from harvester.errors import UsageError
from harvester.model import BodyMode
from harvester.settings import OPTIONS, Option, Settings, load

# For each option: its default, and a value as text, as TOML, and as understood.
ROWS: dict[str, tuple[object, str, str, object]] = {
    "seeds": (Path("seeds"), "/srv/posts", '"/srv/posts"', Path("/srv/posts")),
    "state": (Path("state"), "var/state", '"var/state"', Path("var/state")),
    "site_origin": (
        None,
        "http://127.0.0.1:8080",
        '"http://127.0.0.1:8080"',
        "http://127.0.0.1:8080",
    ),
    "contact": ("", " ops@a.example ", '"ops@a.example"', "ops@a.example"),
    "rate": (1.0, "0.25", "0.25", 0.25),
    "concurrency": (1, "4", "4", 4),
    "body": (BodyMode.CLEAN, "verbatim", '"verbatim"', BodyMode.VERBATIM),
    "sections": (
        (),
        "realtime/china, /news/world/,realtime/china,",
        '["realtime/china", "news/world"]',
        ("realtime/china", "news/world"),
    ),
}
# Values no source may give, as text and as TOML.
BAD: dict[str, tuple[str, str]] = {
    "seeds": ("  ", "3"),
    "state": ("", "[]"),
    "site_origin": ("", "5"),
    "contact": ("", "true"),
    "rate": ("fast", "true"),
    "concurrency": ("2.5", '"many"'),
    "body": ("raw", "1"),
    "sections": ("", "[1]"),
}
_TEXTS = {name for name, (text, _) in BAD.items() if text or name == "state"}

options = pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path of a configuration file that is still to be written."""
    return tmp_path / "harvester.toml"


def _write(file: Path, text: str) -> Path:
    file.write_text(text, "utf-8")
    return file


def _load(file: Path, text: str = "", flags: Any = None, environ: Any = None) -> Settings:  # noqa: ANN401
    return load(flags or {}, environ or {}, _write(file, text))


def test_every_option_is_tested() -> None:
    """A new row of the table needs a row here; names, flags and variables go together."""
    assert set(ROWS) == set(BAD) == {option.name for option in OPTIONS}
    assert set(Settings.__slots__) == set(ROWS)


@options
def test_defaults(option: Option, file: Path) -> None:
    """What nobody sets has its default."""
    assert ROWS[option.name][0] == getattr(_load(file), option.name)


@options
def test_a_flag_is_read(option: Option, file: Path) -> None:
    """The value of a flag is understood; a flag that is not given is None."""
    _, text, _, value = ROWS[option.name]

    assert value == getattr(_load(file, flags={option.name: text}), option.name)
    assert ROWS[option.name][0] == getattr(_load(file, flags={option.name: None}), option.name)


@options
def test_a_variable_is_read(option: Option, file: Path) -> None:
    """The environment names the option in capitals after the program's name."""
    _, text, _, value = ROWS[option.name]
    variable = f"HARVESTER_{option.name.upper()}"

    assert variable == option.variable
    assert value == getattr(_load(file, environ={variable: text}), option.name)


@options
def test_a_key_is_read(option: Option, file: Path) -> None:
    """The file uses the option's name, with TOML's own types."""
    _, _, toml, value = ROWS[option.name]

    assert value == getattr(_load(file, f"{option.name} = {toml}\n"), option.name)


@options
def test_flag_before_variable_before_file(option: Option, file: Path) -> None:
    """The nearer source wins; a wrong value behind it does not matter."""
    _, text, toml, value = ROWS[option.name]
    bad = BAD[option.name][1]
    environ = {option.variable: text}

    assert value == getattr(_load(file, f"{option.name} = {bad}\n", environ=environ), option.name)
    assert value == getattr(
        _load(file, f"{option.name} = {toml}\n", {option.name: text}, {option.variable: "\0"}),
        option.name,
    )


@pytest.mark.parametrize("option", [one for one in OPTIONS if one.name in _TEXTS])
def test_a_bad_flag_or_variable_is_named(option: Option, file: Path) -> None:
    """The message of a wrong value begins with its flag or variable."""
    text = BAD[option.name][0]
    flag = f"--{option.name.replace('_', '-')}"

    with pytest.raises(UsageError, match=f"^{flag}: "):
        _load(file, flags={option.name: text})
    with pytest.raises(UsageError, match=f"^{option.variable}: "):
        _load(file, environ={option.variable: text})


@options
def test_a_bad_key_is_named(option: Option, file: Path) -> None:
    """The message of a wrong value names the file and the key."""
    with pytest.raises(UsageError, match=re.escape(f"{file}: {option.name}: ")):
        _load(file, f"{option.name} = {BAD[option.name][1]}\n")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("rate", text) for text in ("0", "-1", "inf", "nan", "", "1,5", "1/s")),
        *(("concurrency", text) for text in ("0", "-1", "1.5", "", "nan")),
        ("body", "CLEAN"),
        ("body", ""),
        pytest.param("concurrency", "inf"),
        pytest.param("seeds", "~nobody-of-this-name/posts"),
    ],
)
def test_values_at_the_edge(name: str, text: str, file: Path) -> None:
    """Numbers that are none, and folders of nobody, are wrong usage and not a crash."""
    with pytest.raises(UsageError, match=f"^--{name}: "):
        _load(file, flags={name: text})


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("sedes", "seeds"),
        ("stat", "state"),
        ("site-origin", "site_origin"),
        ("contakt", "contact"),
        ("rates", "rate"),
        ("concurency", "concurrency"),
        ("Body", "body"),
        ("section", "sections"),
    ],
)
def test_an_unknown_key_names_the_nearest(key: str, near: str, file: Path) -> None:
    """A typing error in the file is told with what was meant."""
    with pytest.raises(UsageError, match=f"'{key}'; did you mean '{near}'") as caught:
        _load(file, f"{key} = 1\n")

    assert str(file) in str(caught.value)


@pytest.mark.parametrize("text", ["seeds = ", "= 1", "[seeds", "seeds = 'a'\nseeds = 'b'"])
def test_a_file_that_is_no_toml_is_named(text: str, file: Path) -> None:
    """A broken file is wrong usage; the message names it."""
    with pytest.raises(UsageError, match=f"^{re.escape(str(file))}: no valid TOML"):
        _load(file, text)


def test_a_file_that_is_no_text_is_named(file: Path) -> None:
    """Bytes that are no UTF-8 are no configuration."""
    file.write_bytes(b"\xff\xfe")

    with pytest.raises(UsageError, match="no valid TOML"):
        load({}, {}, file)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A path that cannot be read is told as such."""
    with pytest.raises(UsageError, match="cannot be read"):
        load({}, {}, tmp_path)


def test_a_named_file_must_be_there(file: Path) -> None:
    """A missing file is an error when the flag or the variable names it."""
    with pytest.raises(UsageError, match="no such configuration file"):
        load({}, {}, file)
    with pytest.raises(UsageError, match="no such configuration file"):
        load({}, {"HARVESTER_CONFIG": str(file)})


def test_the_flag_names_the_file_before_the_variable(file: Path) -> None:
    """`--config` goes before HARVESTER_CONFIG."""
    _write(file, "rate = 0.5\n")

    assert load({}, {"HARVESTER_CONFIG": str(file)}).rate == 0.5
    assert load({}, {"HARVESTER_CONFIG": "/nowhere"}, file).rate == 0.5


def test_a_home_folder_is_expanded(file: Path) -> None:
    """`~` stands for the user's home."""
    assert _load(file, flags={"seeds": "~/posts"}).seeds == Path.home() / "posts"
