"""Page to post, beside general extractors: `python -m benchmarks.page [--scale S] [--json FILE]`.

Ours does the whole way (charset, tree, facts, gate, clean body, hash, post); the others only take
text and what they know of metadata out. Bare lexbor only parses. One page of the replica of each
layout, the one nearest to 110 kB; one core. Readers take turns, some reads each, for the speed of
a machine changes over time; ratios are those of one turn, and the median of all.
"""

from __future__ import annotations

import importlib
import math
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser

from benchmarks.figures import Figure
from benchmarks.harness import alone, scaled
from benchmarks.newspaper import PAGE_BYTES
from harvester.drafts import draft_of_page, read_page
from harvester.errors import HarvesterError
from harvester.heap import keep_freed
from harvester.model import BodyMode, Era
from harvester.replica.site import Site
from harvester.zaobao import story_ref

Reader = Callable[[bytes, str], object]
Times = Mapping[str, Sequence[float]]

_NOW = datetime(2026, 11, 1, tzinfo=UTC)
# Turns and reads a turn: of those that take a millisecond, and of those that take a hundred.
_QUICK, _SLOW = (100, 5), (5, 3)
_OVER_BARE, _UNDER_TRAFILATURA = 3.0, 20.0


def ours(page: bytes, url: str) -> object:
    """Take a page to its finished post."""
    return draft_of_page(read_page(page, story_ref(url), _NOW, BodyMode.CLEAN), _NOW)


def bare(page: bytes, _: str) -> object:
    """Parse a page and do nothing with it."""
    return LexborHTMLParser(page)


def trafilatura(page: bytes, url: str) -> object:
    """Take the text out with trafilatura."""
    extract = importlib.import_module("trafilatura").extract
    return extract(page, url=url, with_metadata=True)


def newspaper4k(page: bytes, url: str) -> object:
    """Take the text out with newspaper4k."""
    article = importlib.import_module("newspaper").Article(url, language="zh")
    article.download(input_html=page.decode())
    article.parse()
    return article.text


def news_please(page: bytes, url: str) -> object:
    """Take the text out with news-please."""
    please = importlib.import_module("newsplease").NewsPlease
    return please.from_html(page.decode(), url=url).maintext


def readability(page: bytes, _: str) -> object:
    """Take the main part out with readability-lxml."""
    document = importlib.import_module("readability").Document(page.decode())
    return document.title(), document.summary()


_OTHERS = (trafilatura, newspaper4k, news_please, readability)


@dataclass(frozen=True, slots=True)
class Layout:
    """What was measured of one layout: its page, and the milliseconds of each turn."""

    era: Era
    size: int
    quick: Times
    slow: Times

    @property
    def over_bare(self) -> float:
        """How many times as long as bare lexbor we take."""
        return _ratio(self.quick, "ours", "bare")

    def of_other(self, name: str) -> float:
        """How many times as long as we another one takes."""
        return _ratio(self.slow, name, "ours")


def page(_: Path, scale: float) -> Iterator[Figure]:
    """Measure every layout."""
    warnings.simplefilter("ignore")  # of the others
    keep_freed()  # as all do who read pages for the program; it is as good for the others
    others = [reader for reader in _OTHERS if _is_there(reader)]
    layouts = [_layout(era, others, scale) for era in Era if era is not Era.POST]
    for layout in layouts:
        yield from _of_layout(layout)
    worst = max(layouts, key=lambda layout: layout.over_bare)
    over_bare = _mean(layout.over_bare for layout in layouts)
    yield Figure("ours over bare lexbor, all layouts", over_bare, "times", most=_OVER_BARE)
    yield Figure("  worst layout", worst.over_bare, "times", most=_OVER_BARE, note=worst.era)
    for name in (reader.__name__ for reader in others):
        least = _UNDER_TRAFILATURA if name == "trafilatura" else None
        value = _mean(layout.of_other(name) for layout in layouts)
        yield Figure(f"{name} over ours, all layouts", value, "times", least=least)
        found = min(layouts, key=lambda layout: layout.of_other(name))
        yield Figure("  worst layout", found.of_other(name), "times", least=least, note=found.era)


def _of_layout(layout: Layout) -> Iterator[Figure]:
    yield Figure(f"{layout.era}: page", layout.size / 1000, "kB")
    times = {"ours": layout.quick["ours"], "bare": layout.quick["bare"], **layout.slow}
    for name in times:
        best = layout.quick if name in layout.quick else layout.slow
        yield Figure(f"{layout.era}: {name}", statistics.median(best[name]), "ms")


def _layout(era: Era, others: Sequence[Reader], scale: float) -> Layout:
    shown, url = page_of(era)
    quick, slow = (tuple(scaled(number, scale) for number in of) for of in (_QUICK, _SLOW))
    return Layout(
        era,
        len(shown),
        in_turns((ours, bare), shown, url, *quick),
        in_turns((ours, *others), shown, url, *slow),
    )


def in_turns(
    readers: Sequence[Reader], shown: bytes, url: str, turns: int, reads: int
) -> dict[str, list[float]]:
    """Let readers read a page in turns; return the milliseconds of a read in each turn."""
    took: dict[str, list[float]] = {reader.__name__: [] for reader in readers}
    for _ in range(turns):
        for reader in readers:
            reader(shown, url)  # what the one before left in the caches is not its fault
            took[reader.__name__].append(
                statistics.median(_milliseconds(reader, shown, url) for _ in range(reads))
            )
    return took


def _milliseconds(reader: Reader, shown: bytes, url: str) -> float:
    begun = time.perf_counter()
    reader(shown, url)
    return 1000 * (time.perf_counter() - begun)


def _is_there(reader: Reader) -> bool:
    try:
        reader(*page_of(Era.SG_2024))
    except ImportError:
        sys.stderr.write(f"{reader.__name__} is not installed and left out\n")
        return False
    return True


def page_of(era: Era) -> tuple[bytes, str]:
    """Return the page of an era whose size is nearest to 110 kB."""
    site = Site.arranged()
    urls = [url for shown in site.truth() for url in shown.urls]
    pages = []
    for url in urls:
        parts = urlsplit(url)
        answer = site.answer(parts.netloc, parts.path)
        if answer.status == 200 and answer.charset != "gb2312":
            pages.append((answer.body, url))
    of_era = [(body, url) for body, url in pages if _era(body, url) is era]
    return min(of_era, key=lambda found: abs(len(found[0]) - PAGE_BYTES))


def _era(body: bytes, url: str) -> Era | None:
    try:
        return read_page(body, story_ref(url), _NOW, BodyMode.CLEAN).era
    except HarvesterError:
        return None  # pages that no one can read are not measured


def _ratio(times: Times, one: str, other: str) -> float:
    return statistics.median(a / b for a, b in zip(times[one], times[other], strict=True))


def _mean(ratios: Iterator[float]) -> float:
    """Return the geometric mean."""
    values = list(ratios)
    return math.prod(values) ** (1 / len(values))


if __name__ == "__main__":
    sys.exit(alone(page, __doc__))
