"""A feed as Atom 1.0 (RFC 4287)."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, tostring

from harvester import __version__
from harvester.handoff.feeds.feed import LANGUAGE, Feed, entry_id, section_name, tags_of
from harvester.handoff.record import html_of
from harvester.store import StoryRow

# The characters that XML 1.0 cannot hold, not even escaped (2.2, production 2).
_UNFIT = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def atom(feed: Feed) -> bytes:
    """Return the feed as an Atom document, the same bytes for the same feed.

    It has no link to itself: the address under which it will be served is not known here.
    """
    root = Element("feed", {"xmlns": "http://www.w3.org/2005/Atom", "xml:lang": LANGUAGE})
    _add(root, "id", feed.id)
    _add(root, "title", feed.title, type="text")
    _add(root, "updated", feed.updated.isoformat())
    _add_author(root, feed.author)
    _add(root, "link", rel="alternate", type="text/html", href=feed.home)
    _add(root, "generator", "harvester", version=__version__)
    for story in feed.entries:
        _add_entry(root, story)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _add_entry(root: Element, story: StoryRow) -> None:
    entry = SubElement(root, "entry")
    _add(entry, "id", entry_id(story))
    _add(entry, "title", story.title, type="text")
    _add(entry, "published", story.published.isoformat())
    _add(entry, "updated", story.updated_at.isoformat())
    _add(entry, "link", rel="alternate", type="text/html", href=story.url)
    if story.author:
        _add_author(entry, story.author)
    _add(entry, "category", term=story.section, label=section_name(story.section))
    for tag in tags_of(story):
        _add(entry, "category", term=tag)
    _add(entry, "content", html_of(story), type="html")


def _add_author(parent: Element, name: str) -> None:
    _add(SubElement(parent, "author"), "name", name)


def _add(parent: Element, tag: str, text: str = "", **attributes: str) -> None:
    fit = {name: _UNFIT.sub("", value) for name, value in attributes.items()}
    SubElement(parent, tag, fit).text = _UNFIT.sub("", text)
