"""Page to post, beside general extractors on the same pages: `python -m benchmarks.page [--json]`.

Ours does the whole way (charset, tree, facts, gate, clean body, hash, post); the others only take
the text out. Bare lexbor only parses. Medians of one run on one core.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser

from harvester.drafts import draft_of_page, read_page
from harvester.model import BodyMode, Era
from harvester.replica.site import Site
from harvester.zaobao import story_ref

Reader = Callable[[bytes, str], object]

_NOW = datetime(2026, 11, 1, tzinfo=UTC)
_WANTED_BYTES = 110_000
_SECONDS = 2.0
_LEAST_ROUNDS = 3


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
    return min(of_era, key=lambda page: abs(len(page[0]) - _WANTED_BYTES))


def _era(body: bytes, url: str) -> Era | None:
    try:
        return read_page(body, story_ref(url), _NOW, BodyMode.CLEAN).era
    except Exception:  # noqa: BLE001 - pages that no one can read are not measured
        return None


def median_ms(read: Reader, page: bytes, url: str) -> float | None:
    """Return the median time of one page in milliseconds, or None where a package is missing."""
    try:
        read(page, url)
    except ImportError:
        return None
    took: list[float] = []
    end = time.perf_counter() + _SECONDS
    while len(took) < _LEAST_ROUNDS or time.perf_counter() < end:
        begun = time.perf_counter()
        read(page, url)
        took.append(time.perf_counter() - begun)
    return statistics.median(took) * 1000


def main() -> None:
    """Measure every era and print a table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    readers: tuple[Reader, ...] = (ours, bare, trafilatura, newspaper4k)
    figures: dict[str, dict[str, float | int | None]] = {}
    for era in (e for e in Era if e is not Era.POST):
        page, url = page_of(era)
        figures[era] = {"bytes": len(page)}
        figures[era] |= {read.__name__: median_ms(read, page, url) for read in readers}
    if chosen.json:
        machine = f"{platform.python_version()} {platform.machine()}"
        result = {"day": date.today().isoformat(), "machine": machine, "ms": figures}  # noqa: DTZ011
        sys.stdout.write(json.dumps(result) + "\n")
        return
    names = [read.__name__ for read in readers]
    sys.stdout.write(f"{'ms a page':10}{'kB':>6}" + "".join(f"{name:>13}" for name in names) + "\n")
    for layout, row in figures.items():
        cells = "".join(f"{value:13.2f}" if (value := row[n]) else f"{'-':>13}" for n in names)
        sys.stdout.write(f"{layout:10}{(row['bytes'] or 0) / 1000:6.0f}{cells}\n")


if __name__ == "__main__":
    main()
