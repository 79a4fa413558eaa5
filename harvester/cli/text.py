"""Foreign text on a terminal."""

from __future__ import annotations

import re

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")


def printable(text: str) -> str:
    """Return text without what a terminal would act on."""
    return _CONTROLS.sub(" ", text)
