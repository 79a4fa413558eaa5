"""From bytes to a tree: charset, hostile nesting, parser."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from harvester.errors import Unreadable

PAGE_LIMIT = 8 * 2**20
DEPTH_LIMIT = 2_000

_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
_META_WINDOW = 4_096
# What a Chinese site may be labelled, and how it is read: pages labelled gb2312 hold characters
# that only its superset knows (WHATWG Encoding, 10.2). Other labels are mistakes: the site is
# Chinese, and Latin-1 would make letters of any bytes.
_CODECS = {
    **dict.fromkeys(("gb2312", "gb_2312-80", "gbk", "x-gbk", "cp936", "gb18030"), "gb18030"),
    **dict.fromkeys(("big5", "big5-hkscs", "cn-big5", "x-x-big5"), "big5hkscs"),
    **dict.fromkeys(("utf-16", "utf-16le", "ucs-2"), "utf-16-le"),
    "utf-16be": "utf-16-be",
}
# The charset of the site before 2013.
_LEGACY = "gb18030"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# A page with more undecodable characters than this is not the text that was published.
_BAD_SHARE = 0.001
_BAD_FEW = 3

_ATTRIBUTE_LIMIT = 500
_HARMLESS = 200_000
# Elements that, left open, the parser opens again in every paragraph that follows.
_REOPENED = frozenset(
    {
        *("a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong"),
        *("tt", "u"),
    }
)
_REOPENED_LIMIT = 100
_LONG_TAG = 2_000
# Possessive, so that no input makes it go back.
_TAG = re.compile(r"""<(/?)([a-zA-Z][a-zA-Z0-9-]{0,40})((?:[^<>"']++|"[^"]*+"|'[^']*+')*+)""")
_QUOTED = re.compile(r""""[^"]*+"|'[^']*+'""")
_RAW = ("script", "style", "textarea", "title")
_RAW_END = {name: re.compile(f"</{name}", re.IGNORECASE) for name in _RAW}
# Void elements, and those whose end tag may be left out: the parser closes them by itself.
_UNCOUNTED = frozenset(
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source"),
        *("track", "wbr", "p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead", "tfoot"),
        *("option", "optgroup", "html", "head", "body"),
    }
)


def decode(body: bytes, url: str, label: str | None = None) -> str:
    """Return a page as text. `label` is the charset of the HTTP header.

    Order: BOM, UTF-8 where the bytes are UTF-8, HTTP label, meta label, the site's old charset.
    Bytes that are valid UTF-8 come first because labels lie (pages of 2025 came without, others
    with a wrong one), while GBK text is practically never valid UTF-8. Raises `Unreadable` above
    0.1 % undecodable characters.
    """
    for bom, name in _BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(name, "replace")
    # Many zero bytes are wide characters, which UTF-8 would read, wrongly, without an error.
    wide = body.count(0) * 10 > len(body)
    labelled = [codec for codec in _labelled(body, label) if wide == codec.startswith("utf-16")]
    tried = labelled if wide else ["utf-8", *labelled]
    for codec in tried:
        try:
            return body.decode(codec)
        except UnicodeDecodeError:
            continue
    for codec in (*tried, _LEGACY):
        text = body.decode(codec, "replace")
        if _is_readable(text):
            return text
    raise Unreadable(url, "the text is garbled in every charset that a page of this site can have")


def _is_readable(text: str) -> bool:
    """Say whether so few characters are lost that the text is still what was published.

    Most of a page is ASCII in any charset: the loss is also measured by what is not.
    """
    lost = text.count("\N{REPLACEMENT CHARACTER}")
    foreign = len(text) - len(text.encode("ascii", "ignore"))
    return lost <= max(_BAD_FEW, len(text) * _BAD_SHARE) and lost * 10 <= foreign


def _labelled(body: bytes, label: str | None) -> Iterator[str]:
    meta = _META.search(body, 0, _META_WINDOW)
    for name in (label, meta[1].decode("ascii", "replace") if meta else None):
        if name and (codec := _CODECS.get(name.strip().lower())):
            yield codec


def parse(text: str, url: str) -> LexborHTMLParser:
    """Return the tree of a page.

    Raises `Unreadable` for pages that are too large or would take the parser minutes: a thread
    cannot be stopped.
    """
    _check(text, url)
    # As a browser reads it: without this, a <noscript> image in the head moves the head's metas
    # into the body.
    return LexborHTMLParser(text, scripting=True)


def fragment(html: str, url: str) -> LexborNode | None:
    """Return the root of a body that came as a piece of HTML. Raises `Unreadable` as `parse`."""
    _check(html, url)
    return LexborHTMLParser(f"<body>{html}").body


def _check(text: str, url: str) -> None:
    if len(text) > PAGE_LIMIT:
        raise Unreadable(url, f"the page is larger than {PAGE_LIMIT >> 20} MiB")
    if problem := _refusal(text):
        raise Unreadable(url, problem)


def _refusal(text: str) -> str | None:
    """Return why a page would take the parser too long, or None.

    Pages that are small and have few tags cannot; they are not looked through.
    """
    if len(text) <= _HARMLESS and text.count("<") <= DEPTH_LIMIT:
        return None
    depth, at = 0, 0
    unclosed: Counter[str] = Counter()
    while tag := _TAG.search(text, at):
        at = tag.end()
        name = tag[2].lower()
        if len(tag[3]) > _LONG_TAG and len(_QUOTED.sub("", tag[3]).split()) > _ATTRIBUTE_LIMIT:
            return f"a tag of the page has more than {_ATTRIBUTE_LIMIT} attributes"
        if tag[1]:
            if unclosed[name]:
                unclosed[name] -= 1
                depth -= 1
        elif name in _RAW:
            end = _RAW_END[name].search(text, at)
            at = end.end() if end else len(text)
        elif name not in _UNCOUNTED:
            unclosed[name] += 1
            depth += 1
            if name in _REOPENED and unclosed[name] > _REOPENED_LIMIT:
                return f"more than {_REOPENED_LIMIT} <{name}> of the page are not closed"
        if depth > DEPTH_LIMIT:
            return f"the page is nested deeper than {DEPTH_LIMIT} elements"
    return None
