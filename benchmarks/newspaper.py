"""A newspaper of any size for a loopback server: addresses by number, pages when they are wanted.

Pages are the replica's, of three layouts by their day, filled up to 110 kB like real ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from harvester.model import Era
from harvester.replica.making import make
from harvester.replica.pages import render
from harvester.replica.sitemaps import Entry, Form, Sitemaps
from harvester.replica.story import SG, SITE_ZONE

SITE = f"https://{SG}"
PAGE_BYTES = 110_000
ROBOTS = f"User-agent: *\nDisallow: /search\n\nSitemap: {SITE}/sitemap.xml\n".encode()

_SCRIPT = b"function f(a){return a.b===null?0:a.c[1]}"
_SECTIONS = (
    "realtime/china",
    "realtime/world",
    "realtime/singapore",
    "news/china",
    "finance/world",
)
_BEGIN = datetime(2016, 1, 1, tzinfo=SITE_ZONE)
_END = datetime(2026, 9, 30, tzinfo=SITE_ZONE)
_FIRST_ID, _ID_STEP = 10_000_000, 3
_LAYOUTS = (
    (datetime(2019, 4, 1, tzinfo=SITE_ZONE), Era.SG_2013),
    (datetime(2024, 7, 1, tzinfo=SITE_ZONE), Era.SG_2019),
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A story as the sitemap names it: its id, section, and when it was published."""

    story_id: str
    section: str
    at: datetime

    @property
    def path(self) -> str:
        """Its path, without leading slash."""
        return f"{self.section}/story{self.at:%Y%m%d}-{self.story_id}"

    @property
    def hint(self) -> str:
        """What the sitemap says of its last change."""
        return self.at.isoformat()


def listed(count: int) -> list[Listed]:
    """Return so many stories, spread evenly over ten years, the oldest first."""
    step = (_END - _BEGIN) / max(1, count)
    return [
        Listed(
            str(_FIRST_ID + _ID_STEP * number),
            _SECTIONS[number % len(_SECTIONS)],
            (_BEGIN + number * step).replace(microsecond=0),
        )
        for number in range(count)
    ]


def page(story: Listed) -> bytes:
    """Return the page of a story; no other has its text."""
    era = next((era for until, era in _LAYOUTS if story.at < until), Era.SG_2024)
    return filled(render(make(story.path, era, f"{story.at:%Y-%m-%dT%H:%M:%S}"), SG))


def filled(html: bytes) -> bytes:
    """Return a page with a script behind it, so that it is as long as real ones."""
    script = _SCRIPT * max(1, (PAGE_BYTES - len(html)) // len(_SCRIPT))
    return html + b"<script>" + script + b"</script>"


def sitemaps(stories: Iterable[Listed]) -> dict[str, bytes]:
    """Return robots.txt, the index and its monthly files, by path without leading slash."""
    files = Sitemaps(Form.MONTHLY, 1000)
    for story in stories:
        files.put(Entry(story.path, story.at, story.at))
    named = {path.removeprefix("/"): body for path, body in files.files().items()}
    return {"robots.txt": ROBOTS} | named


def kind(path: str) -> str:
    """Return the media type of a path."""
    suffixes = {"xml": "application/xml", "txt": "text/plain"}
    return suffixes.get(path.rpartition(".")[2], "text/html")
