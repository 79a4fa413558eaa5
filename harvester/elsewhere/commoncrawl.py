"""Common Crawl: the indexes of its crawls, and pages out of its WARC files.

    crawls of the scope -> pages of each one's index -> all captures of a crawl

The indexes are served by pywb (https://pywb.readthedocs.io/en/latest/manual/cdxserver_api.html) and
listed at https://index.commoncrawl.org/. Who asks too much is answered with 503, then with 403
(https://status.commoncrawl.org/).
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Final
from urllib.parse import urlencode

from harvester.elsewhere.inquiry import Inquiry
from harvester.elsewhere.seen import Seen, parse_instant, story_at
from harvester.errors import BadRecord, BodyTooLarge, FetchFailed, SourceUnreadable
from harvester.fetch import PAGE_CAP, FetchSettings, Part, PartGetter
from harvester.model import Page, Scope
from harvester.problems import Problems
from harvester.warc import found_in
from harvester.zaobao.sections import in_scope
from harvester.zaobao.urls import HK_HOST, SG_HOST

NAME: Final = "Common Crawl"
HOSTS: Final = frozenset({"index.commoncrawl.org", "data.commoncrawl.org"})
_INDEX: Final = "https://index.commoncrawl.org"
_DATA: Final = "https://data.commoncrawl.org"
_CRAWLS: Final = f"{_INDEX}/collinfo.json"

_FIELDS: Final = ("url", "timestamp", "digest", "filename", "offset", "length")
_FILTERS: Final = (("filter", "=status:200"), ("filter", "mime:text/html"))
_MAX_PAGES: Final = 1_000
_EXCERPT: Final = 120
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_NAME: Final = re.compile(r"[\w-]+(?:[./][\w-]+)*", re.ASCII)
_PLACE: Final = re.compile(r"(?P<name>[^#]+)#(?P<offset>\d+)\+(?P<length>\d+)", re.ASCII)


def fetch_settings(user_agent: str, origin: str | None = None) -> FetchSettings:
    """Return how Common Crawl is asked: within its limits, and patiently."""
    return FetchSettings(
        user_agent,
        rate=5.0,
        rates={f"{_INDEX}/": 0.5},
        site_origin=origin,
        robots=False,
        throttled=frozenset({403, 429, 503}),
        first_byte=120.0,
        total=300.0,
    )


class CommonCrawl:
    """Common Crawl as an `Index`; a fetcher with `fetch_settings` for `HOSTS` keeps its limits."""

    def __init__(self, getter: PartGetter) -> None:
        self._getter = getter
        self._problems = Problems()

    @property
    def problems(self) -> list[str]:
        """Return what could not be read, by the first address that had it."""
        return self._problems.told()

    async def seen(self, scope: Scope) -> AsyncIterator[tuple[Seen, ...]]:
        """Yield the captures of stories in `scope`, a crawl in each batch, the likeliest first.

        Without sections those of unknown ones come too. Raises as `Index.seen`.
        """
        listing, inquiry = (Inquiry(NAME, self._getter, self._problems) for _ in range(2))
        crawls = await listing.ask(_CRAWLS, read_crawls) or []
        listing.end()
        for crawl in in_order(crawls, scope):
            found = [
                seen
                for host in (SG_HOST, HK_HOST)
                async for seen in self._captures(inquiry, crawl.index, host)
                if in_scope(seen.ref, scope)
            ]
            if found:
                yield tuple(found)
        inquiry.end()

    async def page(self, seen: Seen) -> Page:
        """Return a capture, cut out of the file in which it is. Raises as `Index.page`."""
        match = _PLACE.fullmatch(seen.place)
        if not match:
            raise FetchFailed(seen.place, "is no place in a file")
        part = Part(int(match["offset"]), int(match["length"]))
        if part.length > PAGE_CAP:
            raise BodyTooLarge(seen.place, f"larger than {PAGE_CAP:,} bytes")
        page = await self._getter.get_part(f"{_DATA}/{match['name']}", part)
        if page.status != 206:
            raise FetchFailed(seen.place, f"is not there (answered {page.status})")
        return read_record(page.body, seen)

    async def _captures(self, inquiry: Inquiry, index: str, host: str) -> AsyncIterator[Seen]:
        """Yield the captures that the index of one crawl has of a host."""
        query = f"{index}?{urlencode((('url', f'{host}/*'), ('output', 'json'), *_FILTERS))}"
        pages = await inquiry.ask(f"{query}&showNumPages=true", read_count) or 0
        if pages > _MAX_PAGES:
            inquiry.problem(query, f"has {pages:,} pages; {_MAX_PAGES:,} are read")
        for number in range(min(pages, _MAX_PAGES)):
            url = f"{query}&fl={','.join(_FIELDS)}&page={number}"
            lines = await inquiry.ask(url, read_lines) or Lines()
            if lines.broken:
                inquiry.problem(url, f"{lines.broken:,} lines cannot be read")
            for seen in lines.seen:
                yield seen


@dataclass(frozen=True, slots=True)
class Crawl:
    """One crawl: the address of its `index`, and when it was, as far as that is known."""

    index: str
    begun: datetime = _NEVER
    ended: datetime = _NEVER


@dataclass(frozen=True, slots=True)
class Lines:
    """One page of an index; `broken` lines could not be read."""

    seen: tuple[Seen, ...] = ()
    broken: int = 0


def in_order(crawls: list[Crawl], scope: Scope) -> list[Crawl]:
    """Return the crawls that can hold stories of a scope, in order of time.

    Later ones show later designs, and fewer of the old stories. One that does not say when it was
    comes last.
    """
    since = scope.since or date.min
    able = [crawl for crawl in crawls if crawl.ended.date() >= since]
    return sorted(able, key=lambda crawl: crawl.begun)


def read_crawls(page: Page) -> list[Crawl]:
    """Read the list of crawls; raise SourceUnreadable if it is none."""
    rows = _json(page.body)
    listed = rows if isinstance(rows, list) else []
    crawls = [_read_crawl(row) for row in listed if isinstance(row, dict) and "cdx-api" in row]
    if not crawls:
        raise SourceUnreadable(page.url, f"no list of crawls (answered {page.status})")
    return crawls


def read_count(page: Page) -> int:
    """Return how many pages a query has: none where nothing was captured, which is a 404.

    Raises SourceUnreadable for what is no number.
    """
    told = _json(page.body)
    if page.status != 200 or _is_nothing(told):
        return 0
    match told:
        case {"pages": int(count)} | int(count):
            return count
    raise SourceUnreadable(page.url, "does not say how many pages there are")


def read_lines(page: Page) -> Lines:
    """Read a page of an index: a JSON object on each line, or a 404 where there is nothing.

    Raises SourceUnreadable for a page without anything that could be read.
    """
    if page.status != 200:
        return Lines()
    seen: list[Seen] = []
    lines = [line for line in page.body.splitlines() if line.strip()]
    broken = 0
    for line in lines:
        try:
            seen += _read_line(line)
        except ValueError:
            broken += 1
    if lines and broken == len(lines):
        words = " ".join(page.body[:_EXCERPT].decode("utf-8", "replace").split())
        raise SourceUnreadable(page.url, f"no index: {words}")
    return Lines(tuple(seen), broken)


def read_record(data: bytes, seen: Seen) -> Page:
    """Return a capture as a page, from its WARC record in gzip.

    Raises FetchFailed for a record that is damaged, was cut when captured, or is of another page.
    """
    try:
        found = next(found_in(BytesIO(data), seen.place, lambda _: True), None)
        ref = story_at(found.target) if found and not found.revisit else None
        if found is None or ref is None:
            raise FetchFailed(seen.place, "holds no answer of the site")
        if ref.story_id != seen.ref.story_id:
            raise FetchFailed(seen.place, "holds another capture")
        page = found.page(seen.ref.url)
    except BadRecord as error:
        raise FetchFailed(seen.place, f"the record is damaged: {error.problem}") from error
    if page.status != 200:
        raise FetchFailed(seen.place, f"is no page (answered {page.status})")
    return replace(page, final_url=ref.url, fetched_at=seen.captured_at)


def _read_line(line: bytes) -> Iterator[Seen]:
    """Yield the capture of a line, if it is of a story; raise ValueError if it cannot be read."""
    match _json(line):
        case told if _is_nothing(told):
            return
        case dict() as row:
            yield from _captured(row)
        case _:
            raise ValueError("no object")


def _captured(row: dict[str, object]) -> Iterator[Seen]:
    url, instant, digest, name, *numbers = (str(row.get(field, "")) for field in _FIELDS)
    at = parse_instant(instant)
    offset, length = (int(number) for number in numbers)
    if not _NAME.fullmatch(name) or offset < 0 or length < 1:
        raise ValueError("no place in a file")
    if ref := story_at(url):
        yield Seen(ref, url, at, digest, f"{name}#{offset}+{length}")


def _json(data: bytes) -> object:
    """Return what stands there in JSON; None where that is none."""
    try:
        told: object = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return told


def _is_nothing(told: object) -> bool:
    """Say whether an answer is the word that nothing was captured, under either of its names."""
    match told:
        case {"message": str(word)} | {"error": str(word)}:
            return "No Captures found" in word
    return False


def _read_crawl(row: dict[str, object]) -> Crawl:
    return Crawl(str(row["cdx-api"]), _instant(row.get("from")), _instant(row.get("to")))


def _instant(text: object) -> datetime:
    """Return an instant of the list of crawls (UTC, without a zone); `_NEVER` if it is none."""
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError:
        return _NEVER
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
