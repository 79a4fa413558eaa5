"""From bytes to a tree: charset, hostile nesting, parser."""

from __future__ import annotations

import codecs
import re

from selectolax.lexbor import LexborHTMLParser

from harvester.errors import Unreadable

PAGE_LIMIT = 8 * 2**20
DEPTH_LIMIT = 2_000

_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
_META_WINDOW = 4_096
# Pages labelled gb2312 hold characters that only its superset knows (WHATWG Encoding, 10.2).
_SUPERSET = {"gb2312": "gb18030", "gbk": "gb18030", "hz": "gb18030", "big5": "big5hkscs"}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# A page with more undecodable characters than this is not the text that was published.
_BAD_SHARE = 0.001
_BAD_FEW = 3

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]{0,40})")
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

    Order: BOM, UTF-8 where the bytes are UTF-8, HTTP label, meta label. Bytes that are valid UTF-8
    come first because labels lie (pages of 2025 came without, others with a wrong one), while GBK
    text is practically never valid UTF-8. Raises `Unreadable` above 0.1 % undecodable characters.
    """
    for bom, name in _BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(name, "replace")
    meta = _META.search(body, 0, _META_WINDOW)
    labels = [label, meta[1].decode("ascii", "replace") if meta else None]
    known = [codec for name in labels if name and (codec := _codec(name))]
    wide = [codec for codec in known if codec.startswith("utf-16")]
    for codec in (*wide, "utf-8", *known):
        text = body.decode(codec, "replace")
        if text.count("\N{REPLACEMENT CHARACTER}") <= max(_BAD_FEW, len(text) * _BAD_SHARE):
            return text
    raise Unreadable(url, f"the text is garbled in every charset tried ({', '.join(known)} utf-8)")


def parse(text: str, url: str) -> LexborHTMLParser:
    """Return the tree of a page.

    Raises `Unreadable` for pages too large or nested too deep: the parser takes minutes for a
    megabyte of nested elements, and a thread cannot be stopped.
    """
    if len(text) > PAGE_LIMIT:
        raise Unreadable(url, f"the page is larger than {PAGE_LIMIT >> 20} MiB")
    if _too_deep(text):
        raise Unreadable(url, f"the page is nested deeper than {DEPTH_LIMIT} elements")
    # As a browser reads it: without this, a <noscript> image in the head moves the head's metas
    # into the body.
    return LexborHTMLParser(text, scripting=True)


def _codec(label: str) -> str | None:
    try:
        name = codecs.lookup(label.strip()).name
    except LookupError:
        return None
    return _SUPERSET.get(name, name)


def _too_deep(text: str) -> bool:
    if text.count("<") <= DEPTH_LIMIT:
        return False
    depth = 0
    for closing, name in _TAG.findall(text):
        if name.lower() in _UNCOUNTED:
            continue
        depth += -1 if closing else 1
        if depth > DEPTH_LIMIT:
            return True
        depth = max(depth, 0)
    return False
