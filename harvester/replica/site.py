"""The whole site of the replica: what each address answers, and what a harvest must make of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from harvester.model import Era
from harvester.replica import content, listings, redesigns
from harvester.replica.making import bulk
from harvester.replica.others import UNREADABLE, Other, others
from harvester.replica.pages import charset
from harvester.replica.redesigns import Design, Redesign
from harvester.replica.shelves import Shelves
from harvester.replica.sitemaps import Entry, Form, Sitemaps
from harvester.replica.story import HK, SG, Block, Story, issue_day
from harvester.replica.troubles import Troubles

NOW = datetime(2026, 10, 1, 4, 0, tzinfo=UTC)
HTML, JSON, XML, TEXT = "text/html", "application/json", "application/xml", "text/plain"
_API = "/_plat/api/v2/page-content/"
_MORE = "/more/sitemap/"
_FUTURE = timedelta(days=400)
_TICK = timedelta(minutes=1)
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

Now = datetime | Callable[[], datetime]
"""A clock to follow, or a moment."""


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
class Shown:
    """A story that must end up archived, all addresses that show it, and its twin's id, if any.

    Of two stories with one text a harvest keeps the first it meets; the other is a duplicate.
    """

    story: Story
    urls: tuple[str, ...]
    twin: str | None = None


class Site(Troubles):
    """Both hosts, www.zaobao.com.sg and www.zaobao.com, as they answer now.

    `now` is a clock to follow, or where the site's own clock starts, which moves a minute with
    every change, so that all is repeatable. `redirects` maps real addresses to locations,
    `crawl_delay` goes into robots.txt (seconds), `max_age` into Cache-Control (seconds).
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
        now: Now = NOW,
    ) -> None:
        super().__init__()
        self.hk_listing = hk_listing
        self.crawl_delay: float | None = None
        self.max_age: int | None = None
        self.forbidden: set[str] = set()
        self.redirects: dict[str, str] = {}
        self._followed = now if callable(now) else None
        self._touched = now() if callable(now) else now
        self._design: Design | None = None
        self._redesigned = _LONG_AGO
        self._asked = 0
        self._stories: dict[str, Story] = {}
        self._removed: dict[str, Story] = {}
        self._changed: dict[str, datetime] = {}
        self._at: dict[tuple[str, str], str] = {}
        self._shelves = Shelves()
        self._sitemaps = Sitemaps(Form(form), sitemap_size)
        self._beside = {(other.host, other.path): other for other in beside}
        for other in self._beside.values():
            if other.host == SG and "/story" in other.path:
                at = issue_day(other.path)
                self._sitemaps.put(Entry(other.path, at, at))
        for story in stories:
            self._show(story, story.published)

    @property
    def now(self) -> datetime:
        """The time on the site's clock, aware."""
        return self._followed() if self._followed else self._touched

    @classmethod
    def arranged(
        cls,
        *,
        form: Form | str = Form.MONTHLY,
        hk_listing: Era = Era.HK_2025,
        unreadable: bool = True,
        now: Now = NOW,
    ) -> Self:
        """Return the hand-arranged site: every era, trap and non-article.

        Without `unreadable` the pages are left out that fail and are tried again in every run.
        """
        stories = (*content.stories(), content.FORBIDDEN)
        beside = [other for other in others() if unreadable or other.kind not in UNREADABLE]
        site = cls(stories, beside, form=form, hk_listing=hk_listing, now=now)
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
        now: Now = NOW,
    ) -> Self:
        """Return a site of `count` generated stories on zaobao.com.sg, spread over the days."""
        return cls(bulk(count, seed, since, until), form=form, now=now)

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
        self._show(story, self._touch())

    def edit(
        self,
        story_id: str,
        *,
        blocks: Iterable[str] | None = None,
        title: str | None = None,
        silent: bool = False,
    ) -> Story:
        """Change a story's text, `blocks` as plain paragraphs, and return the new story.

        A silent edit leaves the sitemap's lastmod as it is; the page's validators change.
        """
        story = self._stories[story_id]
        body = story.body if blocks is None else tuple(Block("p", text) for text in blocks)
        edited = replace(story, body=body, title=story.title if title is None else title)
        self._show(edited, self._touch(), silent=silent)
        return edited

    def remove(self, story_id: str, *, silent: bool = False) -> None:
        """Take a story away: its addresses answer 404 from now on, the sitemap still names them.

        Their lastmod there is the time of the removal, unless it is a silent one.
        """
        story = self._removed[story_id] = self._stories.pop(story_id)
        self._shelves.drop(story)
        at = self._touch()
        if not silent:
            self._list(story, at)
        for host in story.hosts:
            for path in story.paths:
                del self._at[host, path]
                self._beside[host, path] = Other(path, "removed", 404, host=host)

    def restore(self, story_id: str) -> None:
        """Bring a removed story back."""
        self._show(self._removed.pop(story_id), self._touch())

    def redesign(self, kind: Redesign | str | None, sections: Iterable[str] = ()) -> None:
        """Show pages or lists in another way, of all sections or of some; None ends it."""
        self._redesigned = self._touch()
        self._design = Design(Redesign(kind), tuple(sections)) if kind else None

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
            return self._page(self._stories[story_id], host)
        return self._machinery(host, split.path, parse_qs(split.query))

    def _page(self, story: Story, host: str) -> Answer:
        self._asked += 1
        body = redesigns.page(self._kind(story.section), story, host, self._asked)
        changed = max(self._changed[story.story_id], self._redesigned)
        return Answer(200, body, charset=charset(story, host), changed=changed)

    def _kind(self, section: str) -> Redesign | None:
        return self._design.kind if self._design and self._design.rules(section) else None

    def _machinery(self, host: str, path: str, query: dict[str, list[str]]) -> Answer:
        if path == "/robots.txt":
            return Answer(200, self._robots(), TEXT)
        if host == SG and path in (files := self._sitemaps.files()):
            return Answer(200, files[path], XML, changed=self._touched)
        if host == SG and path.startswith(_API):
            return self._api(path.removeprefix(_API), _number(query, "page", 0))
        if host == HK and path.startswith(_MORE) and self.hk_listing is Era.HK_2020:
            return self._more(path.removeprefix(_MORE), query)
        return self._listing(host, path.strip("/"))

    def _robots(self) -> bytes:
        lines = ["User-agent: *", "Disallow: /search"]
        lines += [f"Disallow: /{path}" for path in sorted(self.forbidden)]
        if self.crawl_delay is not None:
            lines.append(f"Crawl-delay: {self.crawl_delay:g}")
        return "\n".join([*lines, "", f"Sitemap: https://{SG}/sitemap.xml", ""]).encode()

    def _api(self, section: str, page: int) -> Answer:
        stories = self._in(section, SG)
        if self._kind(section) is Redesign.LISTS:
            body = redesigns.json_list(stories[: listings.PAGE_SIZE])
        else:
            body = listings.sg_json(section, stories, page)
        return Answer(200, body, JSON, changed=self._touched)

    def _more(self, number: str, query: dict[str, list[str]]) -> Answer:
        stories = self._in(listings.SITEMAP_IDS.get(number, "?"), HK)
        page, size = _number(query, "pageNo", 1), _number(query, "pageSize", 9)
        return Answer(200, listings.hk_json(stories, page, size), JSON, changed=self._touched)

    def _listing(self, host: str, section: str) -> Answer:
        stories = self._in(section, host)[: listings.PAGE_SIZE + 4]
        if not stories:
            return Answer(404, listings.sg_html("", (), self.now))
        if self._kind(section) is Redesign.LISTS:
            body = redesigns.html_list(stories)
        elif host == SG:
            body = listings.sg_html(section, stories, self.now)
        elif self.hk_listing is Era.HK_2020:
            body = listings.hk_html_2020(section, stories)
        else:
            body = listings.hk_html_2025(section, stories)
        return Answer(200, body, changed=self._touched)

    def _in(self, section: str, host: str) -> list[Story]:
        """Return the stories of a section's list, the newest first; the front page has all."""
        stories = self._shelves.newest_first(host, section)
        if self._kind(section) is Redesign.STALE_LISTS:
            return redesigns.stale(stories, self.now)
        return stories

    def _show(self, story: Story, changed: datetime, *, silent: bool = False) -> None:
        if before := self._stories.get(story.story_id):
            self._shelves.drop(before)
        self._shelves.add(story)
        self._stories[story.story_id] = story
        self._changed[story.story_id] = changed
        for host in story.hosts:
            for path in story.paths:
                self._beside.pop((host, path), None)
                self._at[host, path] = story.story_id
        if not silent:
            self._list(story, changed)

    def _list(self, story: Story, changed: datetime) -> None:
        """Put a story into the sitemap; some times of a change lie in the future there."""
        lastmod = changed + (_FUTURE if int(story.story_id) % 17 == 0 else timedelta())
        if SG in story.hosts:
            for path in story.paths:
                self._sitemaps.put(Entry(path, story.published, lastmod))

    def _touch(self) -> datetime:
        """Return the time of a change that is being made."""
        self._touched = self._followed() if self._followed else self._touched + _TICK
        return self._touched


def _other_than(story: Story, ids: list[str]) -> str | None:
    return next((story_id for story_id in ids if story_id != story.story_id), None)


def _number(query: dict[str, list[str]], name: str, default: int) -> int:
    text = query.get(name, [""])[0]
    return int(text) if text.isdecimal() else default
