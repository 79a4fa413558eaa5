"""The table of options, and the settings that it comes to."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from harvester.errors import UsageError
from harvester.model import BodyMode
from harvester.settings.hooks import Hook, read_hooks
from harvester.settings.values import (
    Address,
    address,
    amount,
    command,
    folder,
    mode,
    one_of,
    origin,
    rate,
    refuse_unknown,
    sections,
    switch,
    text,
    whole,
)

_DEFAULT_FILE = Path("harvester.toml")
_PREFIX = "HARVESTER_"
_HTTP = Address("127.0.0.1", 8710)


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator can choose.

    `rate` is in requests a second to one host, `min_free` in bytes (0: never pause for want of
    room), `snapshots` how many copies of the catalogue are kept (0: none are made), `alarm_command`
    a program and its arguments (empty: none is run).
    """

    seeds: Path
    state: Path
    site_origin: str | None
    contact: str
    rate: float
    concurrency: int
    body: BodyMode
    sections: tuple[str, ...]
    raw: bool = True
    wayback_origin: str | None = None
    commoncrawl_origin: str | None = None
    http: Address | None = _HTTP
    log_format: str = "text"
    log_level: str = "info"
    snapshots: int = 7
    min_free: int = 2**30
    alarm_command: tuple[str, ...] = ()
    hooks: tuple[Hook, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """A row of the table. `parse` takes the text of a flag or variable, or a value of the file."""

    name: str
    default: Any
    parse: Callable[[Any], Any]
    help: str
    metavar: str = "VALUE"

    @property
    def flag(self) -> str:
        """Return the flag on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """Return the environment variable."""
        return f"{_PREFIX}{self.name.upper()}"


def load(
    flags: Mapping[str, Any], environ: Mapping[str, str], config: Path | None = None
) -> Settings:
    """Return the settings from flags (None means not given), environment and file.

    Raises `UsageError` that names the flag, variable or key, and the nearest key to a wrong one.
    """
    named = config or (Path(value) if (value := environ.get(f"{_PREFIX}CONFIG")) else None)
    path = named or _DEFAULT_FILE
    written = _read_file(path, required=named is not None)
    values = {option.name: _value(option, flags, environ, written, path) for option in OPTIONS}
    return Settings(**values)


def _value(
    option: Option,
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    written: Mapping[str, Any],
    path: Path,
) -> Any:  # noqa: ANN401 - each option has a type of its own
    given = (
        (option.flag, flags.get(option.name)),
        (option.variable, environ.get(option.variable)),
        (f"{path}: {option.name}", written.get(option.name)),
    )
    for where, value in given:
        if value is not None:
            try:
                return option.parse(value)
            except (ValueError, TypeError) as problem:
                raise UsageError(f"{where}: {problem}") from problem
    return option.default


def _read_file(path: Path, *, required: bool) -> dict[str, Any]:
    try:
        written = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if required:
            raise UsageError(f"{path}: no such configuration file") from None
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise UsageError(f"{path}: no valid TOML: {problem}") from problem
    except OSError as problem:
        raise UsageError(f"{path}: cannot be read: {problem.strerror}") from problem
    try:
        refuse_unknown(written, [option.name for option in OPTIONS])
    except ValueError as problem:
        raise UsageError(f"{path}: {problem}") from None
    return written


def _hooks(value: object) -> tuple[Hook, ...]:
    return read_hooks(value, [option.name for option in OPTIONS])


OPTIONS = (
    Option("seeds", Path("seeds"), folder, "folder of the posts", "DIR"),
    Option("state", Path("state"), folder, "folder of the catalogue and its lock", "DIR"),
    Option("site_origin", None, origin, "send the site's requests to this address instead", "URL"),
    Option(
        "wayback_origin",
        None,
        origin,
        "send the Wayback Machine's requests to this address instead",
        "URL",
    ),
    Option(
        "commoncrawl_origin",
        None,
        origin,
        "send Common Crawl's requests to this address instead",
        "URL",
    ),
    Option("contact", "", text, "address or URL named in the User-Agent", "TEXT"),
    Option("rate", 1.0, rate, "requests a second to one host, at most", "N"),
    Option(
        "concurrency", 1, partial(whole, least=1), "requests in flight to one host, at most", "N"
    ),
    Option("body", BodyMode.CLEAN, mode, "markup of the body: clean or verbatim", "MODE"),
    Option("sections", (), sections, "only these sections, such as realtime/china", "PATHS"),
    Option("raw", True, switch, "keep every page as it came (state/warc): on or off", "SWITCH"),
    Option(
        "http",
        _HTTP,
        address,
        "where the daemon's status page and metrics are served, or off",
        "HOST:PORT",
    ),
    Option(
        "log_format",
        "text",
        partial(one_of, names=("text", "json")),
        "the daemon's log on stderr: text or json",
        "FORMAT",
    ),
    Option(
        "log_level",
        "info",
        partial(one_of, names=("debug", "info", "warning", "error")),
        "least level that the daemon logs: debug, info, warning or error",
        "LEVEL",
    ),
    Option(
        "snapshots",
        7,
        partial(whole, least=0),
        "daily copies of the catalogue that are kept; 0 for none",
        "N",
    ),
    Option(
        "min_free",
        2**30,
        amount,
        "free room below which the daemon pauses, such as 500MB; 0 for never",
        "BYTES",
    ),
    Option(
        "alarm_command",
        (),
        command,
        "command line that the daemon runs when an alarm begins and when it ends",
        "COMMAND",
    ),
    Option("hooks", (), _hooks, "commands and webhooks that are told of changes", "JSON"),
)
