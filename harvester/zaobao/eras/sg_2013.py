"""www.zaobao.com.sg, 2013 to early 2019: Drupal 7 with its themes and two small templates."""

from __future__ import annotations

from collections.abc import Iterator

from selectolax.lexbor import LexborNode

from harvester.model import Era, Instant
from harvester.zaobao.clean import Figure
from harvester.zaobao.extracted import Extracted, caption_near, first, within
from harvester.zaobao.facts import Document
from harvester.zaobao.images import real_address
from harvester.zaobao.markup import fragment
from harvester.zaobao.times import parse_day

_BODIES = (
    "#FineDining",
    ".article-content-container",
    "#article_content .a_body",
    "#article-content",
    ".field-name-body",
)
_PICTURES = ".media-holder.main picture, #a_image li"
_DAY = "p.date"


def recognises(doc: Document) -> bool:
    """Say whether the page is a Drupal 7 story."""
    return doc.has(*_BODIES, "article#MainCourse", "span.date-published")


def read(doc: Document) -> Extracted:
    """Read the story."""
    root = first(doc.tree, *_BODIES)
    if root is None or not root.text().strip():
        root = fragment(doc.stated_body, doc.ref.url)
    return Extracted(
        era=Era.SG_2013,
        title=doc.title(".body-content h1", "h1.title", "article h1", "h1"),
        published=doc.instant("span.date-published", "span.datestamp") or _day(doc),
        roots=(root,) if root else (),
        lead=tuple(_lead(doc, root)),
        author=doc.author("span.contributor.meta-byline a"),
        tags=doc.tags(),
        charged=doc.is_charged(),
    )


def _day(doc: Document) -> Instant | None:
    """Return the day of a small template, which shows no time: its first moment stands for it."""
    at = parse_day(doc.text_of(_DAY))
    return Instant(at, "byline-day") if at else None


def _lead(doc: Document, root: LexborNode | None) -> Iterator[Figure]:
    for holder in doc.tree.css(_PICTURES):
        if within(holder, root):
            continue
        shown = holder.css("source, img")
        addresses = (real_address(node.attributes, doc.ref.url) for node in shown)
        if url := next((address for address in addresses if address), ""):
            title = (holder.attributes.get("title") or "").strip()
            yield Figure(url, caption_near(holder) or title)
