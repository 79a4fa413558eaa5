"""What a page would cost the parser, told before it is parsed: a thread cannot be stopped.

Each limit stands far above any page of the site (some 5,000 tags, 60 elements deep) and far below
what takes the parser or the readers of its tree more than two seconds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

DEPTH_LIMIT = 512
"""Elements inside each other; browsers put deeper ones beside each other as well."""

TAG_LIMIT = 50_000
"""Every `<`: a count that no markup can get round, whatever the rest of this module overlooks."""

ATTRIBUTE_LIMIT = 500
"""Attributes of one tag; the parser compares each with all before it."""

NAME_LIMIT = 10_000
"""Different names of attributes: the parser keeps them in a table of fixed size."""

DRAWN_LIMIT = 10_000
"""Elements of drawings that close themselves: anywhere else they would be nested."""

_ROOT_LIMIT = 50
_REOPENED_LIMIT = 500_000
# A small page takes a second at most, with all its elements inside each other, all its attributes
# in one tag, or all its formatting opened again.
_SMALL_TAGS = 2_500
_SMALL_SIGNS = 25_000
_SMALL_LENGTH = 400_000
# What begins and ends tags, and what parts their attributes from each other.
_NO_SIGNS = bytes(set(range(256)) - set(b"<>=/\t\n\f\r "))
_LONG_TAG = 2 * ATTRIBUTE_LIMIT  # characters that hold at most so many attributes
_FEW_NAMES = 4 * NAME_LIMIT  # characters that hold at most so many
_BLANK = r"[\t\n\f\r ]"
_NAME = r"(?:=[^\t\n\f\r />=]*+|[^\t\n\f\r />=]++)"
_VALUE = rf"""(?:{_BLANK}*+={_BLANK}*+(?:"[^"]*+"|'[^']*+'|[^\t\n\f\r >"'][^\t\n\f\r >]*+)?+)?+"""
# Tags as a browser tells them (HTML, 13.2.5), comments, and what passes for comments. Possessive,
# so that no input makes it go back.
_MARKUP = re.compile(
    rf"<(?:(/?)([a-zA-Z][^\t\n\f\r />]*+)((?:[\t\n\f\r /]++|{_NAME}{_VALUE})*+)"
    r"|!--(?:-?>|.*?(?:--!?>|\Z))|(?:[!?]|/(?![a-zA-Z]))[^>]*+)",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(rf"({_NAME}){_VALUE}")
# Elements whose content is text, for a browser that runs scripts.
_RAW = ("iframe", "noembed", "noframes", "noscript", "script", "style", "textarea", "title", "xmp")
_RAW_END = {name: re.compile(f"</{name}", re.IGNORECASE) for name in _RAW}
_CDATA = "![CDATA["
_VOID = frozenset(
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param"),
        *("source", "track", "wbr"),
    }
)
# Elements of drawings that close themselves; outside of drawings they mean nothing to the parser.
_SHAPES = frozenset(
    {
        *("circle", "ellipse", "image", "line", "path", "polygon", "polyline", "rect", "stop"),
        *("use", "svg"),
    }
)
# Those whose end tag may be left out as well: the parser closes them by itself.
_UNCOUNTED = frozenset(
    {
        *_VOID,
        *("p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead", "tfoot"),
        *("option", "optgroup", "html", "head", "body", *_RAW),
    }
)
# One element each, which gets the attributes of all its tags.
_ROOT = re.compile(r"<(?:html|body)(?=[\t\n\f\r />])", re.IGNORECASE)
# Elements that, left open, the parser opens again in every paragraph that follows: three of those
# that are alike, all of those that differ (HTML, 13.2.4.3).
_FORMATS = "(b|big|code|em|font|i|s|small|strike|strong|tt|u)"
_FORMAT_NAMES = frozenset(_FORMATS.strip("()").split("|"))
_FORMATTING = re.compile(rf"<{_FORMATS}(?=[\t\n\f\r />])", re.IGNORECASE)
# All of these and of the roots, by their first letters, and some that are neither.
_SUSPECT = re.compile(rb"<[bcefhistuBCEFHISTU][\t\n\f\r />iIoOmMtT](?<![iI][mM])")
_ALIKE = 3
_FORMATTING_WINDOW = 300
# Those that are closed before anything else begins are never open: a quick first count.
_CLOSED = re.compile(rf"<{_FORMATS}(?:[\t\n\f\r /][^<>]*+)?>[^<]*+</\1[\t\n\f\r />]", re.IGNORECASE)


def too_much(page: bytes) -> str | None:
    """Return why a page, in UTF-8, would take the parser too long, or None.

    Small pages cannot, whatever their tags are: that is told by counting, since going through the
    tags takes longer than parsing them.
    """
    signs = page.translate(None, _NO_SIGNS)
    tags = signs.count(b"<")
    if tags > TAG_LIMIT:
        return f"the page has more than {TAG_LIMIT:,} tags"
    small = tags <= _SMALL_TAGS and len(signs) <= _SMALL_SIGNS and len(page) <= _SMALL_LENGTH
    bare = small and len(_SUSPECT.findall(page)) <= _ROOT_LIMIT
    if not bare and (problem := _by_elements(page.decode(), tags)):
        return problem
    return None if small and not _has_long_tag(signs) else _by_tags(page.decode())


def _has_long_tag(signs: bytes) -> bool:
    """Say whether there is room for too many attributes between a `<` and the next `>`.

    Where a `>` stands in quotes there is more: how much, the number of all signs tells.
    """
    at = signs.find(b"<")
    while at >= 0:
        closed = signs.rfind(b">", at, at + ATTRIBUTE_LIMIT)
        if closed < 0:
            return len(signs) > at + ATTRIBUTE_LIMIT
        at = signs.find(b"<", closed)
    return False


def _by_elements(text: str, tags: int) -> str | None:
    allowed = _REOPENED_LIMIT / max(tags, 1)
    if _reopened(text) > allowed and _left_open(text) > allowed:
        return "elements of the page that are not closed would be opened again too often"
    if len(_ROOT.findall(text)) > _ROOT_LIMIT:
        return f"the page has more than {_ROOT_LIMIT} tags of its root"
    return None


def _reopened(text: str) -> int:
    """Return how many formatting elements one paragraph can open again, at most."""
    closed = {match.start() for match in _CLOSED.finditer(text)}
    starts = [match.start() for match in _FORMATTING.finditer(text) if match.start() not in closed]
    windows = (_MARKUP.match(text[at : at + _FORMATTING_WINDOW]) for at in starts)
    return _ALIKE * len({window[0].lower() for window in windows if window})


def _left_open(text: str) -> int:
    """Return how many formatting elements are open at once, as far as the parser tells them apart.

    An end tag closes what was opened last and nothing else: out of order, the parser may keep the
    element, or open it again.
    """
    stack: list[tuple[str, str]] = []
    alike: Counter[tuple[str, str]] = Counter()
    inside: Counter[str] = Counter()
    now, most = 0, 0
    for closing, name, attributes in _tags(text, inside):
        if name == _CDATA:
            return text.count("<")  # markup for some and text for others
        if not closing and name not in _VOID and not (name in _SHAPES and attributes[-1:] == "/"):
            stack.append((name, attributes))
            inside[name] += 1
            if name in _FORMAT_NAMES:
                alike[stack[-1]] += 1
                now += alike[stack[-1]] <= _ALIKE
                most = max(most, now)
        elif closing and stack and stack[-1][0] == name:
            closed = stack.pop()
            inside[name] -= 1
            if name in _FORMAT_NAMES:
                now -= alike[closed] <= _ALIKE
                alike[closed] -= 1
    return most


def _by_tags(text: str) -> str | None:
    depth, drawn = 0, 0
    written: list[str] = []
    unclosed: Counter[str] = Counter()
    for closing, name, attributes in _tags(text):
        if attributes:
            written.append(attributes)
        if closing:
            if unclosed[name]:
                unclosed[name] -= 1
                depth -= 1
        elif attributes.endswith("/") and (unclosed["svg"] or unclosed["math"]):
            drawn += 1  # closes itself, if the drawing was not left before
        elif name not in _UNCOUNTED:
            unclosed[name] += 1
            depth += 1
            if depth > DEPTH_LIMIT:
                return f"the page is nested deeper than {DEPTH_LIMIT} elements"
    if drawn > DRAWN_LIMIT:
        return f"the drawings of the page have more than {DRAWN_LIMIT:,} elements"
    return _by_attributes(written)


def _by_attributes(written: list[str]) -> str | None:
    """Return what is wrong with the attributes of a page, as written in its tags.

    Where they are few characters they are few.
    """
    if any(
        len(_ATTRIBUTE.findall(attributes)) > ATTRIBUTE_LIMIT
        for attributes in written
        if len(attributes) > _LONG_TAG
    ):
        return f"a tag of the page has more than {ATTRIBUTE_LIMIT} attributes"
    if sum(map(len, written)) <= _FEW_NAMES:
        return None
    names = {name for attributes in written for name in _ATTRIBUTE.findall(attributes)}
    if len(names) > NAME_LIMIT:
        return f"the attributes of the page have more than {NAME_LIMIT:,} names"
    return None


def _tags(text: str, inside: Counter[str] | None = None) -> Iterator[tuple[str, str, str]]:
    """Yield `/` or "", name and attributes of each tag that is not inside of text.

    With `inside`, the elements that are open by the count of the caller, nothing passes for text
    in a drawing or without scripts, and a drawing's `_CDATA` is told.
    """
    at = 0
    while tag := _MARKUP.search(text, at):
        at = tag.end()
        drawing = inside is not None and (inside["svg"] or inside["math"])
        if not tag[2]:
            if drawing and tag[0].startswith("<![CDATA["):
                yield "", _CDATA, ""
            continue
        name = tag[2].lower()
        yield tag[1], name, tag[3]
        seen = drawing or (inside is not None and name == "noscript")
        if name in _RAW_END and not tag[1] and not seen:
            end = _RAW_END[name].search(text, at)
            at = end.end() if end else len(text)
