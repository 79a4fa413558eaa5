"""What becomes of published text before it may stand in a post."""

from __future__ import annotations

import re

_CONTROLS = r"\x00-\x1f\x7f-\x9f"
_SURROGATES = r"\ud800-\udfff"
_NONCHARACTERS = r"\ufdd0-\ufdef" + "".join(
    chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF)
)
_LINE_SEPARATORS_AND_BOM = r"\u2028\u2029\ufeff"

_UNFIT_FOR_TITLES = f"{_CONTROLS}{_SURROGATES}{_NONCHARACTERS}{_LINE_SEPARATORS_AND_BOM}"
_BLANKS = re.compile(f"[ {_UNFIT_FOR_TITLES}]+")
_UNFIT_FOR_BODIES = re.compile(f"[{_CONTROLS}{_SURROGATES}]")
# kramdown reads what is inside an element with this attribute as Markdown, where an image may have
# handlers: `![x](y){: onerror="…"}`.
_MARKDOWN = re.compile(r"[mM](?=(?i:arkdown)\s*=)")
_ESCAPED = re.compile(r'\\([\\"])')


def clean_title(text: str) -> str:
    """Return a title that any YAML reader gives back as it is.

    Control characters, U+2028/9, byte order marks, lone surrogates and noncharacters become a
    blank, together with the blanks around them. Everything else stays as published: NBSP, U+3000
    and double blanks are part of real titles. The ends are stripped.
    """
    return _BLANKS.sub(_one_blank, text).strip()


def _one_blank(run: re.Match[str]) -> str:
    return " " if run[0].strip(" ") else run[0]


def clean_body(text: str) -> str:
    """Return HTML as one line: control characters are deleted, as the original generator does."""
    return _UNFIT_FOR_BODIES.sub("", text).strip()


def escape(title: str) -> str:
    r"""Return a title for the double quotes of YAML: `\` as `\\` and `"` as `\"`."""
    return title.replace("\\", "\\\\").replace('"', '\\"')


def unescape(title: str) -> str:
    """Undo `escape`, from left to right."""
    return _ESCAPED.sub(r"\1", title)


def without_liquid(text: str) -> str:
    """Return text in which Jekyll finds no Liquid: it runs Liquid over all but the header."""
    return text.replace("{{", "&#123;&#123;").replace("{%", "&#123;%")


def inert_body(html: str) -> str:
    """Return a body in which Jekyll finds neither Liquid nor Markdown; a browser shows the same."""
    return without_liquid(_MARKDOWN.sub(lambda letter: f"&#{ord(letter[0])};", html))


def inert_line(title: str) -> str:
    """Return a title as text of a line of Markdown: no elements, links, attributes or Liquid."""
    return (
        without_liquid(title).replace("<", "&lt;").replace("](", "]&#40;").replace("{:", "&#123;:")
    )
