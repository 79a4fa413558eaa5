"""Settings as one table: each option is a flag, an environment variable and a key of the file.

Order of precedence: flag, `HARVESTER_<NAME>`, `harvester.toml`, default.
"""

from __future__ import annotations

import difflib
import ipaddress
import math
import re
import shlex
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from harvester.errors import UsageError
from harvester.model import BodyMode

DEFAULT_FILE = Path("harvester.toml")
_PREFIX = "HARVESTER_"

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(?:([kmgt])(i?))?(b?)", re.IGNORECASE)
# A name as in RFC 1123, with the underscores of container names; a last label of digits alone
# would be a mistyped IPv4 address.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"(?:{_LABEL}\.)*(?!\d+$){_LABEL}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the status page listens. `host` is a name or an IP literal without brackets.

    Port 0 takes any that is free.
    """

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


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
    http: Address | None = Address("127.0.0.1", 8710)
    log_format: str = "text"
    log_level: str = "info"
    snapshots: int = 7
    min_free: int = 2**30
    alarm_command: tuple[str, ...] = ()


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
    path = named or DEFAULT_FILE
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
    names = [option.name for option in OPTIONS]
    for key in written:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1, cutoff=0)
            raise UsageError(f"{path}: unknown key {key!r}; did you mean {near[0]!r}?")
    return written


def _folder(value: object) -> Path:
    if not isinstance(value, str | Path) or not str(value).strip():
        raise ValueError("a folder is needed")
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise ValueError(f"{str(value)!r} names the home of an unknown user") from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text is needed, not {value!r}")
    return " ".join(value.split())


def _origin(value: object) -> str:
    origin = _text(value)
    if not origin:
        raise ValueError("an address such as http://127.0.0.1:8080 is needed")
    return origin


def _rate(value: object) -> float:
    rate = _number(value)
    if not (0 < rate < math.inf):
        raise ValueError(f"{value!r} is no rate; requests a second above 0 are needed")
    return rate


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError(f"a number is needed, not {value!r}")
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a number") from None


def _whole(value: object, *, least: int) -> int:
    number = _number(value)
    if not least <= number < math.inf or number != int(number):
        raise ValueError(f"{value!r} is no whole number of at least {least}")
    return int(number)


def _amount(value: object) -> int:
    """Return bytes. MB is a million; MiB, and M alone as for other services, are 2**20."""
    match = _AMOUNT.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is no amount of bytes such as 1GiB, 500MB or 1073741824")
    number, power, binary, byte = match.groups()
    base = 1000 if byte and not binary else 1024
    return int(float(number) * base ** " kmgt".index((power or " ").lower()))


def _address(value: object) -> Address | None:
    text = _text(value)
    if text == "off":
        return None
    host, _, port = text.rpartition(":")
    if not _is_host(host) or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 0xFFFF:
        raise ValueError(
            f"{text!r} is neither 'off' nor HOST:PORT such as 127.0.0.1:8710 or [::1]:8710"
        )
    return Address(host.strip("[]"), int(port))


def _is_host(host: str) -> bool:
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        return (ipaddress.ip_address(host.strip("[]")).version == 6) == bracketed
    except ValueError:
        return _HOST_NAME.fullmatch(host) is not None


def _command(value: object) -> tuple[str, ...]:
    if not isinstance(value, str):
        raise TypeError(f"a command line is needed, not {value!r}")
    if "\0" in value:
        raise ValueError("a command line holds no NUL")
    try:
        return tuple(shlex.split(value))
    except ValueError as problem:
        raise ValueError(f"{value!r} is no command line: {problem}") from None


def _one_of(value: object, *, names: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{value!r} is none of {', '.join(names)}")
    return value


def _mode(value: object) -> BodyMode:
    try:
        return BodyMode(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is neither 'clean' nor 'verbatim'") from None


def _sections(value: object) -> tuple[str, ...]:
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(one, str) for one in listed):
        raise TypeError("sections are paths such as 'realtime/china'")
    return tuple(dict.fromkeys(path for one in listed if (path := one.strip().strip("/"))))


OPTIONS = (
    Option("seeds", Path("seeds"), _folder, "folder of the posts", "DIR"),
    Option("state", Path("state"), _folder, "folder of the catalogue and its lock", "DIR"),
    Option("site_origin", None, _origin, "send the site's requests to this address instead", "URL"),
    Option("contact", "", _text, "address or URL named in the User-Agent", "TEXT"),
    Option("rate", 1.0, _rate, "requests a second to one host, at most", "N"),
    Option(
        "concurrency", 1, partial(_whole, least=1), "requests in flight to one host, at most", "N"
    ),
    Option("body", BodyMode.CLEAN, _mode, "markup of the body: clean or verbatim", "MODE"),
    Option("sections", (), _sections, "only these sections, such as realtime/china", "PATHS"),
    Option(
        "http",
        Address("127.0.0.1", 8710),
        _address,
        "where the daemon's status page and metrics are served, or off",
        "HOST:PORT",
    ),
    Option(
        "log_format",
        "text",
        partial(_one_of, names=("text", "json")),
        "the daemon's log on stderr: text or json",
        "FORMAT",
    ),
    Option(
        "log_level",
        "info",
        partial(_one_of, names=("debug", "info", "warning", "error")),
        "least level that the daemon logs: debug, info, warning or error",
        "LEVEL",
    ),
    Option(
        "snapshots",
        7,
        partial(_whole, least=0),
        "daily copies of the catalogue that are kept; 0 for none",
        "N",
    ),
    Option(
        "min_free",
        2**30,
        _amount,
        "free room below which the daemon pauses, such as 500MB; 0 for never",
        "BYTES",
    ),
    Option(
        "alarm_command",
        (),
        _command,
        "command line that the daemon runs when an alarm begins and when it ends",
        "COMMAND",
    ),
)
