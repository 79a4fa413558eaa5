"""What an era module reads from a page, before it is cleaned and judged."""

from __future__ import annotations

from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from harvester.model import Era, Instant
from harvester.zaobao.clean import Figure
from harvester.zaobao.noise import is_inside

_CAPTIONS = "figcaption, .figure-caption, .carousel-caption, .caption"
_NEAR = 3


@dataclass(frozen=True, slots=True)
class Extracted:
    """The parts of a story as found on the page.

    The children of `roots`, one root after the other, are the body as published, ads included.
    `lead` are pictures that stand outside of them. `charged` is what the page's facts say of
    access; marks inside the body are found by cleaning.
    """

    era: Era
    title: str
    published: Instant | None
    roots: tuple[LexborNode, ...]
    lead: tuple[Figure, ...] = ()
    author: str = ""
    tags: tuple[str, ...] = ()
    charged: bool = False


def within(node: LexborNode, root: LexborNode | None) -> bool:
    """Say whether `node` lies inside `root`."""
    return root is not None and is_inside(node, {root.mem_id})


def caption_near(image: LexborNode) -> str:
    """Return the written caption of a picture that stands outside of a body, or ""."""
    around = image.parent
    for _ in range(_NEAR):
        if around is None or around.tag in ("article", "body"):
            return ""
        caption = around.css_first(_CAPTIONS)
        if caption is not None and (text := caption.text().strip()):
            return text
        around = around.parent
    return ""


def first(tree: LexborHTMLParser, *selectors: str) -> LexborNode | None:
    """Return the first match of the first selector that has one."""
    found = (tree.css_first(selector) for selector in selectors)
    return next((node for node in found if node is not None), None)
