"""Foreign text on a terminal."""

from __future__ import annotations

import re

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")

# Of JSON all that json.dumps does not escape itself, line ends left out: they end the text.
_UNESCAPED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Return text without what a terminal would act on."""
    return _CONTROLS.sub(" ", text)


def escaped(text: str) -> str:
    """Return text with its control characters as JSON writes them; JSON stays the same JSON."""
    return _UNESCAPED.sub(lambda control: f"\\u{ord(control[0]):04x}", text)
