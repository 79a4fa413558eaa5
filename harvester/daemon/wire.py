"""What a command and the daemon say to each other: JSON lines, one object a line.

    daemon   hello                     queued*  event*  (outcome | failure)
    command         part*  job                                   stop

The frozen dataclasses are the grammar: an object holds the fields of one of them and its `kind`,
nothing else. What cannot be read raises `ValueError` with the place and the problem.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, cast, get_args, get_origin, get_type_hints

from harvester import errors
from harvester.errors import HarvesterError, UsageError
from harvester.model import Decision, Stored
from harvester.runs import FetchOrder, ImportOrder, Job, Order, Outcome

PROTOCOL = 2
LINE_MAX = 2**20
"""Bytes of a line, at most."""
PARTS_MAX = 256
"""Parts of one job, at most: 64 MiB of addresses."""
_PART_SIZE = 2**18
_TEXT_MAX = 4000


@dataclass(frozen=True, slots=True)
class Hello:
    """The daemon's first line: who it is, and what a command must agree with it about."""

    pid: int
    seeds: Path
    site_origin: str | None = None
    wayback_origin: str | None = None
    commoncrawl_origin: str | None = None
    protocol: int = PROTOCOL


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the addresses or paths of the job that follows."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """The wish that the job ends; what is in flight is finished."""


@dataclass(frozen=True, slots=True)
class Queued:
    """So many jobs go first."""

    before: int


@dataclass(frozen=True, slots=True)
class Missed:
    """So many events were left out because they were not read in time."""

    events: int


@dataclass(frozen=True, slots=True)
class Adopting:
    """`Watcher.adopting`."""

    posts: int


@dataclass(frozen=True, slots=True)
class Discovering:
    """`Watcher.discovering`."""

    sources: int
    total: int
    fresh: int


@dataclass(frozen=True, slots=True)
class Planned:
    """`Watcher.planned`."""

    total: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """`Watcher.waiting`."""

    host: str
    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Ended:
    """`Watcher.ended`."""

    url: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class Imported:
    """`Watcher.imported`."""

    path: Path
    decision: Decision
    stored: Stored | None


@dataclass(frozen=True, slots=True)
class Failure:
    """An error by the name of its class and its text."""

    error: str
    text: str

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """Return an error as it is sent; one that is none of the program's is a defect."""
        if isinstance(error, HarvesterError):
            return cls(type(error).__name__, str(error)[:_TEXT_MAX])
        text = f"a defect of the daemon, told in its log: {error!r}"
        return cls("HarvesterError", text[:_TEXT_MAX])

    def as_error(self) -> HarvesterError:
        """Return the error again: its class and its text, without what else it carried."""
        kind = _ERRORS.get(self.error, HarvesterError)
        return kind.__new__(kind, self.text)


Event = Queued | Missed | Adopting | Discovering | Planned | Waiting | Ended | Imported
Message = Hello | Part | Job | Stop | Event | Outcome | Failure

_KINDS: Mapping[str, type[Message]] = {
    "hello": Hello,
    "part": Part,
    "backfill": Order,
    "fetch": FetchOrder,
    "import": ImportOrder,
    "stop": Stop,
    "queued": Queued,
    "missed": Missed,
    "adopting": Adopting,
    "discovering": Discovering,
    "planned": Planned,
    "waiting": Waiting,
    "ended": Ended,
    "imported": Imported,
    "outcome": Outcome,
    "failure": Failure,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_ERRORS: Mapping[str, type[HarvesterError]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, HarvesterError)
}


def encode(message: Message) -> bytes:
    """Return a message as a line. Raises `ValueError` for one that is too long."""
    values = {field.name: getattr(message, field.name) for field in fields(message)}
    written = {"kind": _NAMES[type(message)], **values}
    line = json.dumps(written, default=_plain, separators=(",", ":")).encode("ascii") + b"\n"
    if len(line) > LINE_MAX:
        raise ValueError(f"longer than {LINE_MAX:,} bytes")
    return line


