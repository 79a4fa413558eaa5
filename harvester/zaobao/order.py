"""The scrambled paragraphs of zaobao.com, 2022-07 on (RSSHub issue 10306)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Container, Iterator

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
        digits = base64.b32decode(key[_SALT:])
    except (binascii.Error, ValueError) as cause:
        raise ValueError(f"the order key {key!r} does not decode") from cause
    if not digits.isdigit():
        raise ValueError(f"the order key {key!r} holds no position")
    return int(digits)


def children(node: LexborNode, noise: Container[int] = ()) -> Iterator[LexborNode]:
    """Yield a node's elements and texts in the order in which they were written.

    Positions may have holes (advertisements); elements without a key, and those whose identity is
    in `noise`, go last. Raises `Unreadable` where a key does not decode or stands twice: a wrong
    order must not be archived.
    """
    found = [child for child in node.iter(include_text=True) if not child.is_comment_node]
    if not is_shuffled(node):
        return iter(found)
    keyed = [(_place(child, noise), child) for child in found]
    places = [place for place, _ in keyed if place is not None]
    if len(places) != len(set(places)):
        raise Unreadable("", "two paragraphs have the same order key")
    last = max(places, default=0) + 1
    ordered = sorted(keyed, key=lambda pair: last if pair[0] is None else pair[0])
    return iter([child for _, child in ordered])


def is_shuffled(node: LexborNode) -> bool:
    """Say whether a body carries order keys at all."""
    return node.css_first(_SHUFFLED) is not None


def _place(node: LexborNode, noise: Container[int]) -> int | None:
    key = node.attributes.get(_KEY) if node.is_element_node else None
    if key is None or node.mem_id in noise:
        return None
    try:
        return position(key)
    except ValueError as cause:
        raise Unreadable("", str(cause)) from cause
