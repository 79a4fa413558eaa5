"""What is exported of a story: every field with its name and kind, said once for all formats."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from harvester.handoff.record import Record
from harvester.store import stamp

Value = str | int | list[str] | None
Cell = str | int | None


class Kind(Enum):
    """What a field holds; each format has its own type for it."""

    TEXT = "text"
    WORD = "text of which there are few"
    COUNT = "integer of 32 bits"
    NUMBER = "integer of 64 bits"
    INSTANT = "instant, to the second"
    TEXTS = "list of texts"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a `Record`; only an optional one is ever None."""

    name: str
    kind: Kind
    optional: bool = False


FIELDS = (
    Field("story_id", Kind.TEXT),
    Field("url", Kind.TEXT),
    Field("title", Kind.TEXT),
    Field("published", Kind.INSTANT),
    Field("published_source", Kind.TEXT),
    Field("section", Kind.WORD),
    Field("author", Kind.TEXT),
    Field("tags", Kind.TEXTS),
    Field("access", Kind.WORD),
    Field("era", Kind.WORD),
    Field("content_hash", Kind.TEXT),
    Field("path", Kind.TEXT),
    Field("sha256", Kind.TEXT),
    Field("revision", Kind.COUNT),
    Field("seq", Kind.NUMBER),
    Field("first_seen", Kind.INSTANT),
    Field("updated_at", Kind.INSTANT),
    Field("gone_at", Kind.INSTANT, optional=True),
    Field("text", Kind.TEXT),
    Field("html", Kind.TEXT),
)
NAMES = tuple(field.name for field in FIELDS)


def values(record: Record) -> dict[str, Value]:
    """Return a story as JSON has it: instants are texts `YYYY-MM-DDTHH:MM:SSZ`."""
    return {field.name: _value(getattr(record, field.name), field.kind) for field in FIELDS}


def cells(record: Record) -> list[Cell]:
    """Return a story as a row of a flat table: as JSON has it, a list as the text of one."""
    return [
        json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
        for value in values(record).values()
    ]


_PLAIN: Mapping[Kind, Callable[[Any], Value]] = {
    Kind.TEXT: str,
    Kind.WORD: str,
    Kind.COUNT: int,
    Kind.NUMBER: int,
    Kind.INSTANT: stamp,
    Kind.TEXTS: list,
}


def _value(value: object, kind: Kind) -> Value:
    return None if value is None else _PLAIN[kind](value)
