"""The clean body: a new tree of allow-listed markup, and the text blocks the content hash is of.

Nothing of the page's markup is passed through: each element is written anew, so scripts, handlers
and unknown attributes cannot survive.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from harvester.errors import Unreadable
from harvester.zaobao import noise
from harvester.zaobao.embeds import embed, safe_link
from harvester.zaobao.escape import attribute, escape, one_line
from harvester.zaobao.images import real_address
from harvester.zaobao.order import children

_DEPTH_LIMIT = 150
_DROPPED = frozenset(
    {
        *("audio", "base", "button", "canvas", "dialog", "embed", "form", "frame", "frameset"),
        *("head", "iframe", "input", "link", "map", "math", "meta", "nav", "noscript", "object"),
        *("option", "param", "script", "select", "style", "svg", "template", "textarea", "title"),
        *("video", "video-js"),
    }
)
_HEADINGS = {"h1": "h2", "h2": "h2", "h3": "h3", "h4": "h4", "h5": "h5", "h6": "h6"}
_LEAVES = {"p": "p", "pre": "pre", "dt": "p", "dd": "p", "summary": "p", "caption": "p"} | _HEADINGS
_FRAMES = frozenset({"blockquote", "li", "td", "th"})
_SHELLS = frozenset({"ul", "ol", "table", "thead", "tbody", "tfoot", "tr"})
_KEPT_INLINE = frozenset({"strong", "b", "em", "i", "u", "s", "sub", "sup", "code"})
_INLINE = _KEPT_INLINE | {
    *("a", "abbr", "bdi", "bdo", "br", "cite", "data", "del", "dfn", "font", "ins", "kbd", "label"),
    *("mark", "q", "ruby", "rb", "rp", "rt", "samp", "small", "span", "strike", "time", "tt"),
    *("var", "wbr", "big"),
}
_BLOCKS = (
    "p, div, section, article, aside, figure, figcaption, blockquote, ul, ol, li, table, pre, hr, "
    "h1, h2, h3, h4, h5, h6, img, iframe, video-js"
)
_FIGURE_CLASSES = frozenset(
    {
        *("figure-media", "figure-media-gallery-slide", "inline-figure", "inline-figure-img"),
        *("inline-image-container", "media-holder", "bff-inline-image"),
    }
)
_GALLERY_CLASSES = frozenset({"figure-media-gallery", "carousel-inner"})
_CAPTIONS = "figcaption, .figure-caption, .caption"
_ASCII_BLANKS = " \t\r\n\f"


# The last thing in the clean body of a preview: a post has no key for it, and whoever has only
# the file, or makes the catalogue again from the files, must know that the text is not whole.
PREVIEW_MARK = '<div data-access="preview"></div>'


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture with its real address and caption."""

    url: str
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Body:
    """A cleaned body: one line of HTML, its text blocks, its pictures, and whether it was cut."""

    html: str
    blocks: tuple[str, ...]
    figures: tuple[Figure, ...]
    embeds: int
    paywall: bool


def clean(roots: Iterable[LexborNode], base: str, lead: Sequence[Figure] = ()) -> Body:
    """Return the children of `roots`, cleaned, after the `lead` pictures.

    `base` is the address of the page, for relative links. Raises `Unreadable` for a body that is
    nested too deep or whose paragraphs cannot be put in order.
    """
    cleaner = _Cleaner(base)
    for root in roots:
        cleaner.noise |= noise.noise_ids(root)
        cleaner.paywall |= noise.has_paywall(root)
        cleaner.flow(root, 0)
    return cleaner.finish(lead)


