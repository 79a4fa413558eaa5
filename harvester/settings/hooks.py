"""Who is told of changes: the tables `[[hooks]]`."""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from harvester.settings.values import command, is_host, number, refuse_unknown, whole

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BASE64_SECRET = "whsec_"  # noqa: S105 - the mark before a secret
_LEAST_SECRET = 24  # bytes, of Standard Webhooks
# All changes of a call are held in memory.
_LARGEST_BATCH = 10_000
_COMMAND_SECONDS, _URL_SECONDS = 600.0, 30.0


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


def read_hooks(value: object, options: Collection[str]) -> tuple[Hook, ...]:
    """Return hooks from tables, or from the text of a JSON list. No message shows a secret.

    `options` are keys that belong to the file itself. Raises ValueError and TypeError.
    """
    tables = _json(value) if isinstance(value, str) else value
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise TypeError("tables [[hooks]], or a list of JSON objects, are needed")
    found = tuple(_hook(table, number, options) for number, table in enumerate(tables, start=1))
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


def _hook(table: Mapping[str, Any], number: int, options: Collection[str]) -> Hook:
    name = table.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"hook {number}: name: 1 to 64 letters, digits or . _ - are needed")
    try:
        _refuse_misplaced(table, options)
        refuse_unknown(table, ["name", *_KEYS])
        hook = Hook(name, **_hook_values(table))
        _require_target(hook)
    except (ValueError, TypeError) as problem:
        raise ValueError(f"{name!r}: {problem}") from None
    return hook


def _hook_values(table: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {"timeout": _URL_SECONDS} if "url" in table else {}
    for key, parse in _KEYS.items():
        if key in table:
            try:
                values[key] = parse(table[key])
            except (ValueError, TypeError) as problem:
                raise ValueError(f"{key}: {problem}") from None
    return values


def _refuse_misplaced(table: Mapping[str, Any], options: Collection[str]) -> None:
    for name in options:
        if name in table:
            raise ValueError(f"{name} is no key of a hook; move it above the first [[hooks]]")


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
    if address.scheme not in ("http", "https") or fragment or not is_host(name):
        raise ValueError(hint)
    return value


def _secret(value: object) -> str:
    hint = "`openssl rand -base64 32` makes one, after 'whsec_'"
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"text is needed; {hint}")
    try:
        key = Hook("", secret=value).key
    except ValueError:
        raise ValueError(f"neither plain text nor base64 after 'whsec_'; {hint}") from None
    if len(key if value.startswith(_BASE64_SECRET) else value.strip()) < _LEAST_SECRET:
        raise ValueError(
            f"too short to be safe: {_LEAST_SECRET} bytes as base64 after 'whsec_', or "
            f"{_LEAST_SECRET} characters of text, at least; {hint}"
        )
    return value


def _batch(value: object) -> int:
    batch = whole(value, least=1)
    if batch > _LARGEST_BATCH:
        raise ValueError(f"{value!r} is more than {_LARGEST_BATCH}")
    return batch


def _seconds(value: object) -> float:
    seconds = number(value)
    if not 0 < seconds <= 86_400:
        raise ValueError(f"{value!r} is no number of seconds above 0, up to a day")
    return seconds


_KEYS: Mapping[str, Callable[[Any], Any]] = {
    "command": command,
    "url": _url,
    "secret": _secret,
    "batch": _batch,
    "timeout": _seconds,
}
