"""Memory over a long run: `python -m benchmarks.memory [--scale S] [--json FILE]`.

`harvester backfill`, the command itself with the raw archive, takes 100,000 pages of 110 kB from a
server in this process, which makes each when it is asked for. Its resident memory is sampled, and
told by how many pages had been asked for by then. The last tenth of the run must need no more than
the second tenth, but for a twentieth.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from aiohttp import web

from benchmarks.figures import Figure
from benchmarks.harness import alone, scaled
from benchmarks.newspaper import Listed, kind, listed, page, sitemaps
from benchmarks.processes import environment, harvester, resident

_PAGES = 100_000
_TENTHS = 10
_EVERY = 0.1
_GROWTH = 1.05
_ENOUGH = 0.99
_MEGABYTE = 1e6
_WORDS = ("backfill", "--json", "--rate", 100_000, "--concurrency", 16)


@dataclass(frozen=True, slots=True)
class Sample:
    """So many bytes, when so many pages had been asked for."""

    pages: int
    bytes: int


class Newspaper:
    """Makes its pages when they are asked for, and counts them."""

    def __init__(self, stories: Sequence[Listed]) -> None:
        self.pages = 0
        self._files = sitemaps(stories)
        self._stories = {story.path: story for story in stories}

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer for robots.txt, a sitemap, or a story."""
        path = request.path[1:]
        body = self._files.get(path)
        if body is None:
            self.pages += 1
            body = page(self._stories[path])
        return web.Response(
            body=gzip.compress(body, 1, mtime=0),
            headers={"Content-Encoding": "gzip"},
            content_type=kind(path),
            charset="utf-8",
        )


def memory(folder: Path, scale: float) -> Iterator[Figure]:
    """Measure one long run."""
    count = scaled(_PAGES, scale, least=200)
    samples, told = asyncio.run(_backfill(folder, listed(count)))
    if told["new"] < _ENOUGH * count:
        raise RuntimeError(f"of {count} stories: {told}")
    yield Figure("stories archived", told["new"])
    yield Figure(
        "speed, beside the server that makes the pages", count / told["seconds"], "pages/s"
    )
    yield from _figures(samples, count)


async def _backfill(folder: Path, stories: list[Listed]) -> tuple[list[Sample], dict[str, float]]:
    newspaper = Newspaper(stories)
    runner = web.ServerRunner(web.Server(newspaper.answer, access_log=None))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        at = ("--seeds", folder / "seeds", "--state", folder / "state", "--site-origin", origin)
        process = await asyncio.create_subprocess_exec(
            *map(str, harvester(*_WORDS, *at)),
            cwd=folder,
            env=environment(),
            stdout=PIPE,
            stderr=DEVNULL,
        )
        samples = await _sampled(process, newspaper)
        stdout, _ = await process.communicate()
    finally:
        await runner.cleanup()
    return samples, json.loads(stdout)


async def _sampled(process: Process, newspaper: Newspaper) -> list[Sample]:
    """Look at a process until it ends."""
    ended = asyncio.create_task(process.wait())
    samples: list[Sample] = []
    while not (await asyncio.wait({ended}, timeout=_EVERY))[0]:
        samples.append(Sample(newspaper.pages, resident(process.pid)))
    return samples


def _figures(samples: Sequence[Sample], count: int) -> Iterator[Figure]:
    tenths: defaultdict[int, list[int]] = defaultdict(list)
    for sample in samples:
        if sample.pages and sample.bytes:
            tenths[min(_TENTHS - 1, _TENTHS * sample.pages // count)].append(sample.bytes)
    usual = {tenth: median(found) / _MEGABYTE for tenth, found in sorted(tenths.items())}
    for tenth, value in usual.items():
        note = f"at most {max(tenths[tenth]) / _MEGABYTE:.1f}"
        yield Figure(f"pages {_span(tenth, count)}", value, "MB", note=note)
    if {1, _TENTHS - 1} <= usual.keys():
        growth = usual[_TENTHS - 1] / usual[1]
        yield Figure("last tenth over the second", growth, "times", most=_GROWTH)
    peak = max(sample.bytes for sample in samples) / _MEGABYTE
    yield Figure("peak", peak, "MB", most=300.0)


def _span(tenth: int, count: int) -> str:
    size = count // _TENTHS
    return f"{tenth * size:,} to {(tenth + 1) * size:,}"


if __name__ == "__main__":
    sys.exit(alone(memory, __doc__))
