"""From what stands on a command line or in a file to a value.

Every function raises ValueError or TypeError with what is needed instead; who calls it knows where
the value stands.
"""

from __future__ import annotations

import difflib
import ipaddress
import math
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harvester.model import BodyMode

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


def refuse_unknown(keys: Iterable[str], names: list[str]) -> None:
    """Raise ValueError that names the first unknown key and the nearest one there is."""
    for key in keys:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1, cutoff=0)
            raise ValueError(f"unknown key {key!r}; did you mean {near[0]!r}?")


def folder(value: object) -> Path:
    """Return a folder; `~` is the home."""
    if not isinstance(value, str | Path) or not str(value).strip():
        raise ValueError("a folder is needed")
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise ValueError(f"{str(value)!r} names the home of an unknown user") from None


def text(value: object) -> str:
    """Return text with single blanks."""
    if not isinstance(value, str):
        raise TypeError(f"text is needed, not {value!r}")
    return " ".join(value.split())


def origin(value: object) -> str:
    """Return the address that stands in for the site."""
    given = text(value)
    if not given:
        raise ValueError("an address such as http://127.0.0.1:8080 is needed")
    return given


def rate(value: object) -> float:
    """Return requests a second."""
    given = number(value)
    if not (0 < given < math.inf):
        raise ValueError(f"{value!r} is no rate; requests a second above 0 are needed")
    return given


def number(value: object) -> float:
    """Return a number, given as one or as text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError(f"a number is needed, not {value!r}")
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a number") from None


def whole(value: object, *, least: int) -> int:
    """Return a whole number of at least `least`."""
    given = number(value)
    if not least <= given < math.inf or given != int(given):
        raise ValueError(f"{value!r} is no whole number of at least {least}")
    return int(given)


def amount(value: object) -> int:
    """Return bytes. MB is a million; MiB, and M alone as for other services, are 2**20."""
    match = _AMOUNT.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is no amount of bytes such as 1GiB, 500MB or 1073741824")
    figure, power, binary, byte = match.groups()
    base = 1000 if byte and not binary else 1024
    return int(float(figure) * base ** " kmgt".index((power or " ").lower()))


def address(value: object) -> Address | None:
    """Return where to listen, None for `off`."""
    given = text(value)
    if given == "off":
        return None
    host, _, port = given.rpartition(":")
    if not is_host(host) or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 0xFFFF:
        raise ValueError(
            f"{given!r} is neither 'off' nor HOST:PORT such as 127.0.0.1:8710 or [::1]:8710"
        )
    return Address(host.strip("[]"), int(port))


def is_host(host: str) -> bool:
    """Say whether this is a name, an IPv4 address or an IPv6 address in brackets."""
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        return (ipaddress.ip_address(host.strip("[]")).version == 6) == bracketed
    except ValueError:
        return _HOST_NAME.fullmatch(host) is not None


def command(value: object) -> tuple[str, ...]:
    """Return the words of a command line."""
    if not isinstance(value, str):
        raise TypeError(f"a command line is needed, not {value!r}")
    if "\0" in value:
        raise ValueError("a command line holds no NUL")
    try:
        return tuple(shlex.split(value))
    except ValueError as problem:
        raise ValueError(f"{value!r} is no command line: {problem}") from None


def one_of(value: object, *, names: tuple[str, ...]) -> str:
    """Return one of a few words."""
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{value!r} is none of {', '.join(names)}")
    return value


def mode(value: object) -> BodyMode:
    """Return a mode of the body."""
    try:
        return BodyMode(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is neither 'clean' nor 'verbatim'") from None


def sections(value: object) -> tuple[str, ...]:
    """Return paths of sections, from a list or a text with commas."""
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(one, str) for one in listed):
        raise TypeError("sections are paths such as 'realtime/china'")
    paths = [one.strip().strip("/") for one in listed]
    if not isinstance(value, str) and not all(paths):
        # An empty one is no section, and must not come to mean all of them.
        raise ValueError("a section is empty; expected paths such as 'realtime/china'")
    return tuple(dict.fromkeys(filter(None, paths)))


def switch(value: object) -> bool:
    """Return a switch: on or off, or a boolean of the file."""
    if isinstance(value, bool):
        return value
    if value in {"on", "off"}:
        return value == "on"
    raise ValueError(f"on or off is needed, not {value!r}")
