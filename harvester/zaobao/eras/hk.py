"""What the two layouts of www.zaobao.com share."""

from __future__ import annotations

from collections.abc import Iterator

from selectolax.lexbor import LexborNode

from harvester.zaobao.clean import Figure
from harvester.zaobao.extracted import within
from harvester.zaobao.facts import Document
from harvester.zaobao.images import real_address

BODIES = ("article.article-body", "article#article-body", "#article-body")
_CAPTIONS = ".carousel-caption, .caption, figcaption"


def gallery(doc: Document, root: LexborNode | None, selector: str) -> Iterator[Figure]:
    """Yield the pictures outside of the body: a gallery is an array, also of one."""
    for image in doc.tree.css(selector):
        if root is not None and within(image, root):
            continue
        if url := real_address(image.attributes, doc.ref.url):
            yield Figure(url, _caption(image))


def _caption(image: LexborNode) -> str:
    named = (image.attributes.get(name) or "" for name in ("data-caption", "title"))
    beside = image.parent.css_first(_CAPTIONS) if image.parent is not None else None
    shown = beside.text() if beside is not None else ""
    stated = (shown, *named, image.attributes.get("alt") or "")
    return next((text.strip() for text in stated if text.strip()), "")
