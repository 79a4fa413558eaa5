"""Search over posts like the newspaper's: `python -m benchmarks.search [--scale S] [--json FILE]`.

10,000 made-up posts go through the real store; then the index is made, 200 queries are asked within
one process, and some by the command line, start-up included. A hundred names of two ideographs are
taken out of the texts and looked for; each must lead to every story that has it.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import accumulate
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.harness import alone, scaled
from harvester import judge, post
from harvester.clock import SystemClock
from harvester.drafts import draft_of_page
from harvester.handoff.search import SEARCH, Listener, Search, find, parse, refresh_index
from harvester.model import Access, Article, Era, Instant
from harvester.store import CATALOGUE, Archive, Reader, Selection, open_archive

_POSTS = 10_000
_QUERIES = 200
_NAMES = 100
_STARTS = 11
_MEDIAN_MS = 50.0
_AT_ONCE = 1000
_NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
_SECTIONS = ("realtime/china", "realtime/world", "realtime/singapore", "news/sea", "finance/sea")
_FAMILY = "王李张刘陈杨黄赵吴周徐孙马朱胡林郭何高罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余"
_PLACES = ("新加坡", "中国", "美国", "马来西亚", "印尼", "日本", "北京", "香港", "台北", "吉隆坡")
_BODIES = (
    "国会",
    "外交部",
    "卫生部",
    "央行",
    "联合早报",
    "欧盟",
    "世卫组织",
    "G20",
    "WHO",
    "亚细安",
)


@dataclass(frozen=True, slots=True)
class Pool:
    """Things of which the n-th is n times as rare as the first (Zipf's law)."""

    things: list[str]
    weights: list[float]

    @classmethod
    def of(cls, things: list[str]) -> Pool:
        """Return things with their weights, added up."""
        return cls(things, list(accumulate(1 / n for n in range(1, len(things) + 1))))


class Writer:
    """Writes stories; words and names come as often as in a real language."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - made-up texts
        self._signs = self._common_signs()
        self._words = Pool.of(["".join(self._pick(2)) for _ in range(20_000)])
        self.names = [
            self._random.choice(_FAMILY) + "".join(self._pick(1 + number % 2))
            for number in range(2_000)
        ]
        self._named = Pool.of(self.names)

    def article(self, number: int) -> Article:
        """Return a story of about 900 ideographs."""
        paragraphs = [self._paragraph() for _ in range(self._random.randint(5, 12))]
        section = self._random.choice(_SECTIONS)
        at = _NOW - timedelta(minutes=50 * number)
        story_id = str(1_000_000 + number)
        return Article(
            story_id=story_id,
            url=f"https://www.zaobao.com.sg/{section}/story{at:%Y%m%d}-{story_id}",
            section=section,
            title=f"{self._sentence(4)}　{self._sentence(4)}",
            published=Instant(at, "json-ld"),
            body="".join(f"<p>{text}</p>" for text in paragraphs),
            blocks=tuple(paragraphs),
            era=Era.SG_2019,
            access=Access.PREVIEW if number % 20 == 0 else Access.FULL,
        )

    def _paragraph(self) -> str:
        count = self._random.randint(2, 5)
        return "。".join(self._sentence(self._random.randint(8, 18)) for _ in range(count)) + "。"

    def _sentence(self, length: int) -> str:
        words = self._choose(self._words, length)
        for _ in range(length // 6):
            words[self._random.randrange(length)] = self._proper()
        if length > 10:
            words[length // 2] += "，"
            words[-1] += f"{self._random.randint(1, 2021)}人"
        return "".join(words)

    def _proper(self) -> str:
        if self._random.random() < 0.5:
            (name,) = self._choose(self._named, 1)
            return f"{name}说" if self._random.random() < 0.5 else name
        return self._random.choice(_PLACES + _BODIES)

    def _pick(self, count: int) -> list[str]:
        return self._choose(self._signs, count)

    def _common_signs(self) -> Pool:
        """Return the 3,755 signs of level 1 of GB 2312."""
        rows = bytes(range(0xB0, 0xD8))
        signs = [
            bytes((row, cell)).decode("gb2312", "ignore")
            for row in rows
            for cell in range(0xA1, 0xFF)
        ]
        signs = [sign for sign in signs if sign]
        self._random.shuffle(signs)
        return Pool.of(signs)

    def _choose(self, pool: Pool, count: int) -> list[str]:
        return self._random.choices(pool.things, cum_weights=pool.weights, k=count)


@dataclass(frozen=True, slots=True)
class Place:
    """An archive in a folder that is removed afterwards."""

    root: Path

    @property
    def seeds(self) -> Path:
        """The post tree."""
        return self.root / "seeds"

    @property
    def state(self) -> Path:
        """The folder of the catalogue and the index."""
        return self.root / "state"


async def fill(place: Place, articles: Sequence[Article]) -> None:
    """Store stories by the real store."""
    async with Archive.open(
        place.seeds,
        place.state,
        decide=judge.decide,
        name_key=post.name_key,
        clock=SystemClock(),
        patience=60.0,
    ) as archive:
        for start in range(0, len(articles), _AT_ONCE):
            some = articles[start : start + _AT_ONCE]
            await asyncio.gather(*(archive.put(draft_of_page(one, _NOW)) for one in some))


def seconds(work: Callable[[], object]) -> float:
    """Return how long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def queries(writer: Writer, chance: random.Random) -> list[Search]:
    """Return what people ask: names, two of them, phrases, Traditional, exclusions, days."""
    recent = Selection(since=_NOW - timedelta(days=90), sections=("realtime",))
    kinds: list[Callable[[str, str], Search]] = [
        lambda one, _: Search(parse(one)),
        lambda one, other: Search(parse(f"{one} {other}")),
        lambda one, _: Search(parse(f'"{one}" -东京')),
        lambda one, _: Search(parse(f"{one} 新加坡"), recent),
        lambda one, _: Search(parse(f"{one} 國會"), newest_first=True),
        lambda _, __: Search(parse(chance.choice(("聯合早報", "G20", "新加坡 國會", "中国")))),
    ]
    # The first names are the common ones.
    pairs = [chance.sample(writer.names[:500], 2) for _ in range(_QUERIES)]
    return [kinds[number % len(kinds)](*pair) for number, pair in enumerate(pairs)]


def names_found(
    archive: Reader, place: Place, articles: Sequence[Article], names: Sequence[str]
) -> int:
    """Return how many names lead to every story in whose text they stand."""
    found = 0
    for name in names:
        search = Search(parse(name), limit=len(articles))
        hits = {hit.story_id for hit in find(archive, place.state, search, Listener()).hits}
        found += {one.story_id for one in articles if stands_in(name, one)} <= hits
    return found


def stands_in(name: str, article: Article) -> bool:
    """Return whether a name stands in title or text."""
    return name in article.title or any(name in block for block in article.blocks)


def command(place: Place, *words: str) -> float:
    """Return the milliseconds of `harvester search` as a program of its own."""
    program = [sys.executable, "-m", "harvester.cli", "--seeds", place.seeds]
    arguments = [*program, "--state", place.state, "search", "--json", *words]
    run = partial(subprocess.run, arguments, check=True, stdout=subprocess.DEVNULL)
    return statistics.median(seconds(run) for _ in range(_STARTS)) * 1000


def measure(place: Place, posts: int) -> Iterator[Figure]:
    """Fill an archive, make its index, ask."""
    writer, chance = Writer(1), random.Random(2)  # noqa: S311 - made-up queries
    articles = [writer.article(number) for number in range(posts)]
    stored = seconds(lambda: asyncio.run(fill(place, articles)))
    made = seconds(lambda: refresh_index(place.seeds, place.state))
    standing = [
        name
        for name in writer.names
        if len(name) == 2 and any(stands_in(name, one) for one in articles)
    ]
    with open_archive(place.seeds, place.state) as archive:
        times = sorted(
            seconds(partial(find, archive, place.state, search, Listener())) * 1000
            for search in queries(writer, chance)
        )
        sampled = chance.sample(standing, min(_NAMES, len(standing)))
        found = names_found(archive, place, articles, sampled)
    text = sum(len("".join(one.blocks).encode()) for one in articles)
    yield Figure("posts", posts, note=f"{text / 1e6:.1f} MB of text, stored in {stored:.1f} s")
    yield Figure("index made", posts / made, "posts/s", note=f"{made:.1f} s")
    yield Figure("index", (place.state / SEARCH).stat().st_size / 1e6, "MB")
    yield Figure("catalogue", (place.state / CATALOGUE).stat().st_size / 1e6, "MB")
    yield Figure("query, median", statistics.median(times), "ms", most=_MEDIAN_MS)
    yield Figure("query, 95 %", times[len(times) * 95 // 100], "ms")
    yield Figure("query, slowest", times[-1], "ms")
    yield Figure(f"names found of {len(sampled)}", found, least=len(sampled))
    yield Figure("command with its start", command(place, "王毅", "国会"), "ms")


def search(folder: Path, scale: float) -> Iterator[Figure]:
    """Measure search over an archive of its own."""
    return measure(Place(folder), scaled(_POSTS, scale, least=100))


if __name__ == "__main__":
    sys.exit(alone(search, __doc__))
