"""A run over what is known already: `python -m benchmarks.again [--scale S] [--json FILE]`.

100,000 stories stand in the sitemaps of a web server on loopback and in the catalogue, with the
same hints of their last change. `harvester backfill` runs three times as a command, time on the
wall: the sitemaps are new to it, then they are as they were (304), then they were all touched, and
are read whole again. The server's log tells what was asked for: nothing but sitemaps.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.harness import alone, scaled
from benchmarks.known import make_known
from benchmarks.newspaper import listed, sitemaps
from benchmarks.processes import Ran, harvester, run
from benchmarks.webserver import serving, store

_STORIES = 100_000
_SECONDS = 3.0
_MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Again:
    """A run: what it cost, how many stories it passed by, and what it asked for."""

    ran: Ran
    skipped: int
    asked: list[tuple[str, int]]


def again(folder: Path, scale: float) -> Iterator[Figure]:
    """Measure three runs over what is known."""
    stories = listed(scaled(_STORIES, scale, least=100))
    make_known(folder / "state", stories)
    store(folder / "site", sitemaps(stories).items())
    yield from _figures("sitemaps never read", _visit(folder))
    yield from _figures("sitemaps as they were", _visit(folder), _SECONDS)
    _touch(folder / "site")
    yield from _figures("sitemaps all touched", _visit(folder))


def _visit(folder: Path) -> Again:
    with serving(folder / "site", folder / "server") as server:
        ended = run(
            harvester(
                *("backfill", "--json", "--rate", 100_000, "--concurrency", 4),
                *("--site-origin", server.origin),
                *("--seeds", folder / "seeds", "--state", folder / "state"),
            ),
            folder,
        )
        return Again(ended, json.loads(ended.stdout)["skipped"], server.asked())


def _touch(root: Path) -> None:
    """Let every file look changed, by a time that its validators tell."""
    for file in root.rglob("*.gz"):
        os.utime(file, (0, file.stat().st_mtime - 60))


def _figures(what: str, told: Again, seconds: float | None = None) -> Iterator[Figure]:
    others = sum(path not in ("/robots.txt", "/sitemap.xml") for path, _ in told.asked)
    pages = sum("/story" in path for path, _ in told.asked)
    unchanged = sum(status == 304 for _, status in told.asked)
    note = f"{others - pages} files, {unchanged} answers 304"
    yield Figure(what, told.ran.seconds, "s", most=seconds, note=note)
    yield Figure("  known stories passed by", told.skipped)
    yield Figure("  pages asked for, as the server counts", pages, most=0)
    yield Figure("  peak of memory", told.ran.peak / _MEGABYTE, "MB")


if __name__ == "__main__":
    sys.exit(alone(again, __doc__))
