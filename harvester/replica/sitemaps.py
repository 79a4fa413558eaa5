"""Sitemaps of zaobao.com.sg in both forms seen: a child a month, or numbered children."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from harvester.replica.story import SG, SITE_ZONE

_NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
_FRONT = ("", "realtime/china", "news/singapore", "finance")


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


def files(entries: Iterable[Entry], form: Form, size: int) -> Mapping[str, bytes]:
    """Return the index and its children by path; `size` is the most a numbered child holds."""
    ordered = sorted(entries, key=lambda entry: (entry.at, entry.path))
    children = _monthly(ordered) if form is Form.MONTHLY else _numbered(ordered, size)
    pages = {f"/sitemaps/sitemap-{name}.xml": body for name, body in children.items()}
    return {"/sitemap.xml": _index(pages), **pages}


def _index(children: Iterable[str]) -> bytes:
    items = "\n".join(
        f"      <sitemap><loc>https://{SG}{path}</loc></sitemap>" for path in children
    )
    text = f'<?xml version="1.0"?>\n    <sitemapindex {_NAMESPACE}>\n{items}\n    </sitemapindex>\n'
    return text.encode()


def _monthly(ordered: list[Entry]) -> dict[str, bytes]:
    months: dict[str, list[Entry]] = {}
    for entry in ordered:
        months.setdefault(f"{entry.at.astimezone(SITE_ZONE):%Y%m}", []).append(entry)
    return {month: _urlset(entries, "{}") for month, entries in months.items()}


def _numbered(ordered: list[Entry], size: int) -> dict[str, bytes]:
    cdata = "<![CDATA[{}]]>"
    start = ordered[0].at if ordered else datetime(2016, 1, 1, tzinfo=SITE_ZONE)
    front = [Entry(path, start, start) for path in _FRONT]
    children = {"0": _urlset(front, cdata)}
    for number, at in enumerate(range(0, len(ordered), size), start=1):
        children[str(number)] = _urlset(front[:1] + ordered[at : at + size], cdata)
    return children


def _urlset(entries: Iterable[Entry], loc: str) -> bytes:
    items = "\n".join(
        f"  <url><loc>{loc.format(f'https://{SG}/{entry.path}')}</loc>"
        f"<lastmod>{entry.lastmod.astimezone(SITE_ZONE).isoformat()}</lastmod></url>"
        for entry in entries
    )
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset {_NAMESPACE}>'
    return f"{head}\n{items}\n</urlset>\n".encode()
