"""JSON from pages: nothing that is wrong with it is more than a `ValueError`."""

from __future__ import annotations

import json
from typing import Any

_DECODER = json.JSONDecoder(strict=False)


def loads(text: str) -> Any:  # noqa: ANN401 - whatever the page holds
    """Return the value of a JSON text. Raises `ValueError`, also for nesting without end."""
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def first_in(text: str, at: int) -> Any:  # noqa: ANN401 - whatever the page holds
    """Return the value that begins at a place of a text, whatever follows it. Raises as `loads`."""
    try:
        return _DECODER.raw_decode(text, at)[0]
    except RecursionError:
        raise ValueError("nested too deep") from None
