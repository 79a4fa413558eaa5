"""The labelled pages: what each file is, by the hand that made it. See README.md beside it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ARTICLE = "article"

_BLANKS = re.compile(r"[ \t\r\f]+")
_BREAKS = re.compile(r" *\n\s*")


@dataclass(frozen=True, slots=True)
class Label:
    """A page and what is right to say of it; an article's fields are empty for other pages.

    `final_url` is where a request for `url` ends, if elsewhere; `charset` the label of the header.
    `reasons` are those with which another page may be refused.
    """

    file: str
    url: str
    kind: str
    why: str
    final_url: str | None = None
    charset: str | None = None
    title: str = ""
    published: str = ""
    author: str = ""
    access: str = ""
    blocks: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def is_article(self) -> bool:
        """Say whether the page must be archived."""
        return self.kind == ARTICLE

    @property
    def story_id(self) -> str:
        """The id of the story whose address was asked for."""
        return self.url.rpartition("-")[2]

    @property
    def at(self) -> datetime:
        """The moment of an article's publication."""
        return datetime.fromisoformat(self.published)

    @property
    def page(self) -> bytes:
        """The page as it came."""
        return (FOLDER / self.file).read_bytes()


@cache
def labels() -> tuple[Label, ...]:
    """Return all labels, in the order of the file."""
    lines = (FOLDER / "labels.jsonl").read_text("utf-8").splitlines()
    return tuple(_label(json.loads(line)) for line in lines)


def _label(fields: dict[str, object]) -> Label:
    lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    return Label(**{**fields, **lists})  # type: ignore[arg-type]


def articles() -> tuple[Label, ...]:
    """Return the labels of articles."""
    return tuple(label for label in labels() if label.is_article)


def others() -> tuple[Label, ...]:
    """Return the labels of pages that are no articles."""
    return tuple(label for label in labels() if not label.is_article)


def tidy(text: str) -> str:
    """Return a block's text with runs of ASCII blanks as one, and lines without blanks around."""
    return _BREAKS.sub("\n", _BLANKS.sub(" ", text)).strip()
