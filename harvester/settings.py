"""Settings as one table: each option is a flag, an environment variable and a key of the file.

Order of precedence: flag, `HARVESTER_<NAME>`, `harvester.toml`, default.
"""

from __future__ import annotations

import binascii
import difflib
import ipaddress
import json
import math
import re
import shlex
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harvester.errors import UsageError
from harvester.model import BodyMode

DEFAULT_FILE = Path("harvester.toml")
_PREFIX = "HARVESTER_"

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(?:([kmgt])(i?))?(b?)", re.IGNORECASE)
# A name as in RFC 1123, with the underscores of container names; a last label of digits alone
# would be a mistyped IPv4 address.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"(?:{_LABEL}\.)*(?!\d+$){_LABEL}", re.IGNORECASE | re.ASCII)
_HOOK_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BASE64_SECRET = "whsec_"  # noqa: S105 - the mark before a secret
# All changes of a call are held in memory.
_LARGEST_BATCH = 10_000
_COMMAND_SECONDS, _URL_SECONDS = 600.0, 30.0


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
class Hook:
    """Who is told of changes: a command with its arguments, or else a webhook with its secret.

    A call tells of `batch` changes at most and may take `timeout` seconds.
    """

    name: str
    command: tuple[str, ...] = ()
    url: str = ""
    secret: str = field(default="", repr=False)
    batch: int = 1
    timeout: float = _COMMAND_SECONDS

    @property
    def target(self) -> str:
        """Return whom it calls, without what may be secret: arguments, the path of an address."""
        if self.command:
            return self.command[0]
        address = urlsplit(self.url)
        return f"{address.scheme}://{address.netloc}"

    @property
    def key(self) -> bytes:
        """Return the key of the signatures: what is encoded after `whsec_`, or the secret's text.

        https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
        """
        if not self.secret.startswith(_BASE64_SECRET):
            return self.secret.encode()
        encoded = self.secret.removeprefix(_BASE64_SECRET)
        return binascii.a2b_base64(encoded + "=" * (-len(encoded) % 4), strict_mode=True)


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
    try:
        _refuse_unknown(written, [option.name for option in OPTIONS])
    except ValueError as problem:
        raise UsageError(f"{path}: {problem}") from None
    return written


def _refuse_unknown(keys: Iterable[str], names: list[str]) -> None:
    """Raise ValueError that names the first unknown key and the nearest one there is."""
    for key in keys:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1, cutoff=0)
            raise ValueError(f"unknown key {key!r}; did you mean {near[0]!r}?")


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


def _hooks(value: object) -> tuple[Hook, ...]:
    """Return hooks from tables, or from the text of a JSON list. No message shows a secret."""
    tables = _json(value) if isinstance(value, str) else value
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise TypeError("tables [[hooks]], or a list of JSON objects, are needed")
    found = tuple(_hook(table, number) for number, table in enumerate(tables, start=1))
    names = [hook.name for hook in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} is the name of {names.count(name)} hooks")
    return found


def _json(text: str) -> object:
    try:
        return json.loads(text) if text.strip() else []
    except (ValueError, RecursionError):
        raise ValueError("no valid JSON") from None


def _hook(table: Mapping[str, Any], number: int) -> Hook:
    name = table.get("name")
    if not isinstance(name, str) or not _HOOK_NAME.fullmatch(name):
        raise ValueError(f"hook {number}: name: 1 to 64 letters, digits or . _ - are needed")
    try:
        _refuse_misplaced(table)
        _refuse_unknown(table, ["name", *_HOOK_KEYS])
        hook = Hook(name, **_hook_values(table))
        _require_target(hook)
    except (ValueError, TypeError) as problem:
        raise ValueError(f"{name!r}: {problem}") from None
    return hook


def _hook_values(table: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {"timeout": _URL_SECONDS} if "url" in table else {}
    for key, parse in _HOOK_KEYS.items():
        if key in table:
            try:
                values[key] = parse(table[key])
            except (ValueError, TypeError) as problem:
                raise ValueError(f"{key}: {problem}") from None
    return values


def _refuse_misplaced(table: Mapping[str, Any]) -> None:
    for option in OPTIONS:
        if option.name in table:
            raise ValueError(
                f"{option.name} is no key of a hook; move it above the first [[hooks]]"
            )


def _require_target(hook: Hook) -> None:
    if bool(hook.command) == bool(hook.url):
        raise ValueError("one of command and url is needed, and not both")
    if bool(hook.secret) != bool(hook.url):
        raise ValueError("a url needs a secret that signs the calls, a command has none")


def _url(value: object) -> str:
    hint = "http(s)://HOST[:PORT]/PATH in ASCII, without a user and its password, is needed"
    if not isinstance(value, str) or not re.fullmatch("[!-~]+", value):
        raise ValueError(hint)
    try:
        address = urlsplit(value)
        _, host, fragment = address.port, address.netloc, address.fragment
    except ValueError:
        raise ValueError(hint) from None
    name = re.sub(r":[0-9]{0,5}$", "", host)
    if address.scheme not in ("http", "https") or fragment or not _is_host(name):
        raise ValueError(hint)
    return value


def _secret(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("text is needed; `openssl rand -base64 32` makes one, after 'whsec_'")
    try:
        empty = not Hook("", secret=value).key
    except ValueError:
        empty = True
    if empty:
        raise ValueError("no base64 after 'whsec_'")
    return value


def _batch(value: object) -> int:
    batch = _whole(value, least=1)
    if batch > _LARGEST_BATCH:
        raise ValueError(f"{value!r} is more than {_LARGEST_BATCH}")
    return batch


def _seconds(value: object) -> float:
    seconds = _number(value)
    if not 0 < seconds <= 86_400:
        raise ValueError(f"{value!r} is no number of seconds above 0, up to a day")
    return seconds


_HOOK_KEYS: Mapping[str, Callable[[Any], Any]] = {
    "command": _command,
    "url": _url,
    "secret": _secret,
    "batch": _batch,
    "timeout": _seconds,
}

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
    Option("hooks", (), _hooks, "commands and webhooks that are told of changes", "JSON"),
)
