"""Sitemaps in both known forms: numbered children with CDATA (to mid 2025), monthly ones (2026)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from xml.parsers import expat

from harvester.errors import NotAStory, SourceUnreadable
from harvester.model import Scope, StoryRef
from harvester.zaobao.urls import PRINT_LEAD, SG_HOST, SITE_HOSTS, story_ref

INDEX_URL = f"https://{SG_HOST}/sitemap.xml"
# The numbered form had about 770 children; the protocol allows 50,000 addresses a file.
MAX_CHILDREN = 1_500
MAX_URLS = 50_000

# Far above what any sitemap has; without them 64 MiB could take minutes and gigabytes.
_MAX_DEPTH = 32
_MAX_ELEMENTS = 20 * MAX_URLS
_MAX_TEXT = 2_048
# The parser looks at a tag or comment from its beginning with every further piece of it.
_PIECE = 64 * 1024
_MAX_TOKEN = 4 * _PIECE

_CHILD = re.compile(r"https://([a-z0-9.-]+)/(?:[A-Za-z0-9._-]+/)*[A-Za-z0-9._-]+\.xml(?:\?\S*)?")
_MONTH = re.compile(r"sitemap-(20\d\d)(0[1-9]|1[0-2])\.xml")
_NUMBER = re.compile(r"sitemap-(\d{1,5})\.xml")
# A month's file may hold stories whose issue day lies a few days away.
_SLACK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Child:
    """A sitemap named by the index. `lastmod` is a hint that can lie in the future."""

    url: str
    lastmod: str | None = None


@dataclass(frozen=True, slots=True)
class Sitemap:
    """What a sitemap file names: children or stories. `problem` tells where reading it ended early.

    `others` counts addresses that are no stories, such as the front page.
    """

    children: tuple[Child, ...] = ()
    stories: tuple[StoryRef, ...] = ()
    others: int = 0
    problem: str = ""


def read_sitemap(body: bytes, url: str) -> Sitemap:
    """Read an index or a child.

    A file that breaks off yields what was read and a `problem`. Raises `SourceUnreadable` for what
    is no sitemap at all, and for a document type (the way of entity bombs).
    """
    reader = _Reader(url)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        _feed(parser, body.removeprefix(b"\xef\xbb\xbf").lstrip())
    except _Full as limit:
        reader.problem = f"{limit}; the rest is left out"
    except (expat.ExpatError, ValueError, LookupError) as error:  # the latter: odd encodings
        if not reader.known:
            raise SourceUnreadable(url, f"no sitemap: {error}") from error
        reader.problem = f"breaks off: {error}"
    if not reader.known:
        raise SourceUnreadable(url, "no sitemap: neither <urlset> nor <sitemapindex>")
    return reader.result()


def _feed(parser: expat.XMLParserType, body: bytes) -> None:
    """Parse a body in pieces, so that other threads get their turn in between."""
    for start in range(0, len(body), _PIECE):
        parser.Parse(body[start : start + _PIECE], False)
        if start - parser.CurrentByteIndex > _MAX_TOKEN:
            raise _Full(f"a tag or comment of more than {_MAX_TOKEN} bytes")
    parser.Parse(b"", True)


def children_for(scope: Scope, children: tuple[Child, ...]) -> tuple[Child, ...]:
    """Return the children that can hold stories of a scope, the newest first.

    Monthly files are chosen by their name. Of numbered ones, which ascend in time, those last
    changed before the scope begins are left out; a change time in the future leaves them in.
    """
    wanted = {child.url: child for child in children if _may_hold(child, scope)}
    return tuple(sorted(wanted.values(), key=_rank, reverse=True))


def is_month(url: str, day: date) -> bool:
    """Say whether a file is the one of the month in which a day lies."""
    month = _MONTH.search(url)
    return month is not None and (int(month[1]), int(month[2])) == (day.year, day.month)


def is_ascending(child: Child) -> bool:
    """Say whether a file is one of the numbered form, whose numbers ascend in time."""
    return _MONTH.search(child.url) is None and _NUMBER.search(child.url) is not None


def _may_hold(child: Child, scope: Scope) -> bool:
    if month := _MONTH.search(child.url):
        first = date(int(month[1]), int(month[2]), 1)
        following = (first + timedelta(days=31)).replace(day=1)
        starts_late = scope.until is not None and first - _SLACK > scope.until
        ends_early = scope.since is not None and following + _SLACK <= scope.since
        return not (starts_late or ends_early)
    if scope.since is None or child.lastmod is None:
        return True
    try:
        changed = date.fromisoformat(child.lastmod[:10])
    except ValueError:
        return True
    return changed + PRINT_LEAD >= scope.since


def _rank(child: Child) -> tuple[int, int]:
    if month := _MONTH.search(child.url):
        return 1, int(month[1] + month[2])
    number = _NUMBER.search(child.url)
    return 0, int(number[1]) if number else 0


class _Full(Exception):
    """A cap is reached: which."""


@dataclass(slots=True)
class _Reader:
    """The handlers of one parse; keeps only what is needed, never the tree."""

    url: str
    known: str = ""
    problem: str = ""
    children: list[Child] = field(default_factory=list)
    stories: list[StoryRef] = field(default_factory=list)
    others: int = 0
    _path: list[str] = field(default_factory=list)
    _elements: int = 0
    _loc: str = ""
    _lastmod: str = ""

    def refuse(self, *_: object) -> None:
        raise SourceUnreadable(self.url, "a sitemap with a document type is refused")

    def start(self, name: str, _: object) -> None:
        local = name.rpartition(":")[2]
        self._path.append(local)
        self._elements += 1
        if len(self._path) > _MAX_DEPTH:
            raise _Full(f"elements more than {_MAX_DEPTH} deep")
        if self._elements > _MAX_ELEMENTS:
            raise _Full(f"more than {_MAX_ELEMENTS} elements")
        if local in ("urlset", "sitemapindex") and not self.known:
            self.known = local
        elif local in ("url", "sitemap"):
            self._loc = self._lastmod = ""

    def text(self, data: str) -> None:
        # Extensions have elements of the same names, such as <image:loc>, one level deeper.
        match self._path[-2:]:
            case ["url" | "sitemap", "loc"] if len(self._loc) < _MAX_TEXT:
                self._loc += data
            case ["url" | "sitemap", "lastmod"] if len(self._lastmod) < _MAX_TEXT:
                self._lastmod += data

    def end(self, name: str) -> None:
        self._path.pop()
        match name.rpartition(":")[2]:
            case "sitemap":
                self._child(self._loc.strip())
            case "url":
                self._story(self._loc.strip())

    def _make_room(self) -> None:
        if len(self.children) + len(self.stories) + self.others >= MAX_URLS:
            raise _Full(f"more than {MAX_URLS} addresses")

    def _child(self, loc: str) -> None:
        self._make_room()
        address = "https://" + loc[7:] if loc.startswith("http://") else loc
        match = _CHILD.fullmatch(address)
        if match and match[1] in SITE_HOSTS:
            self.children.append(Child(address, self._lastmod.strip() or None))
        else:
            self.others += 1

    def _story(self, loc: str) -> None:
        self._make_room()
        try:
            self.stories.append(story_ref(loc, self._lastmod.strip() or None))
        except NotAStory:
            self.others += 1

    def result(self) -> Sitemap:
        return Sitemap(tuple(self.children), tuple(self.stories), self.others, self.problem)
