"""Find story addresses: sitemap, section lists, given addresses. They go to the catalogue first.

    source -> fetch (conditional) -> read -> record

What is recorded stays: a run that is killed, or that has a narrower scope, leaves the others
their addresses.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from datetime import date

from harvester import zaobao
from harvester.errors import (
    FetchFailed,
    HostUnreachable,
    NotAStory,
    SiteUnreachable,
    SourceUnreadable,
    UsageError,
)
from harvester.fetch import SITEMAP_CAP, Getter
from harvester.model import Page, Scope, SourceState, StoryRef, Validators
from harvester.problems import Problems
from harvester.store import Archive
from harvester.zaobao.listing import Card, Listing, read_listing
from harvester.zaobao.sections import SECTIONS, listing_urls
from harvester.zaobao.sitemap import (
    INDEX_URL,
    MAX_CHILDREN,
    Child,
    Sitemap,
    children_for,
    is_ascending,
    read_sitemap,
)

log = logging.getLogger(__name__)

_MAX_PAGES = 200
# So many files in a row without any connection: the network or the site is down.
_UNREACHABLE_LIMIT = 3


@dataclass(slots=True)
class Discovery:
    """What a discovery came to: sources read, addresses that were new, and what went wrong."""

    sources: int = 0
    total: int = 0
    fresh: int = 0
    _problems: Problems = field(default_factory=Problems)

    def problem(self, url: str, text: str) -> None:
        """Note a source that could not be read; the run goes on with the others."""
        log.info("%s: %s", url, text)
        self._problems.add(url, text)

    @property
    def problems(self) -> list[str]:
        """The problems, each told once: by the first source that had it, and how many more did."""
        return self._problems.told()


class Discoverer:
    """Reads sources into the catalogue. `found` may be watched while it works."""

    def __init__(self, archive: Archive, fetcher: Getter) -> None:
        self._archive = archive
        self._fetcher = fetcher
        self._unreachable = 0
        self.found = Discovery()

    async def sitemap(self, scope: Scope) -> AsyncIterator[Child]:
        """Read the sitemap's files that can hold stories of the scope, the newest first.

        Yields each file when it is done. Raises `SiteUnreachable` when the index cannot be had or
        is none: then nothing is known of the site.
        """
        children = children_for(scope, await self.index())
        if len(children) > MAX_CHILDREN:
            self.found.problem(
                INDEX_URL, f"names {len(children):,} files; {MAX_CHILDREN:,} are read"
            )
            children = children[:MAX_CHILDREN]
        self.found.total = len(children)
        for child in children:
            newest = await self._child(child)
            self.found.sources += 1
            yield child
            past = newest is not None and scope.since is not None and newest < scope.since
            if past and is_ascending(child):
                break

    async def listings(self, scope: Scope) -> AsyncIterator[StoryRef]:
        """Read the newest lists of the scope's sections, deeper until its first day is passed."""
        for section in scope.sections or tuple(section.path for section in SECTIONS):
            async for card in self._section(section, scope):
                yield card.ref
        if not self.found.sources:
            why = next(iter(self.found.problems), "every address of a list answers 404")
            raise SiteUnreachable(f"none of the section lists can be read: {why}")

    async def index(self) -> tuple[Child, ...]:
        """Return the sitemaps that the index names, conditionally asked for.

        Raises `SiteUnreachable` as `sitemap` does.
        """
        try:
            page = await self._get(INDEX_URL, await self._validators(INDEX_URL))
            if page.status == 304:  # its names and hints are in the catalogue
                known = await self._archive.sources()
                return tuple(Child(s.url, s.lastmod) for s in known if s.url != INDEX_URL)
            if page.status != 200:
                raise SiteUnreachable(f"{INDEX_URL}: there is no sitemap (answered {page.status})")
            index = await _read(page.body, INDEX_URL)
        except (FetchFailed, SourceUnreadable) as problem:
            raise SiteUnreachable(f"the sitemap cannot be read: {problem}") from problem
        children = tuple(child for child in index.children if child.url != INDEX_URL)
        if not children:
            raise SiteUnreachable(f"{INDEX_URL}: names no sitemaps; the site may have changed")
        if index.problem:
            self.found.problem(INDEX_URL, index.problem)
        else:
            await self._remember(children, page)
        return children

    async def _remember(self, children: tuple[Child, ...], page: Page) -> None:
        """Keep the names and hints of the children, and the index's validators with them."""
        known = {source.url: source for source in await self._archive.sources()}
        states = [
            replace(known.get(child.url, SourceState(child.url)), lastmod=child.lastmod)
            for child in children
        ]
        index = SourceState(INDEX_URL, page.validators, page.fetched_at)
        await self._archive.record((), *states, index)

    async def _child(self, child: Child) -> date | None:
        """Read a file into the catalogue; return the latest issue day in it, if that is known."""
        known = await self._archive.source(child.url) or SourceState(child.url)
        try:
            page = await self._get(child.url, known.validators)
            self._unreachable = 0
            if page.status != 200:  # unchanged, or a month without stories (404)
                return known.newest
            sitemap = await _read(page.body, child.url)
        except (FetchFailed, SourceUnreadable) as problem:
            self._give_up_if_down(problem)
            self.found.problem(child.url, problem.problem)
            return None
        newest = max((ref.day for ref in sitemap.stories), default=None)
        if sitemap.problem:
            self.found.problem(child.url, sitemap.problem)
        if sitemap.children:
            self.found.problem(child.url, "an index below the index; it is not followed")
        # The validators of a file that broke off are not kept: it is read again in the next run.
        validators = Validators() if sitemap.problem else page.validators
        state = SourceState(child.url, validators, page.fetched_at, child.lastmod, newest)
        self.found.fresh += await self._archive.record(sitemap.stories, state)
        return newest

    def _give_up_if_down(self, problem: Exception) -> None:
        self._unreachable += isinstance(problem, HostUnreachable)
        if self._unreachable >= _UNREACHABLE_LIMIT:
            raise SiteUnreachable(f"the sitemap cannot be read: {problem}") from problem

    async def _section(self, section: str, scope: Scope) -> AsyncIterator[Card]:
        problems: list[FetchFailed | SourceUnreadable] = []
        for url in listing_urls(section):
            try:
                listing = await self._listing(url)
            except (FetchFailed, SourceUnreadable) as problem:
                problems.append(problem)
                continue
            if listing.cards:
                async for card in self._pages(listing, scope):
                    yield card
                return
        # Sections move and some have no list of one form: no list at all is worth a word only
        # where something was there that could not be read.
        for each in problems:
            self.found.problem(each.url, each.problem)

    async def _pages(self, listing: Listing, scope: Scope) -> AsyncIterator[Card]:
        for _ in range(_MAX_PAGES):
            refs = tuple(card.ref for card in listing.cards)
            fresh = await self._archive.record(refs)
            self.found.fresh += fresh
            for card in listing.cards:
                yield card
            # Without a first day, one look at what is new is enough.
            past = _all_before(scope, refs) if scope.since else not fresh
            if past or listing.next_url is None:
                return
            try:
                listing = await self._listing(listing.next_url)
            except (FetchFailed, SourceUnreadable) as problem:
                self.found.problem(problem.url, problem.problem)
                return

    async def _listing(self, url: str) -> Listing:
        page = await self._fetcher.get(url)
        if page.status != 200:
            log.info("%s: answered %d", url, page.status)
            return Listing(())
        self.found.sources += 1
        return read_listing(page.body, url, page.charset)

    async def _get(self, url: str, validators: Validators) -> Page:
        return await self._fetcher.get(url, validators, cap=SITEMAP_CAP)

    async def _validators(self, url: str) -> Validators:
        source = await self._archive.source(url)
        return source.validators if source else Validators()


def read_addresses(lines: Iterable[str]) -> tuple[list[StoryRef], list[NotAStory]]:
    """Read addresses, one a line; blank lines and lines that begin with `#` are left out."""
    refs: list[StoryRef] = []
    refused: list[NotAStory] = []
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            refs.append(zaobao.story_ref(text))
        except NotAStory as error:
            refused.append(error)
    if not refs and not refused:
        raise UsageError("no addresses were given")
    return refs, refused


async def _read(body: bytes, url: str) -> Sitemap:
    """Read a sitemap beside the event loop: the largest take seconds."""
    return await asyncio.to_thread(read_sitemap, body, url)


def _all_before(scope: Scope, refs: tuple[StoryRef, ...]) -> bool:
    return scope.since is not None and bool(refs) and all(ref.day < scope.since for ref in refs)
