"""What the two layouts of www.zaobao.com share."""

from __future__ import annotations

from collections.abc import Iterator

from selectolax.lexbor import LexborNode

from harvester.zaobao.clean import Figure
from harvester.zaobao.extracted import caption_near, within
from harvester.zaobao.facts import Document
from harvester.zaobao.images import real_address
from harvester.zaobao.noise import is_inside, noise_around

BODIES = ("article.article-body", "article#article-body", "#article-body")


def has_body(doc: Document) -> bool:
    """Say whether any of the `BODIES` is there."""
    return doc.has("article.article-body", "#article-body")


def gallery(doc: Document, root: LexborNode | None, selector: str) -> Iterator[Figure]:
    """Yield the pictures outside of the body: a gallery is an array, also of one."""
    images = doc.tree.css(selector)
    page = doc.tree.body
    if not images or page is None:
        return
    # The islands of Astro are dropped from the text, but galleries stand in them.
    islands = {node.mem_id for node in doc.tree.tags("astro-island")}
    noise = noise_around(doc.tree, page, images) - islands
    for image in images:
        told = within(image, root) and not is_inside(image, islands)
        if told or is_inside(image, noise):
            continue
        if url := real_address(image.attributes, doc.ref.url):
            yield Figure(url, _caption(image))


def _caption(image: LexborNode) -> str:
    named = (image.attributes.get(name) for name in ("data-caption", "title", "alt"))
    return next((text.strip() for text in (caption_near(image), *named) if text), "")
