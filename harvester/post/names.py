"""The names of post files: one maker, so no title can lead out of the tree."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

# Letters, marks, numbers, punctuation, symbols and blanks are part of real titles. Control and
# format characters (direction marks), surrogates, private and unassigned ones are not.
_KEPT_CATEGORIES = frozenset("LMNPS")
_LONGEST_TITLE = 50  # UTF-16 units, as in the original generator
_EDGES = re.compile(r"^[.\s]+|[.\s]+$")


def post_name(title: str, published: datetime, story_id: str) -> tuple[str, str]:
    """Return the name a post would like and the one it takes if another story has that.

    Both are `YYYY/MM/YYYY-MM-DD-….md`, relative to the post tree, by the UTC day of `published`.
    The title is the one as published; without anything that may stay, the story id takes its
    place.

    A component has at most 11 + 3 * 50 + 3 bytes and the id. Names that other systems reserve
    (`CON`, `NUL`) and names of hidden files cannot occur: each begins with the date.
    """
    day = published.astimezone(UTC).date().isoformat()
    stem = f"{day[:4]}/{day[5:7]}/{day}-{_safe(title) or story_id}"
    return f"{stem}.md", f"{stem}-{story_id}.md"


def name_key(name: str) -> str:
    """Return what two names share that some file system takes for one: NFC, case-folded."""
    return unicodedata.normalize("NFC", name).casefold()


def _safe(title: str) -> str:
    kept = "".join(character for character in title if _stays(character))
    return _EDGES.sub("", _shortened(kept).replace("/", "--"))


def _stays(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in _KEPT_CATEGORIES or category == "Zs"


def _shortened(title: str) -> str:
    r"""Return the start of the title, `"` as `\"`, cut neither inside that nor inside a pair."""
    pieces: list[str] = []
    units = 0
    for character in title:
        piece = '\\"' if character == '"' else character
        units += len(piece) + (character > "\uffff")
        if units > _LONGEST_TITLE:
            break
        pieces.append(piece)
    return "".join(pieces)
