"""Section lists: JSON and HTML of www.zaobao.com.sg, HTML of www.zaobao.com, and older forms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from harvester.errors import NotAStory, SourceUnreadable, Unreadable
from harvester.model import StoryRef
from harvester.zaobao.images import absolute
from harvester.zaobao.loose_json import loads
from harvester.zaobao.markup import decode, parse
from harvester.zaobao.times import parse_instant
from harvester.zaobao.urls import story_ref

# Cards of all known lists. Links outside of them are navigation, most-read boxes, neighbours.
_CARDS = ", ".join(
    (
        ".card-listing .card",
        "ul.card-listing div.timestamp-card",
        ".news-feature-card",
        "[data-testid^='test-realtime-article-card']",
        "[data-testid='article-list'] article",
        "a.article-link",
        "a.list-block",
        ".article-list .article-type",
        ".post-list .row.list",
    )
)
_TITLES = "h2, h3, .card-header"
_PAGE = re.compile(r"([?&]page(?:No)?=)(\d+)")
_NEXT = "a.pagination-link-next[href], li.pager-next a[href]"


@dataclass(frozen=True, slots=True)
class Card:
    """An entry of a list. `at` is the time that a JSON list states; HTML lists show only a day."""

    ref: StoryRef
    title: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list: its cards in the order shown, and the address of the page after it."""

    cards: tuple[Card, ...]
    next_url: str | None = None


def read_listing(body: bytes, url: str, charset: str | None = None) -> Listing:
    """Read a page of a section's list, JSON or HTML.

    Cards that are advertisements or lead to other hosts are left out; a story shown twice is named
    once. Raises `SourceUnreadable` where no list is recognised; a page after the last one is an
    empty list.
    """
    try:
        text = decode(body, url, charset)
        if text.lstrip()[:1] == "{":
            found = list(_json_cards(text, url))
            return Listing(_once(found), _next_page(url) if found else None)
        tree = parse(text, url)
    except Unreadable as problem:
        raise SourceUnreadable(url, problem.problem) from problem
    found = list(_html_cards(tree, url))
    if not found:
        raise SourceUnreadable(url, "no list of stories is recognised on this page")
    following = tree.css_first(_NEXT)
    link = following.attributes.get("href") if following is not None else None
    return Listing(_once(found), absolute(link, url) if link else None)


def _json_cards(text: str, url: str) -> Iterator[Card]:
    try:
        data = loads(text)
    except ValueError as cause:
        raise SourceUnreadable(url, f"broken JSON: {cause}") from cause
    response = data.get("response", data.get("result"))
    if not isinstance(response, dict):
        raise SourceUnreadable(url, f"no list in the answer (code {data.get('code')})")
    for item in _items(response):
        link = item.get("href") or item.get("url")
        ref = _ref(link, url) if isinstance(link, str) else None
        if ref:
            stamp = parse_instant(item.get("timestamp") or item.get("publicationDate"))
            yield Card(ref, str(item.get("title") or "").strip(), stamp)


def _items(response: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the entries of both shapes: one list, or several lists with keys."""
    groups = response.get("pageContentList")
    holders = groups if isinstance(groups, list) else [response]
    for holder in holders:
        entries = holder.get("articles", holder.get("data")) if isinstance(holder, dict) else None
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                yield entry


def _html_cards(tree: LexborHTMLParser, url: str) -> Iterator[Card]:
    for card in tree.css(_CARDS):
        links = [card] if card.tag == "a" else card.css("a[href]")
        refs = ((link, _ref(link.attributes.get("href") or "", url)) for link in links)
        found = next(((link, ref) for link, ref in refs if ref), None)
        if found is None:
            continue
        link, ref = found
        heading = card.css_first(_TITLES)
        shown = (heading if heading is not None else link).text(separator="\n")
        lines = (link.attributes.get("title") or shown).strip().splitlines()
        yield Card(ref, lines[0].strip() if lines else "")


def _ref(link: str, base: str) -> StoryRef | None:
    try:
        return story_ref(absolute(link, base))
    except NotAStory:
        return None


def _once(cards: list[Card]) -> tuple[Card, ...]:
    first: dict[str, Card] = {}
    for card in cards:
        first.setdefault(card.ref.story_id, card)
    return tuple(first.values())


def _next_page(url: str) -> str | None:
    match = _PAGE.search(url)
    return _PAGE.sub(rf"\g<1>{int(match[2]) + 1}", url) if match else None
