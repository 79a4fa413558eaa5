"""What stands in an article's body but was not written for it: by selector and by text.

One list for all eras: the same story must give the same text in every layout, and also when it is
read from an old post. Selectors and phrases as observed on the site, newest era first.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

_NOISE = (
    # React, since 2024-06
    ".google-ad",
    ".bff-google-ad",
    ".bff-recommend-article",
    ".bff-inline-image-expand-icon",
    "a[href*='ref=previous-article']",
    "img[src*='tag-icon']",
    "img[alt='expend icon']",
    # Astro, since 2025-07
    "astro-island",
    "zb-ai-summary",
    ".further-reading",
    ".read-on-app-cover",
    ".article-pic-title",
    # zaobao.com 2020 to 2025
    ".adv-tag",
    # 2019 to 2024
    "section#imu",
    "[id^='dfp-ad-']",
    "[id^='innity-']",
    "#outbrain-wrapper",
    ".OUTBRAIN",
    "#NextPrevious",
    "#video-freemium-player",
    ".settings-tray-editable",
    ".article-meta",
    ".article-share-fb",
    ".keywords",
    ".newspost-holder",
    ".cx_paywall_placeholder",
    ".figure-media-gallery-nav",
    "a[href*='subscribe.sph.com.sg']",
    "lazy-component",
    "#gtx-trans",
    # 2013 to 2018
    "a.btn-newspost",
    "#breadcrumbs",
    ".share",
    ".social-share",
)
_PAYWALL = (
    ".paywall-message",
    ".article-microtransaction",
    "#js-cta-microtransaction",
    "#freemium_subscribe",
    "[data-access='preview']",  # ours, see `clean.PREVIEW_MARK`
)
_NEWSPOST = "a[href*='newspost.newslink.sg']"
_NOISE_SELECTOR = ", ".join((*_NOISE, *_PAYWALL))
_PAYWALL_SELECTOR = ", ".join(_PAYWALL)
_PAYWALL_TEXT = re.compile(
    r"请\s*订阅或登录[，,]?\s*以继续阅读全文|此文章为\S{0,4}\s*订户\s*专享内容"
    r"|请您选择以下方式[，,]\s*阅读全文|已是早报订户[，,]\s*请您登录|新用户体验价[，,]\s*每月只需"
)
# Also the line that shows the day in a small template of 2017.
_NOISE_TEXT = re.compile(
    r"\d{4}年\d{1,2}月\d{1,2}日\s*星期.|"
    r"广告|Advertisement|ADVERTISEMENT|购买此文章|热词\s*[:：].*|请\s*LIKE\s*我们的官方面簿.*|"
    r"(?:推荐|延伸|相关)阅读\s*[:：].+",
    re.DOTALL,
)
_READING_LIST = re.compile(r"(?:推荐|延伸|相关)阅读\s*[:：]?")
_NOISE_TEXT_LIMIT = 200


def noise_ids(root: LexborNode) -> set[int]:
    """Return the identities of the elements below `root` that are not the article's own."""
    return {node.mem_id for node in root.css(_NOISE_SELECTOR)} | _papers(root)


def noise_around(tree: LexborHTMLParser, root: LexborNode, nodes: Iterable[LexborNode]) -> set[int]:
    """Return the identities of what is noise among nodes below `root` and the elements around them.

    For a few nodes that is much quicker than to look for all noise below the root.
    """
    around: dict[int, LexborNode] = {}
    for node in nodes:
        for above in upward(node):
            if above.mem_id in around:
                break
            around[above.mem_id] = above
            if above.mem_id == root.mem_id:
                break
    return _papers(root) | _noise_among(tree, around.values())


def _noise_among(tree: LexborHTMLParser, nodes: Iterable[LexborNode]) -> set[int]:
    """Return the identities of the noise among elements, by copies that hold nothing."""
    copies: dict[int, int] = {}
    shelf = tree.create_node("div")
    for node in nodes:
        copy = tree.create_node(node.tag or "")
        for name, value in node.attributes.items():
            copy.attrs[name] = value
        shelf.insert_child(copy, move=True)
        copies[copy.mem_id] = node.mem_id
    return {copies[copy.mem_id] for copy in shelf.css(_NOISE_SELECTOR)}


def _papers(root: LexborNode) -> set[int]:
    """Return the identities of links to the printed paper, or of what holds nothing else."""
    found = set()
    said: dict[int, str] = {}  # a holder may have thousands of links
    for link in root.css(_NEWSPOST):
        holder = link.parent
        if holder is not None and holder.mem_id not in said:
            said[holder.mem_id] = _says(holder)
        if holder is None or holder.mem_id == root.mem_id or said[holder.mem_id] != _says(link):
            holder = link  # only the link: what it stands in says more
        found.add(holder.mem_id)
    return found


def _says(node: LexborNode) -> str:
    return node.text().strip()


def is_inside(node: LexborNode, ids: Container[int]) -> bool:
    """Say whether a node, or an element around it, is one of `ids`."""
    return any(above.mem_id in ids for above in upward(node))


def has_paywall(root: LexborNode) -> bool:
    """Say whether a subscriber box stands in the story: in its article, else beside its body."""
    scope = enclosing(root, "article") or (root if root.tag == "body" else root.parent) or root
    return scope.css_first(_PAYWALL_SELECTOR) is not None


def enclosing(node: LexborNode, tag: str) -> LexborNode | None:
    """Return the nearest element of a kind around a node, or the node itself."""
    return next((above for above in upward(node) if above.tag == tag), None)


def upward(node: LexborNode) -> Iterator[LexborNode]:
    """Yield a node and the elements around it, outwards."""
    above: LexborNode | None = node
    while above is not None:
        yield above
        above = above.parent


def is_paywall_text(text: str) -> bool:
    """Say whether a paragraph asks the reader to subscribe."""
    return len(text) <= _NOISE_TEXT_LIMIT and _PAYWALL_TEXT.match(text) is not None


def is_noise_text(text: str) -> bool:
    """Say whether a paragraph is a service of the page around the article."""
    return len(text) <= _NOISE_TEXT_LIMIT and _NOISE_TEXT.fullmatch(text) is not None


def opens_reading_list(text: str) -> bool:
    """Say whether a paragraph only announces links to other stories."""
    return _READING_LIST.fullmatch(text) is not None
