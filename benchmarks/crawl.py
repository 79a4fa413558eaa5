"""The way from a sitemap to an archive: `python -m benchmarks.crawl [--scale S] [--json FILE]`.

3,000 pages of 110 kB, packed, lie on a web server on loopback (nginx where there is one). Each of
these takes all of them, as a command in a process of its own, one after another, in rounds:

* `harvester backfill` with every promise on, without and with the raw archive;
* a loop of aiohttp that asks for the same addresses, as many at once, and throws them away;
* Scrapy: title, date and paragraphs by CSS into a file of JSON lines.

Time is on the wall, from the start of the command to its end, and so with the start of Python;
ratios are those of the commands of one round, and the median of the rounds. The server shares the
machine with them.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure
from benchmarks.harness import alone, scaled
from benchmarks.newspaper import listed, page, sitemaps
from benchmarks.processes import Ran, harvester, module, run
from benchmarks.webserver import serving, store

_PAGES = 3_000
_ROUNDS = 3
_CONCURRENCY = 16
_RATE = 100_000
_MEGABYTE = 1e6

PLAIN, RAW, LOOP, SCRAPY = "without WARC", "with WARC", "raw aiohttp", "Scrapy"


@dataclass(frozen=True, slots=True)
class Job:
    """What is crawled: the server's origin, all paths, and how many of them are stories."""

    origin: str
    paths: tuple[str, ...]
    stories: int


Crawler = Callable[[Job, Path], Ran]
Round = dict[str, Ran]


def crawl(folder: Path, scale: float) -> Iterator[Figure]:
    """Measure all crawlers against each other."""
    stories = listed(scaled(_PAGES, scale, least=20))
    machinery = sitemaps(stories)
    root = folder / "site"
    store(root, machinery.items())
    store(root, ((story.path, page(story)) for story in stories))
    with serving(root, folder / "server") as server:
        paths = (*machinery, *(story.path for story in stories))
        job = Job(server.origin, paths, len(stories))
        rounds = [_round(job, folder / f"{n}") for n in range(scaled(_ROUNDS, scale))]
        yield Figure("pages", job.stories, note=f"of 110 kB, packed, from {server.name}")
    yield from _figures(rounds, job.stories)


def ours(job: Job, folder: Path, *, raw: bool) -> Ran:
    """Back the site up with the program itself."""
    ended = run(
        harvester(
            *("backfill", "--json", "--rate", _RATE, "--concurrency", _CONCURRENCY),
            *("--site-origin", job.origin, "--raw", "on" if raw else "off"),
            *("--seeds", folder / "seeds", "--state", folder / "state"),
        ),
        folder,
    )
    _require(json.loads(ended.stdout)["new"], job)
    return ended


def plain(job: Job, folder: Path) -> Ran:
    """Back the site up without the raw archive."""
    return ours(job, folder, raw=False)


def with_raw(job: Job, folder: Path) -> Ran:
    """Back the site up with the raw archive."""
    return ours(job, folder, raw=True)


def loop(job: Job, folder: Path) -> Ran:
    """Ask for everything with aiohttp."""
    ended = run(module("rawloop", job.origin, _CONCURRENCY), folder, "\n".join(job.paths))
    _require(json.loads(ended.stdout)["good"] - len(job.paths) + job.stories, job)
    return ended


def scrapy(job: Job, folder: Path) -> Ran:
    """Crawl with Scrapy; every story must have all three facts."""
    feed = folder / "stories.jsonl"
    ended = run(module("spider", job.origin, _CONCURRENCY, feed), folder)
    stories = map(json.loads, feed.read_text("utf-8").splitlines())
    _require(sum(all(story.values()) for story in stories), job)
    return ended


def _require(done: int, job: Job) -> None:
    if done != job.stories:
        raise RuntimeError(f"{done} of {job.stories} stories were taken: nothing is measured")


def _round(job: Job, folder: Path) -> Round:
    crawlers: dict[str, Crawler] = {LOOP: loop, PLAIN: plain, RAW: with_raw}
    if importlib.util.find_spec("scrapy"):
        crawlers[SCRAPY] = scrapy
    else:
        sys.stderr.write("Scrapy is not installed and left out\n")
    ended: Round = {}
    for name, crawler in crawlers.items():
        place = folder / name.replace(" ", "-")
        place.mkdir(parents=True)
        ended[name] = crawler(job, place)
    return ended


def _figures(rounds: list[Round], stories: int) -> Iterator[Figure]:
    for name in rounds[0]:
        ran = [each[name] for each in rounds]
        speed = stories / median(r.seconds for r in ran)
        yield Figure(name, speed, "pages/s", note=f"{median(r.seconds for r in ran):.2f} s")
    for name in rounds[0]:
        yield Figure(f"{name}: processor", median(each[name].cpu for each in rounds), "s CPU")
    for name in rounds[0]:
        peak = max(each[name].peak for each in rounds) / _MEGABYTE
        most = 300.0 if name in (PLAIN, RAW) else None
        yield Figure(f"{name}: peak of all processes", peak, "MB", most=most)
    yield from _ratios(rounds)


def _ratios(rounds: list[Round]) -> Iterator[Figure]:
    for name, least in ((PLAIN, 0.45), (RAW, 0.35)):
        value = median(each[LOOP].seconds / each[name].seconds for each in rounds)
        yield Figure(f"{name}: share of raw aiohttp's pages/s", value, "", least=least)
        if inside := [json.loads(each[LOOP].stdout)["seconds"] for each in rounds]:
            strict = median(s / each[name].seconds for s, each in zip(inside, rounds, strict=True))
            yield Figure("  the same, but for the start of Python in the loop", strict)
    if SCRAPY in rounds[0]:
        for name in (PLAIN, RAW):
            value = median(each[SCRAPY].seconds / each[name].seconds for each in rounds)
            yield Figure(f"{name}: times Scrapy's pages/s", value, "times", least=6.0)


if __name__ == "__main__":
    sys.exit(alone(crawl, __doc__))
