"""Sitemaps of zaobao.com.sg in both forms seen: a child a month, or numbered children."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from harvester.replica.story import SG, SITE_ZONE

_NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
_FRONT = ("", "realtime/china", "news/singapore", "finance")
_INDEX = "/sitemap.xml"
_ALL = ""


class Form(StrEnum):
    """How the children of the index are cut."""

    MONTHLY = "monthly"  # since 2026: sitemap-YYYYMM.xml
    NUMBERED = "numbered"  # 2021 to mid 2025: sitemap-N.xml, N from 0, CDATA


@dataclass(frozen=True, slots=True)
class Entry:
    """A URL of a sitemap: path without leading slash, day it belongs to, time of its change."""

    path: str
    at: datetime
    lastmod: datetime


@dataclass(frozen=True, slots=True, order=True)
class _Item:
    """An entry as it is written: to write it is most of the work of a file."""

    at: datetime
    path: str
    xml: str


class Sitemaps:
    """The index and its children, written anew only where an entry changed.

    `size` is the most a numbered child holds.
    """

    def __init__(self, form: Form, size: int) -> None:
        self._form = form
        self._size = size
        self._groups: defaultdict[str, dict[str, _Item]] = defaultdict(dict)
        self._group_of: dict[str, str] = {}
        self._files = {_INDEX: _index(())}
        self._changed = set() if form is Form.MONTHLY else {_ALL}

    def put(self, entry: Entry) -> None:
        """Add an entry, or replace that of the same path."""
        monthly = self._form is Form.MONTHLY
        group = f"{entry.at.astimezone(SITE_ZONE):%Y%m}" if monthly else _ALL
        if (before := self._group_of.get(entry.path, group)) != group:
            del self._groups[before][entry.path]
            self._changed.add(before)
        self._group_of[entry.path] = group
        self._groups[group][entry.path] = _Item(entry.at, entry.path, _xml(entry, self._form))
        self._changed.add(group)

    def files(self) -> Mapping[str, bytes]:
        """Return the index and its children by path."""
        while self._changed:
            group = self._changed.pop()
            items = sorted(self._groups[group].values())
            if self._form is Form.MONTHLY:
                self._files[_child(group)] = _urlset(items)
            else:
                self._files |= _numbered(items, self._size)
            self._files[_INDEX] = _index(name for name in self._files if name != _INDEX)
        return self._files


def _child(name: str) -> str:
    return f"/sitemaps/sitemap-{name}.xml"


def _index(children: Iterable[str]) -> bytes:
    items = "\n".join(
        f"      <sitemap><loc>https://{SG}{path}</loc></sitemap>"
        for path in sorted(children, key=lambda path: (len(path), path))
    )
    text = f'<?xml version="1.0"?>\n    <sitemapindex {_NAMESPACE}>\n{items}\n    </sitemapindex>\n'
    return text.encode()


def _numbered(items: list[_Item], size: int) -> dict[str, bytes]:
    start = items[0].at if items else datetime(2016, 1, 1, tzinfo=SITE_ZONE)
    entries = (Entry(path, start, start) for path in _FRONT)
    front = [_Item(start, entry.path, _xml(entry, Form.NUMBERED)) for entry in entries]
    children = {_child("0"): _urlset(front)}
    for number, at in enumerate(range(0, len(items), size), start=1):
        children[_child(str(number))] = _urlset(front[:1] + items[at : at + size])
    return children


def _xml(entry: Entry, form: Form) -> str:
    url = f"https://{SG}/{entry.path}"
    loc = url if form is Form.MONTHLY else f"<![CDATA[{url}]]>"
    lastmod = entry.lastmod.astimezone(SITE_ZONE).isoformat()
    return f"  <url><loc>{loc}</loc><lastmod>{lastmod}</lastmod></url>"


def _urlset(items: Iterable[_Item]) -> bytes:
    lines = "\n".join(item.xml for item in items)
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset {_NAMESPACE}>'
    return f"{head}\n{lines}\n</urlset>\n".encode()
