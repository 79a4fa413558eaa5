"""HTML as the standard serialises it (HTML, 13.3): the form of the posts since 2022-06."""

from __future__ import annotations

_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\N{NO-BREAK SPACE}": "&nbsp;"})
_ATTRIBUTE = str.maketrans({"&": "&amp;", '"': "&quot;", "\N{NO-BREAK SPACE}": "&nbsp;"})


def escape(text: str) -> str:
    """Return text as HTML."""
    return text.translate(_TEXT)


def attribute(name: str, value: str) -> str:
    """Return ` name="value"`."""
    return f' {name}="{" ".join(value.split()).translate(_ATTRIBUTE)}"'
