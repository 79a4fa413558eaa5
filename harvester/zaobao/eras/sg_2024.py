"""www.zaobao.com.sg since mid 2024: React over the CMS CUE.

A page tells its story three times: in JSON-LD, in the state for hydration and in the DOM. Each of
them has been missing or broken at some time, so each part is taken from the first that has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Any

from selectolax.lexbor import LexborNode

from harvester.model import Era
from harvester.zaobao.clean import Figure
from harvester.zaobao.extracted import Extracted, caption_near, first, within
from harvester.zaobao.facts import Document
from harvester.zaobao.images import real_address
from harvester.zaobao.markup import fragment
from harvester.zaobao.noise import enclosing, is_inside, noise_around

_BODIES = ("article .articleBody", ".articleBody")
# Pictures of who wrote it, not of what it is about.
_PORTRAITS = "[class*='author'], [class*='byline'], [class*='avatar']"
_BYLINES = ("article time", "[data-testid*='date']", "[data-testid*='time']")


def recognises(doc: Document) -> bool:
    """Say whether any of the three sources of a React page is there."""
    if doc.has(".articleBody") or doc.state:
        return True
    return bool(doc.json_ld) and doc.has_seo_script()


def read(doc: Document) -> Extracted:
    """Read the story: the DOM first, for it is what a visitor is shown."""
    body = first(doc.tree, *_BODIES)
    shown = body is not None and bool(body.text().strip())
    root = body if shown else _stated_body(doc)
    stated = tuple(_stated_lead(doc))
    lead = _shown_lead(doc, body, stated) if body is not None else iter(())
    return Extracted(
        era=Era.SG_2024,
        title=doc.title("article h1", "h1"),
        published=doc.instant(*_BYLINES),
        roots=(root,) if root is not None else (),
        lead=(*lead, *stated),
        author=doc.author(),
        tags=doc.tags(),
        charged=doc.is_charged(),
    )


def _stated_body(doc: Document) -> LexborNode | None:
    html = doc.state.get("body_cn") or doc.stated_body
    return fragment(html, doc.ref.url) if isinstance(html, str) and html.strip() else None


def _shown_lead(doc: Document, body: LexborNode, stated: tuple[Figure, ...]) -> Iterator[Figure]:
    """Yield the pictures between headline and body."""
    story = enclosing(body, "article")
    if story is None:
        return
    shown = list(takewhile(lambda node: not within(node, body), story.css("img")))
    if not shown:
        return
    skipped = noise_around(doc.tree, story, shown)
    skipped |= {node.mem_id for node in story.css(_PORTRAITS)}
    before = [node for node in shown if not is_inside(node, skipped)]
    buttons = {node.mem_id for node in story.css("button.w-full img")}
    captions = {picture.url: picture.caption for picture in stated}
    for image in [node for node in before if node.mem_id in buttons] or before[:1]:
        if url := real_address(image.attributes, doc.ref.url):
            named = (caption_near(image), captions.get(url), image.attributes.get("alt"))
            yield Figure(url, next((text.strip() for text in named if text), ""))


def _stated_lead(doc: Document) -> Iterator[Figure]:
    """Yield the pictures of the state, which has all of a carousel that shows one at a time."""
    images = doc.state.get("images")
    listed: list[Any] = images if isinstance(images, list) else []
    for image in listed:
        if isinstance(image, dict) and (
            url := real_address({"src": image.get("url")}, doc.ref.url)
        ):
            yield Figure(url, str(image.get("caption") or "").strip())
