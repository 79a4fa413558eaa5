"""The scrambled paragraphs of zaobao.com, 2022-07 on (RSSHub issue 10306)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from selectolax.lexbor import LexborNode

from harvester.errors import Unreadable

_KEY = "data-s"
_SALT = 3
_SHUFFLED = f"[{_KEY}]"


def position(key: str) -> int:
    """Return the position that a `data-s` key names: three random characters, then base32 digits.

    Raises `ValueError` for a key of another form.
    """
    try:
        return int(base64.b32decode(key[_SALT:]).decode("ascii"))
    except (binascii.Error, UnicodeDecodeError) as cause:
        raise ValueError(f"order key {key!r} does not decode") from cause


def children(node: LexborNode) -> Iterator[LexborNode]:
    """Yield a node's elements and texts in the order in which they were written.

    Keys may have holes (advertisements); elements without a key go last. Raises `Unreadable` where
    a key does not decode: a wrong order must not be archived.
    """
    found = [child for child in node.iter(include_text=True) if not child.is_comment_node]
    if not any(_KEY in child.attributes for child in found if child.is_element_node):
        return iter(found)
    return iter(sorted(found, key=_place))


def is_shuffled(node: LexborNode) -> bool:
    """Say whether a body carries order keys at all."""
    return node.css_first(_SHUFFLED) is not None


def _place(node: LexborNode) -> tuple[bool, int]:
    key = node.attributes.get(_KEY) if node.is_element_node else None
    if key is None:
        return True, 0
    try:
        return False, position(key)
    except ValueError as cause:
        raise Unreadable("", str(cause)) from cause
