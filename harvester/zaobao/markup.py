"""From bytes to a tree: charset, parser."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from harvester.errors import Unreadable
from harvester.zaobao.burden import too_much

PAGE_LIMIT = 8 * 2**20
_PIECE = 2**14

# Possessive behind the sign: otherwise blanks would take the square of their number.
_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*+["']?+\s*+([\w.:-]{2,40})""", re.IGNORECASE)
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
    for codec in _likely(body, label):
        try:
            return body.decode(codec)
        except UnicodeDecodeError:
            continue
    for codec in (*_likely(body, label), _LEGACY):
        text = body.decode(codec, "replace")
        if _is_readable(text):
            return text
    raise Unreadable(url, "the text is garbled in every charset that a page of this site can have")


def as_utf8(body: bytes, url: str, label: str | None = None) -> bytes:
    """Return a page in UTF-8, read as `decode` reads it: most pages are as they came."""
    bare = not body.startswith(codecs.BOM_UTF8) and not _is_wide(body) and _is_utf8(body)
    return body if bare else _encoded(decode(body, url, label))


def _is_utf8(body: bytes) -> bool:
    """Say whether bytes are UTF-8, piece by piece: all of the text is not needed at once."""
    view, at = memoryview(body), 0
    try:
        while at < len(view):
            last = at + _PIECE >= len(view)
            at += codecs.utf_8_decode(view[at : at + _PIECE], "strict", last)[1]
    except UnicodeDecodeError:
        return False
    return True


def _is_wide(body: bytes) -> bool:
    # Many zero bytes are wide characters, which UTF-8 would read, wrongly, without an error.
    return 0 in body and body.count(0) * 10 > len(body)


def _likely(body: bytes, label: str | None) -> Iterator[str]:
    """Yield the charsets that a page may be in, the likeliest first."""
    wide = _is_wide(body)
    if not wide:
        yield "utf-8"
    for codec in _labelled(body, label):
        if wide == codec.startswith("utf-16"):
            yield codec


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


def parse(page: str | bytes, url: str) -> LexborHTMLParser:
    """Return the tree of a page, which is text or in UTF-8.

    Raises `Unreadable` for pages that are too large or would take the parser minutes: a thread
    cannot be stopped.
    """
    # As a browser reads it: without this, a <noscript> image in the head moves the head's metas
    # into the body.
    return LexborHTMLParser(_checked(page, url), scripting=True)


def fragment(html: str, url: str) -> LexborNode | None:
    """Return the root of a body that came as a piece of HTML. Raises `Unreadable` as `parse`."""
    return LexborHTMLParser(b"<body>" + _checked(html, url)).body


def _encoded(text: str) -> bytes:
    """Return text in UTF-8; lone surrogates are left out."""
    return text.encode("utf-8", "ignore")


def _checked(markup: str | bytes, url: str) -> bytes:
    """Return markup in UTF-8."""
    page = _encoded(markup) if isinstance(markup, str) else markup
    if len(page) > PAGE_LIMIT and len(page.decode()) > PAGE_LIMIT:
        raise Unreadable(url, f"the page is larger than {PAGE_LIMIT >> 20} MiB")
    if problem := too_much(page):
        raise Unreadable(url, problem)
    return page
