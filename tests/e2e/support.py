"""A place to harvest into, who watches, and posts read by other means than the program's own."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from selectolax.lexbor import LexborHTMLParser, LexborNode

from harvester import runs
from harvester.model import Decision, Era, Stored, Verdict
from harvester.replica import Site, Story
from harvester.replica.making import make
from harvester.replica.site import NOW
from harvester.replica.story import SG
from harvester.runs import Order, Outcome, Source
from harvester.settings import Settings, load
from harvester.store import MANIFEST, ArticleRow, Revision, open_archive, verify

if TYPE_CHECKING:
    from harvester.discover import Discovery

_ENTITY = re.compile("&(?:#123|#40|lt);")  # what the link line may not hold as it is
_FRONT_MATTER = re.compile(
    r"---\n(?P<header>(?s:.*?))\n---\n<!--(?P<epoch>\d+)-->\n\[(?P<title>.*)\]\((?P<url>\S+)\)\n------\n"
    r"\n<div>\n(?P<body>.*)\n</div>\n"
)
_BLOCKS = "p, h2, h3, h4, h5, h6, li, td, th, blockquote, pre"


class Clock:
    """The clock of a run: begins when the replica does; sleep is over at once and moves it."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Return the instant after all that was slept."""
        return NOW + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        """Return seconds from some other start."""
        return 1000.0 + self.elapsed

    async def sleep(self, seconds: float) -> None:
        """Let others run, then be later."""
        self.slept.append(seconds)
        until = self.elapsed + seconds
        await asyncio.sleep(0)
        self.elapsed = max(self.elapsed, until)


@dataclass
class Watcher:
    """Notes what it hears; `then` is called after every address with how many there were."""

    ends: list[tuple[str, Decision]] = field(default_factory=list)
    files: list[tuple[Path, Decision, Stored | None]] = field(default_factory=list)
    waits: list[tuple[str, float, str]] = field(default_factory=list)
    then: Callable[[int], None] = lambda _: None

    def adopting(self, posts: int) -> None:
        """Do without the count of posts that are taken up."""

    def discovering(self, found: Discovery) -> None:
        """Do without the progress of discovery."""

    def planned(self, total: int) -> None:
        """Do without the plan."""

    def waiting(self, host: str, seconds: float, why: str) -> None:
        """Note a wait."""
        self.waits.append((host, seconds, why))

    def ended(self, url: str, decision: Decision) -> None:
        """Note the end of an address."""
        self.ends.append((url, decision))
        self.then(len(self.ends))

    def imported(self, path: Path, decision: Decision, stored: Stored | None) -> None:
        """Note the end of a file."""
        self.files.append((path, decision, stored))


@dataclass(frozen=True)
class Run:
    """A run that has ended: its outcome, and what its watcher heard."""

    outcome: Outcome
    watcher: Watcher

    @property
    def counts(self) -> dict[str, int]:
        """The end states that occurred, with their numbers."""
        by_verdict = self.outcome.counts.by_verdict
        return {verdict.value: number for verdict, number in by_verdict.items() if number}

    @property
    def ends(self) -> dict[str, str]:
        """The end state of each address."""
        return {url: decision.verdict.value for url, decision in self.watcher.ends}

    def ended(self, verdict: Verdict) -> dict[str, str]:
        """Return the addresses that ended so, with the reasons."""
        return {
            url: decision.reason
            for url, decision in self.watcher.ends
            if decision.verdict is verdict
        }


