"""HTML as the standard serialises it (HTML, 13.3): the form of the posts since 2022-06."""

from __future__ import annotations

import re

_NBSP = "\N{NO-BREAK SPACE}"
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_TABS = re.compile(r"\t+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def one_line(text: str) -> str:
    """Return text with each line end or tab, and the blanks around it, as one blank.

    Other control characters are deleted.
    """
    if not _CONTROL.search(text):
        return text
    return _CONTROL.sub("", _BLANKS.sub(_one_blank, text))


def _one_blank(blanks: re.Match[str]) -> str:
    run = blanks[0]
    return " " if run.strip(" \t") else _TABS.sub(" ", run)


def escape(text: str) -> str:
    """Return text as HTML."""
    # Four searches that find nothing are much faster than a table asked for every character.
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace(_NBSP, "&nbsp;")


def attribute(name: str, value: str) -> str:
    """Return ` name="value"`."""
    quoted = (
        one_line(value)
        .strip()
        .replace("&", "&amp;")
        .replace('"', "&quot;")
        .replace(_NBSP, "&nbsp;")
    )
    return f' {name}="{quoted}"'
