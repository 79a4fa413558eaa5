"""The whole site of the replica: what each address answers, and what a harvest must make of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from harvester.model import Era
from harvester.replica import content, listings, sitemaps
from harvester.replica.making import bulk
from harvester.replica.others import UNREADABLE, Other, others
from harvester.replica.pages import charset, render
from harvester.replica.sitemaps import Form
from harvester.replica.story import HK, SG, Block, Story, issue_day

NOW = datetime(2026, 10, 1, 4, 0, tzinfo=UTC)
HTML, JSON, XML, TEXT = "text/html", "application/json", "application/xml", "text/plain"
_API = "/_plat/api/v2/page-content/"
_MORE = "/more/sitemap/"
_FUTURE = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the site says at an address; without `changed` there are no validators."""

    status: int
    body: bytes = b""
    kind: str = HTML
    charset: str | None = "utf-8"
    location: str | None = None
    changed: datetime | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A misbehaviour at a path: a status, or no answer at all when `status` is None."""

    status: int | None
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A story that must end up archived, all addresses that show it, and its twin's id, if any.

    Of two stories with one text a harvest keeps the first it meets; the other is a duplicate.
    """

    story: Story
    urls: tuple[str, ...]
    twin: str | None = None


class Site:
    """Both hosts, www.zaobao.com.sg and www.zaobao.com, as they answer now.

    Its clock starts at `now` and moves a minute with every change, so that all is repeatable.
    `redirects` maps real addresses to locations, `crawl_delay` goes into robots.txt (seconds).
    `hk_listing` is the era of the section pages of .com, HK_2025 or HK_2020.
    """

    def __init__(
        self,
        stories: Iterable[Story],
        beside: Iterable[Other] = (),
        *,
        form: Form | str = Form.MONTHLY,
        sitemap_size: int = 1000,
        hk_listing: Era = Era.HK_2025,
        now: datetime = NOW,
    ) -> None:
        self.now = now
        self.form = Form(form)
        self.sitemap_size = sitemap_size
        self.hk_listing = hk_listing
        self.crawl_delay: float | None = None
        self.forbidden: set[str] = set()
        self.redirects: dict[str, str] = {}
        self._stories: dict[str, Story] = {}
        self._changed: dict[str, datetime] = {}
        self._at: dict[tuple[str, str], str] = {}
        self._beside = {(other.host, other.path): other for other in beside}
        self._faults: defaultdict[str, list[Fault]] = defaultdict(list)
        self._delays: dict[str, float] = {}
        self._sitemaps: dict[str, bytes] = {}
        for story in stories:
            self._show(story, story.published)

    @classmethod
    def arranged(
        cls,
        *,
        form: Form | str = Form.MONTHLY,
        hk_listing: Era = Era.HK_2025,
        unreadable: bool = True,
    ) -> Self:
        """Return the hand-arranged site: every era, trap and non-article.

        Without `unreadable` the pages are left out that fail and are tried again in every run.
        """
        stories = (*content.stories(), content.FORBIDDEN)
        beside = [other for other in others() if unreadable or other.kind not in UNREADABLE]
        site = cls(stories, beside, form=form, hk_listing=hk_listing)
        site.forbidden.add(content.FORBIDDEN.path)
        moved = content.MOVED_TO_SG
        site.redirects[f"https://{HK}/{moved}"] = f"https://{SG}/{moved}"
        return site

    @classmethod
    def bulk(
        cls,
        count: int,
        seed: int = 0,
        *,
        form: Form | str = Form.MONTHLY,
        since: date = date(2016, 1, 1),
        until: date = date(2026, 9, 30),
    ) -> Self:
        """Return a site of `count` generated stories on zaobao.com.sg, spread over the days."""
        return cls(bulk(count, seed, since, until), form=form)

    # What a harvest must make of it

    def truth(self) -> tuple[Shown, ...]:
        """Return the stories that must end up archived."""
        twins: defaultdict[tuple[str, tuple[Block, ...]], list[str]] = defaultdict(list)
        for story in self._stories.values():
            twins[story.title, story.body].append(story.story_id)
        return tuple(
            Shown(story, story.urls, _other_than(story, twins[story.title, story.body]))
            for story in self._stories.values()
            if story.path not in self.forbidden
        )

    def others(self) -> dict[str, str]:
        """Return the story addresses that must not be archived, and why not."""
        kinds = {other.url: other.kind for other in self._beside.values()}
        forbidden = {f"https://{SG}/{path}": "robots" for path in self.forbidden}
        return kinds | forbidden

    # Changes while it runs

    def publish(self, story: Story) -> None:
        """Show a new story."""
        self._show(story, self._tick())

    def edit(
        self, story_id: str, *, blocks: Iterable[str] | None = None, title: str | None = None
    ) -> Story:
        """Change a story's text, `blocks` as plain paragraphs, and return the new story."""
        story = self._stories[story_id]
        body = story.body if blocks is None else tuple(Block("p", text) for text in blocks)
        edited = replace(story, body=body, title=story.title if title is None else title)
        self._show(edited, self._tick())
        return edited

    def remove(self, story_id: str) -> None:
        """Take a story away: its addresses answer 404 from now on, the sitemap still names them."""
        story = self._stories.pop(story_id)
        self._tick()
        for host in story.hosts:
            for path in story.paths:
                del self._at[host, path]
                self._beside[host, path] = Other(path, "removed", 404, host=host)

    def fail(
        self, path: str, status: int, times: int = 1, retry_after: str | int | None = None
    ) -> None:
        """Let the next `times` requests for `path` (as sent, with query) end in `status`."""
        text = None if retry_after is None else str(retry_after)
        self._faults[path] += [Fault(status, text)] * times

    def drop(self, path: str, times: int = 1) -> None:
        """Close the connection of the next `times` requests for `path` without an answer.

        A client that repeats a request by itself on a fresh connection hides a single drop.
        """
        self._faults[path] += [Fault(None)] * times

    def slow(self, path: str, seconds: float) -> None:
        """Let every answer for `path` wait."""
        self._delays[path] = seconds

    def take_fault(self, path: str) -> Fault | None:
        """Return and use up the next fault of `path`."""
        return self._faults[path].pop(0) if self._faults.get(path) else None

    def delay(self, path: str) -> float:
        """Return how long answers for `path` wait, in seconds."""
        return self._delays.get(path, 0.0)

    # What an address answers

    def answer(self, host: str, target: str) -> Answer:
        """Return what `host` answers for a path with query, faults aside."""
        split = urlsplit(target)
        path = unquote(split.path).removeprefix("/")
        if location := self.redirects.get(f"https://{host}/{path}"):
            return Answer(302, location=location)
        if other := self._beside.get((host, path)):
            return Answer(other.status, other.page(), location=other.location)
        if story_id := self._at.get((host, path)):
            story = self._stories[story_id]
            label = charset(story, host)
            return Answer(200, render(story, host), charset=label, changed=self._changed[story_id])
        return self._machinery(host, split.path, parse_qs(split.query))

    def _machinery(self, host: str, path: str, query: dict[str, list[str]]) -> Answer:
        if path == "/robots.txt":
            return Answer(200, self._robots(), TEXT)
        if host == SG and path in (files := self._sitemap_files()):
            return Answer(200, files[path], XML, changed=self.now)
        if host == SG and path.startswith(_API):
            section = path.removeprefix(_API)
            body = listings.sg_json(section, self._in(section, host), _number(query, "page", 0))
            return Answer(200, body, JSON, changed=self.now)
        if host == HK and path.startswith(_MORE) and self.hk_listing is Era.HK_2020:
            return self._more(path.removeprefix(_MORE), query)
        return self._listing(host, path.strip("/"))

    def _robots(self) -> bytes:
        lines = ["User-agent: *", "Disallow: /search"]
        lines += [f"Disallow: /{path}" for path in sorted(self.forbidden)]
        if self.crawl_delay is not None:
            lines.append(f"Crawl-delay: {self.crawl_delay:g}")
        return "\n".join([*lines, "", f"Sitemap: https://{SG}/sitemap.xml", ""]).encode()

    def _more(self, number: str, query: dict[str, list[str]]) -> Answer:
        stories = self._in(listings.SITEMAP_IDS.get(number, "?"), HK)
        page, size = _number(query, "pageNo", 1), _number(query, "pageSize", 9)
        return Answer(200, listings.hk_json(stories, page, size), JSON, changed=self.now)

    def _listing(self, host: str, section: str) -> Answer:
        stories = self._in(section, host)[: listings.PAGE_SIZE + 4]
        if not stories:
            return Answer(404, listings.sg_html("", (), self.now))
        if host == SG:
            return Answer(200, listings.sg_html(section, stories, self.now), changed=self.now)
        write = listings.hk_html_2020 if self.hk_listing is Era.HK_2020 else listings.hk_html_2025
        return Answer(200, write(section, stories), changed=self.now)

    def _in(self, section: str, host: str) -> list[Story]:
        """Return the stories of a section, the newest first; the front page has all."""
        prefix = f"{section}/" if section else ""
        shown = (s for s in self._stories.values() if host in s.hosts and s.path.startswith(prefix))
        return sorted(shown, key=lambda story: (story.published, story.path), reverse=True)

    def _sitemap_files(self) -> dict[str, bytes]:
        if not self._sitemaps:
            self._sitemaps = dict(sitemaps.files(self._entries(), self.form, self.sitemap_size))
        return self._sitemaps

    def _entries(self) -> Iterable[sitemaps.Entry]:
        for story in self._stories.values():
            lastmod = self._changed[story.story_id]
            lastmod += _FUTURE if int(story.story_id) % 17 == 0 else timedelta()
            if SG in story.hosts:
                yield from (sitemaps.Entry(p, story.published, lastmod) for p in story.paths)
        for other in self._beside.values():
            if other.host == SG and "/story" in other.path:
                at = issue_day(other.path)
                yield sitemaps.Entry(other.path, at, at)

    def _show(self, story: Story, changed: datetime) -> None:
        self._stories[story.story_id] = story
        self._changed[story.story_id] = changed
        self._sitemaps = {}
        for host in story.hosts:
            for path in story.paths:
                self._beside.pop((host, path), None)
                self._at[host, path] = story.story_id

    def _tick(self) -> datetime:
        self.now += timedelta(minutes=1)
        self._sitemaps = {}
        return self.now


def _other_than(story: Story, ids: list[str]) -> str | None:
    return next((story_id for story_id in ids if story_id != story.story_id), None)


def _number(query: dict[str, list[str]], name: str, default: int) -> int:
    text = query.get(name, [""])[0]
    return int(text) if text.isdecimal() else default
