"""JSON from pages: nothing that is wrong with it is more than a `ValueError`."""

from __future__ import annotations

import json
from typing import Any


def loads(text: str) -> Any:  # noqa: ANN401 - whatever the page holds
    """Return the value of a JSON text. Raises `ValueError`, also for nesting without end."""
    try:
        return json.loads(text, strict=False)
    except RecursionError:
        raise ValueError("nested too deep") from None
