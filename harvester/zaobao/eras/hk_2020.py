"""www.zaobao.com, 2020-11 to mid 2025. Since 2022-07 its paragraphs come in a scrambled order."""

from __future__ import annotations

from harvester.model import Era
from harvester.zaobao.eras.hk import BODIES, gallery, has_body
from harvester.zaobao.extracted import Extracted, first
from harvester.zaobao.facts import Document


def recognises(doc: Document) -> bool:
    """Say whether the page has this site's body; newer pages are asked first."""
    return has_body(doc)


def read(doc: Document) -> Extracted:
    """Read the story."""
    root = first(doc.tree, *BODIES)
    return Extracted(
        era=Era.HK_2020,
        title=doc.title("h1.article-title", "h1"),
        published=doc.instant(".author-info .mgt10", ".author-info"),
        roots=(root,) if root else (),
        lead=tuple(gallery(doc, root, "#carousel-article .carousel-inner img")),
        author=doc.author(),
        tags=doc.tags(),
        charged=doc.is_charged(),
    )