@dataclass
class Place:
    """A post tree and a state folder, and the runs that work on them by a clock of their own."""

    root: Path
    origin: str = ""
    clock: Clock = field(default_factory=Clock)

    @property
    def seeds(self) -> Path:
        """The post tree."""
        return self.root / "seeds"

    @property
    def state(self) -> Path:
        """The folder of the catalogue."""
        return self.root / "state"

    def settings(self, **changes: Any) -> Settings:  # noqa: ANN401 - as many types as options
        """Return settings for this place; a thousand requests a second unless told otherwise."""
        flags = {"seeds": self.seeds, "state": self.state, "rate": 1000, "concurrency": 4}
        return load(flags | {"site_origin": self.origin or None} | changes, {})

    async def backfill(
        self, order: Order | None = None, watcher: Watcher | None = None, **changes: object
    ) -> Run:
        """Run a backfill to its end."""
        watcher = watcher or Watcher()
        asked = order or Order()
        settings = self.settings(**changes)
        outcome = await runs.backfill(settings, asked, watcher, self.clock, asyncio.Event())
        return Run(outcome, watcher)

    async def backfill_urls(self, urls: Iterable[str]) -> Run:
        """Run a backfill of these addresses."""
        return await self.backfill(Order(Source.URLS, urls=tuple(urls)))

    async def fetch(self, *urls: str, all_revisions: bool = False) -> Run:
        """Ask for the pages of these stories now."""
        watcher = Watcher()
        settings = self.settings()
        order = runs.FetchOrder(urls, all_revisions=all_revisions)
        outcome = await runs.fetch(settings, order, watcher, self.clock, asyncio.Event())
        return Run(outcome, watcher)

    async def take_in(self, *paths: Path) -> Run:
        """Import posts."""
        watcher = Watcher()
        settings = self.settings()
        outcome = await runs.import_posts(settings, paths, watcher, self.clock, asyncio.Event())
        return Run(outcome, watcher)

    def articles(self) -> dict[str, ArticleRow]:
        """Return the view `articles` by story id."""
        with open_archive(self.seeds, self.state) as archive:
            return {article.story_id: article for article in archive.articles()}

    def hashes(self) -> dict[str, str]:
        """Return the content hash of each story."""
        return {story_id: row.content_hash for story_id, row in self.articles().items()}

    def revisions(self, story_id: str) -> tuple[Revision, ...]:
        """Return the texts that a story has had."""
        with open_archive(self.seeds, self.state) as archive:
            return archive.revisions(story_id)

    def text(self, story_id: str, revision: int | None = None) -> bytes:
        """Return the post of a story, or an earlier one."""
        with open_archive(self.seeds, self.state) as archive:
            return archive.post(story_id, revision)

    def files(self) -> dict[str, bytes]:
        """Return every file of the post tree, temporary and hidden ones too, by relative path.

        Manifest and feeds are no part of it: they follow from it.
        """
        return {
            path.relative_to(self.seeds).as_posix(): path.read_bytes()
            for path in self.seeds.rglob("*")
            if path.is_file() and path.name != MANIFEST and self.seeds / "feeds" not in path.parents
        }

    def identities(self) -> dict[str, tuple[int, int]]:
        """Return what changes when a file is written: its inode and the time of its change."""
        return {
            path: ((at := (self.seeds / path).stat()).st_ino, at.st_mtime_ns)
            for path in self.files()
        }

    def check(self) -> None:
        """Hold disk and catalogue to each other."""
        assert verify(self.seeds, self.state).differences == ()
        held = {row.path: row.sha256 for row in self.articles().values()}
        found = {path: hashlib.sha256(data).hexdigest() for path, data in self.files().items()}
        assert held == found


# --- posts, read by other means than the program's own ---


@dataclass(frozen=True)
class Written:
    """What a reader of a post finds: both titles and clocks, text, pictures."""

    title: str
    link_title: str
    date: datetime
    epoch: datetime
    url: str
    blocks: tuple[str, ...]
    said: str
    pictures: tuple[str, ...]
    captions: tuple[str, ...]


def read(data: bytes) -> Written:
    """Read a post with a YAML and an HTML reader. `said` is all visible text but captions."""
    match = _FRONT_MATTER.fullmatch(data.decode())
    assert match, "not of the form of a post"
    header = yaml.safe_load(match["header"])
    tree = LexborHTMLParser(match["body"])
    assert tree.body
    captions = tuple(node.text(strip=True) for node in tree.css("figcaption"))
    pictures = tuple(node.attributes["src"] or "" for node in tree.css("img"))
    for node in tree.css("figcaption"):
        node.decompose()
    return Written(
        title=header["title"],
        link_title=_ENTITY.sub(lambda found: unescape(found[0]), match["title"]),
        date=header["date"].astimezone(UTC),
        epoch=datetime.fromtimestamp(int(match["epoch"]) / 1000, UTC),
        url=header["from"],
        blocks=tuple(_leaves(tree.body)),
        said=squeezed(tree.body.text()),
        pictures=pictures,
        captions=captions,
    )


def squeezed(text: str) -> str:
    """Return text without blanks."""
    return "".join(text.split())


def _leaves(body: LexborNode) -> Iterator[str]:
    for node in body.css(_BLOCKS):
        text = node.text().strip()
        if text and not [inner for inner in node.css(_BLOCKS) if inner.mem_id != node.mem_id]:
            yield text


# --- sites and stories ---


def story(number: int, at: str = "2026-09-10T09:00:00", section: str = "realtime/china") -> Story:
    """Return a story of today's layout; its address has the day of its publication."""
    return make(f"{section}/story{at[:10].replace('-', '')}-{number}", Era.SG_2024, at)


def small_site(count: int = 6) -> Site:
    """Return a site of so many stories of one day, an hour apart."""
    return Site(story(9_700_000 + hour, f"2026-09-10T{hour:02}:00:00") for hour in range(count))


def address(shown: Story) -> str:
    """Return the address of a story on zaobao.com.sg."""
    return f"https://{SG}/{shown.path}"
