"""www.zaobao.com.sg, 2019 to mid 2024: theme zbsg2020 and its forerunner."""

from __future__ import annotations

from selectolax.lexbor import LexborNode

from harvester.model import Era
from harvester.zaobao.extracted import Extracted, first, within
from harvester.zaobao.facts import Document
from harvester.zaobao.markup import fragment

_OWN_BODIES = (".article-content-rawhtml", ".article-content.js-fontsized")
_BYLINES = (
    ".title-byline.date-published",
    "div.story-postdate",
    "div.group-story-postdate",
    ".date-published",
)
_LEADS = "figure.inline-figure .inline-figure-img, .inline-figure-img"


def recognises(doc: Document) -> bool:
    """Say whether the page is a story of the zbsg2020 family."""
    return doc.has(*_OWN_BODIES, "h4.title-byline", *_BYLINES[1:3])


def read(doc: Document) -> Extracted:
    """Read the story. Its lead picture stands outside of the raw body and is its first root."""
    root = first(doc.tree, *_OWN_BODIES, ".article-content-container", ".field-name-body")
    if root is None:
        root = fragment(doc.stated_body, doc.ref.url)
    return Extracted(
        era=Era.SG_2019,
        title=doc.title("h1.article-title", ".article-title", "h1"),
        published=doc.instant(*_BYLINES),
        roots=(*_lead(doc, root), root) if root else (),
        author=doc.author("h4.title-byline.byline a"),
        tags=doc.tags("div.keywords ul li"),
        charged=doc.is_charged(),
    )


def _lead(doc: Document, root: LexborNode | None) -> tuple[LexborNode, ...]:
    outside = (node for node in doc.tree.css(_LEADS) if not within(node, root))
    return tuple(outside)[:1]
