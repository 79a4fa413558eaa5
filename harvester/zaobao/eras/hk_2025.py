"""www.zaobao.com since 2025-07-29: Astro."""

from __future__ import annotations

from harvester.model import Era
from harvester.zaobao.eras.hk import BODIES, gallery, has_body
from harvester.zaobao.extracted import Extracted, first
from harvester.zaobao.facts import Document

# Looked up by their names: among selectors these would be the slowest.
_ELEMENTS = ("astro-island", "zb-ai-summary")
_MARKS = (
    "meta[name='generator'][content^='Astro']",
    "[data-testid]:is([data-testid='article-banner'], [data-testid='related-words'])",
    ".inline-image-container",
    ".further-reading",
    ".read-on-app-cover",
)
_PICTURES = "[data-testid='article-banner'] img, img.gallery-image"


def recognises(doc: Document) -> bool:
    """Say whether the page is a story of the Astro site."""
    return has_body(doc) and (any(map(doc.tree.tags, _ELEMENTS)) or doc.has(*_MARKS))


def read(doc: Document) -> Extracted:
    """Read the story."""
    root = first(doc.tree, *BODIES)
    return Extracted(
        era=Era.HK_2025,
        title=doc.title("h1.article-title", "article h1", "h1"),
        published=doc.instant("time", "[data-testid*='date']"),
        roots=(root,) if root else (),
        lead=tuple(gallery(doc, root, _PICTURES)),
        author=doc.author(),
        tags=doc.tags("[data-testid='related-words'] a.keyword-tag_item"),
        charged=doc.is_charged(),
    )
