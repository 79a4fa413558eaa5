"""The Wayback Machine of the Internet Archive: its index (CDX server) and its captures.

    section, months or years -> queries of both hosts, side by side -> days that are complete

The index: https://github.com/internetarchive/wayback/tree/master/wayback-cdx-server. Its limits and
what comes of ignoring them: issues 137 and 153 of edgi-govdata-archiving/wayback, and its release
0.5.1 (24 requests a minute).
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, TypeGuard
from urllib.parse import quote, urlencode

from harvester.clock import Clock
from harvester.elsewhere.bodies import field, plain
from harvester.elsewhere.inquiry import Inquiry
from harvester.elsewhere.seen import Seen, parse_instant, story_at
from harvester.errors import FetchFailed, SourceUnreadable
from harvester.fetch import FetchSettings, Getter
from harvester.model import Page, Scope
from harvester.problems import Problems
from harvester.zaobao.sections import SECTIONS, below, in_scope
from harvester.zaobao.urls import HK_HOST, PRINT_LEAD, SG_HOST, singapore_day

NAME: Final = "the Wayback Machine"
HOSTS: Final = frozenset({"web.archive.org"})
_INDEX: Final = "https://web.archive.org/cdx/search/cdx"
_CAPTURES: Final = "https://web.archive.org/web"
_PLACE: Final = re.compile(r"https://web\.archive\.org/web/(\d{14})id_/(.+)", re.ASCII)

# Without `urlkey` a resume key leads to a wrong place (internetarchive/wayback issue 121).
_FIELDS: Final = ("urlkey", "timestamp", "original", "digest")
_FILTERS: Final = (("filter", "statuscode:200"), ("filter", "mimetype:text/html"))
# More is quicker, but the server looks at so much at most before it says that this was all.
_LIMIT: Final = 5_000
# Addresses have their form since 2013; what was carried over then may bear an earlier day.
_FIRST: Final = date(2010, 1, 1)
_FEW_MONTHS: Final = 4  # that three months can touch
_EXCERPT: Final = 120


def fetch_settings(user_agent: str, origin: str | None = None) -> FetchSettings:
    """Return how the Wayback Machine is asked: within its limits, and patiently."""
    return FetchSettings(
        user_agent,
        rate=1.0,
        rates={_INDEX: 24 / 60},
        site_origin=origin,
        robots=False,
        throttled=frozenset({429}),
        first_byte=120.0,
        total=300.0,
    )


class Wayback:
    """The Wayback Machine as an `Index`; `fetch_settings` for `HOSTS` keep its limits.

    `limit` is how many lines of the index are asked for at once.
    """

    def __init__(self, getter: Getter, clock: Clock, limit: int = _LIMIT) -> None:
        self._getter = getter
        self._clock = clock
        self._limit = limit
        self._problems = Problems()

    @property
    def problems(self) -> list[str]:
        """Return what could not be read, by the first address that had it."""
        return self._problems.told()

    async def seen(self, scope: Scope) -> AsyncIterator[tuple[Seen, ...]]:
        """Yield the captures of stories in `scope`; all those at one path come in one batch.

        Of what lies below a section only the known sections are asked for. Raises as `Index.seen`.
        """
        inquiry = Inquiry(NAME, self._getter, self._problems)
        days = issue_days(scope, singapore_day(self._clock.now()))
        for section in _sections(scope):
            for start in days:
                queries = [
                    _Query(inquiry, f"{host}/{section}/story{start}", self._limit)
                    for host in (SG_HOST, HK_HOST)
                ]
                async for batch in _complete(queries):
                    if found := tuple(each for each in batch if in_scope(each.ref, scope)):
                        yield found
        inquiry.end()

    async def page(self, seen: Seen) -> Page:
        """Return a capture, or the nearest one where it is missing. Raises as `Index.page`."""
        page = await self._getter.get(seen.place)
        head = page.exchange.response if page.exchange else b""
        if page.status != 200 or not field(head, "Memento-Datetime"):  # RFC 7089, 2.1.1
            raise FetchFailed(seen.place, f"is no capture (answered {page.status})")
        instant, original = _read_place(page.final_url)
        ref = story_at(original)
        if ref is None or ref.story_id != seen.ref.story_id:
            raise FetchFailed(seen.place, f"leads to another capture, {page.final_url}")
        return replace(
            page,
            url=seen.ref.url,
            final_url=ref.url,
            body=plain(page.body, field(head, "X-Archive-Orig-Content-Encoding"), seen.place),
            fetched_at=instant,
            etag=None,  # those of the archive, not of the site
            last_modified=None,
            max_age=None,
        )


@dataclass(frozen=True, slots=True)
class Lines:
    """One answer of the index: `resume` continues it, `broken` lines could not be read."""

    seen: tuple[Seen, ...] = ()
    resume: str = ""
    broken: int = 0


def issue_days(scope: Scope, today: date) -> list[str]:
    """Return how the issue days of a scope begin: months, years where they are many, or nothing."""
    if scope.since is None and scope.until is None:
        return [""]
    since, until = scope.since or _FIRST, scope.until or today + PRINT_LEAD
    first, last = (12 * day.year + day.month - 1 for day in (since, until))
    if last - first < _FEW_MONTHS:
        return [f"{month // 12}{month % 12 + 1:02}" for month in range(first, last + 1)]
    return [str(year) for year in range(since.year, until.year + 1)]


def read_lines(body: bytes, url: str) -> Lines:
    """Read an answer of the index: rows of JSON under a header, then a key if there are more.

    Raises SourceUnreadable for what is no index: the pages and words of errors, also with status
    200, and for an empty answer.
    """
    text = body.decode("utf-8", "replace").strip()
    if not text.startswith("["):
        words = " ".join(text.split())[:_EXCERPT]
        raise SourceUnreadable(url, f"no index: {words}" if words else "an empty answer")
    rows, broken = _rows(text)
    if not rows:
        return Lines(broken=broken)
    names = rows[0]
    if not {"timestamp", "original"} <= set(names):
        raise SourceUnreadable(url, f"no index: the fields {', '.join(names)[:_EXCERPT]}")
    end = rows.index([]) if [] in rows else len(rows)
    resume = next((row[0] for row in rows[end + 1 :] if row), "")
    seen: list[Seen] = []
    for row in rows[1:end]:
        try:
            seen += _read_row(dict(zip(names, row, strict=True)))
        except ValueError:
            broken += 1
    return Lines(tuple(seen), resume, broken)


class _Query:
    """A prefix of the index on its way through it, in order of the issue days.

    All captures of days before `reached` have come.
    """

    def __init__(self, inquiry: Inquiry, prefix: str, limit: int) -> None:
        self.reached = date.min
        self._inquiry = inquiry
        self._asked: set[str] = set()
        given = (("url", prefix), ("matchType", "prefix"), ("output", "json"), *_FILTERS)
        more = (("fl", ",".join(_FIELDS)), ("limit", limit), ("showResumeKey", "true"))
        self._query = f"{_INDEX}?{urlencode((*given, *more), safe='/:,')}"
        self._next = self._query

    async def more(self) -> Sequence[Seen]:
        """Ask for the next lines and return what they tell."""
        url = self._next
        self._asked.add(url)
        lines = await self._inquiry.ask(url, _read_answer) or Lines()
        if lines.broken:
            self._inquiry.problem(url, f"{lines.broken:,} lines cannot be read")
        # It is sent as it came: the server may undo its coding once more than it should, and then
        # answers with the same key again (internetarchive/wayback issue 195).
        self._next = f"{self._query}&resumeKey={quote(lines.resume, safe='%+')}"
        if lines.resume and self._next in self._asked:
            self._inquiry.problem(url, "goes round in a circle; the rest is missing")
        if not lines.resume or self._next in self._asked:
            self.reached = date.max
        else:
            self.reached = max((each.ref.day for each in lines.seen), default=self.reached)
        return lines.seen


async def _complete(queries: Sequence[_Query]) -> AsyncIterator[tuple[Seen, ...]]:
    """Yield what comes of queries side by side, as soon as all have passed a day."""
    held: list[Seen] = []
    while (behind := min(queries, key=lambda query: query.reached)).reached < date.max:
        held += await behind.more()
        reached = min(query.reached for query in queries)
        if batch := tuple(each for each in held if each.ref.day < reached):
            held = [each for each in held if each.ref.day >= reached]
            yield batch


def _sections(scope: Scope) -> Sequence[str]:
    """Return the paths to ask for: each once, with the known ones below it."""
    named = scope.sections or tuple(section.path for section in SECTIONS)
    return tuple(dict.fromkeys(path for name in named for path in (name, *below(name))))


def _read_answer(page: Page) -> Lines:
    if page.status != 200:
        raise SourceUnreadable(page.url, f"answered {page.status}")
    return read_lines(page.body, page.url)


def _rows(text: str) -> tuple[list[list[str]], int]:
    """Return the rows of an answer, line by line if it is damaged, and how many are none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = [_row(line) for line in text.splitlines()]
    rows = [row for row in found if _is_row(row)]
    return rows, len(found) - len(rows)


def _row(line: str) -> object:
    """Return the row that stands in a line, as the server writes them; None if it is none."""
    try:
        row: object = json.loads(f"[{line.strip('[], ')}]")
    except (ValueError, RecursionError):
        return None
    return row


def _is_row(row: object) -> TypeGuard[list[str]]:
    return isinstance(row, list) and all(isinstance(value, str) for value in row)


def _read_row(row: dict[str, str]) -> Iterator[Seen]:
    """Yield the capture of a row, if it is of a story; raise ValueError if it cannot be read."""
    original, instant = row["original"], parse_instant(row["timestamp"])
    if ref := story_at(original):
        place = f"{_CAPTURES}/{row['timestamp']}id_/{original}"
        yield Seen(ref, original, instant, row.get("digest", ""), place)


def _read_place(url: str) -> tuple[datetime, str]:
    """Return the instant and the original address of a capture's address."""
    match = _PLACE.fullmatch(url)
    try:
        return parse_instant(match[1] if match else ""), match[2] if match else ""
    except ValueError as error:
        raise FetchFailed(url, "is not the address of a capture") from error