class _Cleaner:
    """The walk over one body. Text is collected per leaf block, in reading order."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.noise: set[int] = set()
        self.paywall = False
        self._parts: list[str] = []
        self._blocks: list[str] = []
        self._figures: list[Figure] = []
        self._embeds = 0
        self._in_reading_list = False
        self._lines_count = False
        # A figure whose caption may still follow as its next sibling.
        self._pending: tuple[list[Figure], str] | None = None

    def finish(self, lead: Sequence[Figure]) -> Body:
        self._flush()
        shown = {_asset(figure.url) for figure in self._figures}
        outside = {_asset(figure.url): figure for figure in reversed(lead)}
        first = [outside[key] for key in reversed(outside) if key not in shown]
        html = "".join(figure_html([figure.url], figure.caption) for figure in first)
        html += "".join(self._parts)
        figures = (*first, *self._figures)
        return Body(html, tuple(self._blocks), figures, self._embeds, self.paywall)

    def flow(self, node: LexborNode, depth: int) -> None:
        """Write a container's children; runs of inline content become paragraphs."""
        if depth > _DEPTH_LIMIT:
            raise Unreadable(self.base, f"the body is nested deeper than {_DEPTH_LIMIT} elements")
        run: list[LexborNode] = []
        for child in children(node, self.noise):
            if self._is_inline(child):
                run.append(child)
            elif child.mem_id not in self.noise:
                self._run(run, depth)
                run = []
                self._block(child, depth + 1)
        self._run(run, depth)

    def _run(self, nodes: list[LexborNode], depth: int) -> None:
        """Write inline content as a paragraph; between blocks there are mostly blanks alone."""
        if len(nodes) > 1 or (nodes and not _is_blank(nodes[0])):
            self._leaf("p", nodes, depth)

    def _is_inline(self, node: LexborNode) -> bool:
        if node.is_text_node:
            return True
        return node.tag in _INLINE and node.css_first(_BLOCKS) is None

    def _block(self, node: LexborNode, depth: int) -> None:
        tag = node.tag or ""
        if frame := embed(node, self.base):
            self._embeds += 1
            self._emit(frame)
        elif tag in _DROPPED:
            return
        elif tag in _LEAVES:
            self._leaf(_LEAVES[tag], list(node.iter(include_text=True)), depth)
        elif tag in _FRAMES:
            self._frame(node, tag, depth)
        elif tag in _SHELLS:
            self._emit(f"<{tag}>")
            self.flow(node, depth)
            self._emit(f"</{tag}>")
        elif tag == "hr":
            self._emit("<hr>")
        elif tag == "figcaption":
            self._caption(_text(node))
        elif not self._picture(node, tag):
            self.flow(node, depth)

    def _frame(self, node: LexborNode, tag: str, depth: int) -> None:
        inside = list(children(node, self.noise))
        if not any(child.css_first(_BLOCKS) for child in inside if child.is_element_node):
            self._leaf(tag, inside, depth, _spans(node))
            return
        self._emit(f"<{tag}{_spans(node)}>")
        self.flow(node, depth)
        self._emit(f"</{tag}>")

    def _leaf(self, tag: str, nodes: list[LexborNode], depth: int, attributes: str = "") -> None:
        self._lines_count = tag == "pre"
        html, text = self._inline(nodes, depth)
        html, text = html.strip(_ASCII_BLANKS), text.strip()
        cell = tag in ("td", "th")
        if not (text or cell or "<img" in html or "<iframe" in html):
            return
        if not cell and self._is_service(text, nodes):
            return
        if tag == "pre":
            html = html.replace("\n", "<br>")
        if text:
            self._blocks.append(text)
        self._emit(f"<{tag}{attributes}>{html}</{tag}>")

    def _is_service(self, text: str, nodes: list[LexborNode]) -> bool:
        if self._in_reading_list and _is_link_only(text, nodes):
            return True
        self._in_reading_list = noise.opens_reading_list(text)
        if noise.is_paywall_text(text):
            self.paywall = True
            return True
        return self._in_reading_list or noise.is_noise_text(text)

    def _inline(self, nodes: Iterable[LexborNode], depth: int) -> tuple[str, str]:
        if depth > _DEPTH_LIMIT:
            raise Unreadable(self.base, f"the body is nested deeper than {_DEPTH_LIMIT} elements")
        pieces = [self._inline_node(node, depth) for node in nodes]
        if len(pieces) == 1:
            return pieces[0]
        return "".join([html for html, _ in pieces]), "".join([text for _, text in pieces])

    def _inline_node(self, node: LexborNode, depth: int) -> tuple[str, str]:
        if node.is_text_node:
            text = node.text_content or ""
            if self._lines_count:
                text = "\n".join([one_line(line) for line in text.split("\n")])
            else:
                text = one_line(text)
            return escape(text), text
        tag = node.tag or ""
        if node.mem_id in self.noise:
            return "", ""
        if tag == "br":
            return "<br>", "\n"
        if tag in ("img", "iframe", "video-js"):
            return self._inline_medium(node), ""
        return ("", "") if tag in _DROPPED else self._inline_element(node, tag, depth)

    def _inline_element(self, node: LexborNode, tag: str, depth: int) -> tuple[str, str]:
        html, text = self._inline(node.iter(include_text=True), depth + 1)
        if tag == "a" and html and (href := safe_link(node.attributes.get("href"), self.base)):
            return f"<a{attribute('href', href)}>{html}</a>", text
        return (f"<{tag}>{html}</{tag}>" if tag in _KEPT_INLINE and html else html), text

    def _inline_medium(self, node: LexborNode) -> str:
        if frame := embed(node, self.base):
            self._embeds += 1
            return frame
        url = real_address(node.attributes, self.base) if node.tag == "img" else ""
        if not url:
            return ""
        self._figures.append(Figure(url))
        return _image_html(url, node.attributes.get("alt") or "")

    def _picture(self, node: LexborNode, tag: str) -> bool:
        """Write a picture or a gallery; False where the element is neither."""
        classes = classes_of(node)
        if _GALLERY_CLASSES.intersection(classes):
            for slide in node.iter():
                self._one_picture(slide)
            return True
        if tag in ("figure", "img", "picture", "a") or _FIGURE_CLASSES.intersection(classes):
            return self._one_picture(node)
        return False

    def _one_picture(self, node: LexborNode) -> bool:
        images = [node] if node.tag == "img" else self._own(node.css("img"))
        sources = images or self._own(node.css("source"))
        if not sources or _tells(node):
            return False  # no picture alone: what it holds is looked at one by one
        found = [
            Figure(url) for image in sources if (url := real_address(image.attributes, self.base))
        ]
        if not images:
            found = found[:1]  # the sources of one picture are its sizes
        self._flush()
        self._pending = (found, _caption_of(node, images))
        return True

    def _own(self, nodes: list[LexborNode]) -> list[LexborNode]:
        return [node for node in nodes if not noise.is_inside(node, self.noise)]

    def _caption(self, text: str) -> None:
        if self._pending is not None:
            self._pending = (self._pending[0], text or self._pending[1])
        elif text:
            self._pending = ([], text)

    def _emit(self, html: str) -> None:
        self._flush()
        self._parts.append(html)

    def _flush(self) -> None:
        if self._pending is None:
            return
        found, caption = self._pending
        self._pending = None
        if found or caption:
            self._parts.append(figure_html([figure.url for figure in found], caption))
        self._figures += [Figure(figure.url, caption) for figure in found]