def decode(line: bytes) -> Message:
    """Return the message of a line. Raises `ValueError` for what is none."""
    try:
        written = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(written, dict):
        raise ValueError("an object is needed")  # noqa: TRY004 - as for all that cannot be read
    name = written.pop("kind", None)
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError(f"unknown kind {name!r}")
    if kind is Hello and written.get("protocol") != PROTOCOL:
        spoken = written.get("protocol")
        raise ValueError(f"protocol {spoken!r} is spoken there, {PROTOCOL} here")
    return cast("Message", _read(kind, written, str(name)))


def job_lines(job: Job) -> list[bytes]:
    """Return the lines of a job; what it lists goes ahead in parts, so that no line is too long.

    Raises `UsageError` for a list that is too long all the same.
    """
    try:
        parts = [encode(part) for part in _parts(_listed(job))]
    except ValueError as problem:
        raise UsageError(f"a line of the list cannot be handed to the daemon: {problem}") from None
    if len(parts) > PARTS_MAX:
        raise UsageError("the list is too long for the daemon; hand it over in pieces")
    return [*parts, encode(with_listed(job, ()))]


def with_listed(job: Job, values: tuple[str, ...]) -> Job:
    """Return a job with these addresses or paths."""
    if isinstance(job, ImportOrder):
        return replace(job, paths=tuple(map(Path, values)))
    return replace(job, urls=values)


def _listed(job: Job) -> tuple[str, ...]:
    return tuple(map(str, job.paths)) if isinstance(job, ImportOrder) else job.urls


def _parts(values: tuple[str, ...]) -> Iterator[Part]:
    part: list[str] = []
    size = 0
    for value in values:
        part.append(value)
        size += len(json.dumps(value))
        if size > _PART_SIZE:
            yield Part(tuple(part))
            part, size = [], 0
    yield Part(tuple(part))


# --- values to JSON and back ---


def _plain(value: object) -> object:
    """Return what `json` can write of a value that it cannot write itself."""
    match value:
        case Exception():
            return _plain(Failure.of(value))
        case date():
            return value.isoformat()
        case Mapping():
            return dict(value)
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return str(value)


def _read(hint: Any, value: object, where: str) -> Any:  # noqa: ANN401 - what the hint says
    """Return a JSON value as what the hint says; `where` names it in errors."""
    if isinstance(hint, UnionType):  # the only unions of the grammar are `X | None`
        if value is None:
            return None
        (hint,) = (each for each in get_args(hint) if each is not NoneType)
    origin = get_origin(hint)
    if origin is tuple:
        return tuple(_read(get_args(hint)[0], each, where) for each in _of(list, value, where))
    if origin is Mapping:
        key, item = get_args(hint)
        found = _of(dict, value, where).items()
        return {_read(key, k, where): _read(item, v, f"{where}.{k}") for k, v in found}
    if hint is Exception:
        failure: Failure = _read(Failure, value, where)
        return failure.as_error()
    if is_dataclass(hint):
        return _read_fields(hint, _of(dict, value, where), where)
    return _read_scalar(hint, value, where)


def _read_fields(kind: Any, written: dict[str, object], where: str) -> Any:  # noqa: ANN401 - a `kind`
    known = {field.name: field for field in fields(kind)}
    if unknown := written.keys() - known.keys():
        raise ValueError(f"{where}: unknown fields {', '.join(sorted(unknown))}")
    for name, field in known.items():
        bare = field.default is MISSING and field.default_factory is MISSING
        if bare and name not in written:
            raise ValueError(f"{where}: {name} is missing")
    hints = _hints(kind)
    return kind(**{n: _read(hints[n], value, f"{where}.{n}") for n, value in written.items()})


def _read_scalar(hint: Any, value: object, where: str) -> Any:  # noqa: ANN401 - what the hint says
    if hint in (bool, int, str) or type(value) is float:
        return _of(hint, value, where)
    make: Callable[[Any], Any] = date.fromisoformat if hint is date else hint
    written = _of(int if hint is float else str, value, where)
    try:
        return make(written)
    except (ValueError, OverflowError) as problem:
        raise ValueError(f"{where}: {problem}") from problem


def _of(kind: type, value: object, where: str) -> Any:  # noqa: ANN401 - a `kind`
    if type(value) is not kind:  # a bool is an int to isinstance
        raise ValueError(f"{where}: {kind.__name__} is needed, not {type(value).__name__}")
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
