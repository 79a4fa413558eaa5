"""The verbatim body: the published markup as in the old posts, with nothing that can act."""

from __future__ import annotations

import re
from collections.abc import Iterable

from selectolax.lexbor import LexborNode

from harvester.errors import Unreadable
from harvester.zaobao.images import secure
from harvester.zaobao.markup import fragment
from harvester.zaobao.noise import noise_ids
from harvester.zaobao.order import children, is_shuffled

_ACTIVE = (
    "script, style, noscript, template, object, embed, applet, base, meta, link, svg, math, "
    "form, frame, frameset, plaintext, xmp, noembed, noframes, textarea, title"
)
_URL_ATTRIBUTES = frozenset(
    {
        *("href", "src", "srcset", "data-src", "action", "formaction", "background", "poster"),
        *("xlink:href", "data"),
    }
)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_SAFE_SCHEME = re.compile(r"(?:https?|mailto|tel):", re.IGNORECASE)
# Other parsers, Jekyll's among them, end a name at a character that HTML allows in it: then
# `<scr<script>` holds a script, and so does the value of an attribute after such a name.
_NAME = re.compile(r"[a-z][a-z0-9_-]*(?::[a-z][a-z0-9_-]*)?")
_ACTING = re.compile(r"[<>]|\bon[a-z]+\s*=|script\s*:|srcdoc", re.IGNORECASE)
# What a browser tells others of at a click, beside the visit.
_TELLING = frozenset({"ping", "attributionsrc"})
_READINGS = 3
_INERT = re.compile(r"[\x00-\x20\x7f-\x9f]+")


def verbatim(roots: Iterable[LexborNode], base: str) -> str:
    """Return the inner HTML of `roots` in one line; changes the tree.

    Images get `src` (absolute https, from the lazy attribute) and `referrerpolicy` as their last
    attributes, control characters are deleted: the rules by which the old posts were made.
    Raises `Unreadable` for markup that cannot be made harmless.
    """
    html = _one_line(_inner(root, base) for root in roots)
    # Some markup means something else when it is read again (raw text that closes early): what is
    # given away must stay as harmless as it looks, whoever parses it.
    for _ in range(_READINGS):
        root = fragment(html, base)
        again = _one_line([_inner(root, base)] if root is not None else [])
        if again == html:
            return html
        html = again
    raise Unreadable(base, "the body's markup changes whenever it is read")


def _one_line(pieces: Iterable[str]) -> str:
    return _CONTROLS.sub("", "".join(pieces)).strip()


def _inner(root: LexborNode, base: str) -> str:
    for node in root.css(_ACTIVE):
        node.remove()
    for frame in root.css("iframe"):
        # Its content is text to a browser and markup to lesser readers (RSSHub issue 11222).
        for inside in list(frame.iter(include_text=True)):
            inside.remove()
    for node in root.css("*"):
        if _NAME.fullmatch(node.tag or ""):
            _disarm(node)
        else:
            node.unwrap()
    for image in root.css("img"):
        _address(image, base)
    for link in root.css("a[href]"):
        link.attrs["href"] = _resolved(link.attributes.get("href") or "", base)
    if not is_shuffled(root):
        return root.inner_html or ""
    return "".join(child.html or "" for child in children(root, noise_ids(root)))


def _disarm(node: LexborNode) -> None:
    """Take out what acts, what tells others of a visit, and names that let something else act."""
    attributes = node.attributes
    odd = {name for name in attributes if not _NAME.fullmatch(name)}
    if odd and not _ACTING.search(" ".join(f"{name}={attributes[name]}" for name in attributes)):
        odd = set()  # quotes that were left out in a title of 2020
    for name, value in attributes.items():
        acts = name.startswith("on") or name == "srcdoc" or _is_unsafe(name, value)
        if acts or name in odd or name in _TELLING:
            del node.attrs[name]


def _is_unsafe(name: str, value: str | None) -> bool:
    if name not in _URL_ATTRIBUTES or not value:
        return False
    bare = _INERT.sub("", value)  # browsers skip these inside a scheme
    return bool(_SCHEME.match(bare)) and not _SAFE_SCHEME.match(bare)


def _address(image: LexborNode, base: str) -> None:
    values = image.attributes
    if lazy := values.get("data-src"):
        _last(image, "src", _resolved(lazy, base))
    elif values.get("src"):
        image.attrs["src"] = _resolved(values["src"] or "", base)
    _last(image, "referrerpolicy", "no-referrer")


def _last(node: LexborNode, name: str, value: str) -> None:
    if name in node.attributes:
        del node.attrs[name]
    node.attrs[name] = value


def _resolved(address: str, base: str) -> str:
    return address if _SCHEME.match(address) else secure(address, base)