def classes_of(node: LexborNode) -> list[str]:
    """Return the classes of an element."""
    return (node.attributes.get("class") or "").split()


def _caption_of(node: LexborNode, images: list[LexborNode]) -> str:
    written = (_text(caption) for caption in node.css(_CAPTIONS))
    titled = [*images, *node.css("picture[title]"), node]
    named = (
        (image.attributes.get(name) or "").strip()
        for image in titled
        for name in ("data-caption", "title")
    )
    # zaobao.com wraps picture and caption in a link (observed 2022-07).
    loose = _text(node) if node.tag == "a" or "item" in classes_of(node) else ""
    return next((text for text in (*written, loose, *named) if text), "")


def _tells(node: LexborNode) -> bool:
    """Say whether a paragraph with text stands in an element, other than as a caption."""
    captions = {caption.mem_id for caption in node.css(_CAPTIONS)}
    around = ((p, p.parent) for p in node.css("p"))
    return any(_text(p) for p, up in around if up is None or up.mem_id not in captions)


def figure_html(urls: Sequence[str], caption: str) -> str:
    """Return a figure of one or more pictures with one caption."""
    caption = one_line(caption).strip()
    images = "".join(_image_html(url, caption) for url in urls)
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{images}{below}</figure>"


def _image_html(url: str, alt: str) -> str:
    return f'<img{attribute("alt", alt)}{attribute("src", url)} referrerpolicy="no-referrer">'


def _spans(node: LexborNode) -> str:
    spans = ((name, node.attributes.get(name) or "") for name in ("colspan", "rowspan"))
    return "".join(attribute(name, value) for name, value in spans if value.isdecimal())


def _is_link_only(text: str, nodes: list[LexborNode]) -> bool:
    linked = "".join(
        link.text()
        for node in nodes
        if node.is_element_node
        for link in ([node] if node.tag == "a" else node.css("a"))
    )
    return bool(linked.strip()) and linked.strip() == text


def _asset(url: str) -> str:
    return url.partition("?")[0]


def _is_blank(node: LexborNode) -> bool:
    return node.is_text_node and not (node.text_content or "").strip(_ASCII_BLANKS)


def _text(node: LexborNode) -> str:
    return one_line(node.text()).strip()
