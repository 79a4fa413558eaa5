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
_HARMLESS_LENGTH = 200_000
_HARMLESS_TAGS = 2_500
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
# Void elements, and those whose end tag may be left out: the parser closes them by itself.
_UNCOUNTED = frozenset(
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source"),
        *("track", "wbr", "p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead", "tfoot"),
        *("option", "optgroup", "html", "head", "body", *_RAW),
    }
)
# One element each, which gets the attributes of all its tags.
_ROOT = re.compile(r"<(?:html|body)(?=[\t\n\f\r />])", re.IGNORECASE)
# Elements that, left open, the parser opens again in every paragraph that follows: three of those
# that are alike, all of those that differ (HTML, 13.2.4.3).
_FORMATS = "(b|big|code|em|font|i|s|small|strike|strong|tt|u)"
_FORMATTING = re.compile(rf"<{_FORMATS}(?=[\t\n\f\r />])", re.IGNORECASE)
_ALIKE = 3
_FORMATTING_WINDOW = 300
# Those that are closed before anything else begins, such as the icons of a page, are never open.
_CLOSED = re.compile(rf"<{_FORMATS}(?:[\t\n\f\r /][^<>]*+)?>[^<]*+</\1[\t\n\f\r />]", re.IGNORECASE)


def too_much(text: str) -> str | None:
    """Return why a page would take the parser too long, or None."""
    tags = text.count("<")
    if tags > TAG_LIMIT:
        return f"the page has more than {TAG_LIMIT:,} tags"
    if _reopened(text) * tags > _REOPENED_LIMIT:
        return "elements of the page that are not closed would be opened again too often"
    if len(_ROOT.findall(text)) > _ROOT_LIMIT:
        return f"the page has more than {_ROOT_LIMIT} tags of its root"
    return None if _is_harmless(text, tags) else _by_tags(text)


def _is_harmless(text: str, tags: int) -> bool:
    """Say whether a page is so small that its nesting and its attributes cost nothing.

    That is so for nearly all pages, and this is much quicker than going through their tags.
    """
    if tags > _HARMLESS_TAGS or len(text) > _HARMLESS_LENGTH:
        return False
    return all(match.end() - match.start() <= _LONG_TAG for match in _MARKUP.finditer(text))


def _reopened(text: str) -> int:
    """Return how many formatting elements one paragraph can open again, at most."""
    closed = {match.start() for match in _CLOSED.finditer(text)}
    starts = [match.start() for match in _FORMATTING.finditer(text) if match.start() not in closed]
    windows = (_MARKUP.match(text[at : at + _FORMATTING_WINDOW]) for at in starts)
    return _ALIKE * len({window[0].lower() for window in windows if window})


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


def _tags(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield `/` or "", name and attributes of each tag that is not inside of text."""
    at = 0
    while tag := _MARKUP.search(text, at):
        at = tag.end()
        if not tag[2]:
            continue
        name = tag[2].lower()
        yield tag[1], name, tag[3]
        if name in _RAW_END and not tag[1]:
            end = _RAW_END[name].search(text, at)
            at = end.end() if end else len(text)
