"""An article's cost as an archive grows: `python -m benchmarks.growth [--scale S] [--json FILE]`.

Four archives know 1,000 to 1,000,000 stories. Into each goes the same batch of 50 new articles, one
archive after another in changing order, then the next batch. A batch is what a run makes of 50
pages that it has read: addresses recorded, a verdict asked for, then page, post and rows made
durable. Counted is the processor time of this process, all threads; ratios are those of one batch,
and the median of all.

The manifest is written whole from time to time, in a twentieth of the time at most; here only at
the end, and measured there.
"""

from __future__ import annotations

import asyncio
import gzip
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.export import drafts
from benchmarks.figures import Figure
from benchmarks.harness import alone, scaled
from benchmarks.known import make_known
from benchmarks.newspaper import listed
from harvester import judge, post, warc, zaobao
from harvester.clock import SystemClock
from harvester.model import Draft, Evidence, Exchange, Page, Visit, VisitState
from harvester.parser import parser_version
from harvester.store import Archive, Raw

_SIZES = (1_000, 10_000, 100_000, 1_000_000)
_BATCH = 50
_BATCHES = 60
_GROWTH = 1.15
_FILLER = b"<script>function f(a){return a.b===null?0:a.c[1]}</script>" * 200
_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Encoding: gzip\r\n\r\n"
)
_REQUEST = b"GET / HTTP/1.1\r\nHost: www.zaobao.com.sg\r\n\r\n"


class _Still(SystemClock):
    """A clock whose intervals are nothing: what is due from time to time is not."""

    def monotonic(self) -> float:
        return 0.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A page that was read: what is stored of it."""

    draft: Draft
    visit: Visit
    evidence: Evidence


@dataclass(slots=True)
class Grown:
    """An archive of a size, and what each batch cost: seconds of processor time an article."""

    known: int
    archive: Archive
    costs: list[float] = field(default_factory=list)


def growth(folder: Path, scale: float) -> Iterator[Figure]:
    """Measure all sizes."""
    sizes = [scaled(size, scale, least=50) for size in _SIZES]
    for number, size in enumerate(sizes):
        begun = time.perf_counter()
        make_known(folder / f"{number}" / "state", listed(size))
        yield Figure(f"made: rows of {size:,} stories", time.perf_counter() - begun, "s")
    pieces = [_piece(draft) for draft in drafts(_BATCH * scaled(_BATCHES, scale, least=3))]
    yield from asyncio.run(_measured(folder, sizes, pieces))


async def _measured(folder: Path, sizes: list[int], pieces: list[Piece]) -> list[Figure]:
    async with AsyncExitStack() as stack:
        grown = [
            Grown(size, await stack.enter_async_context(_opened(folder / f"{number}")))
            for number, size in enumerate(sizes)
        ]
        for number in range(len(pieces) // _BATCH):
            batch = pieces[number * _BATCH : (number + 1) * _BATCH]
            first = number % len(grown)  # each is the first in turn
            for each in grown[first:] + grown[:first]:
                each.costs.append(await _cost(each.archive, batch))
        begun = time.process_time()
        await stack.aclose()
        closing = time.process_time() - begun
    return [*_figures(grown), Figure("all four closed, with their manifests", closing, "s CPU")]


@asynccontextmanager
async def _opened(folder: Path) -> AsyncIterator[Archive]:
    raw = Raw(warc, "benchmark", parser_version())
    async with Archive.open(
        folder / "seeds",
        folder / "state",
        decide=judge.decide,
        name_key=post.name_key,
        clock=_Still(),
        raw=raw,
    ) as archive:
        yield archive


async def _cost(archive: Archive, batch: Sequence[Piece]) -> float:
    """Store a batch as a run does; return what an article of it cost."""
    begun = time.process_time()
    await archive.record([piece.evidence.ref for piece in batch])
    await asyncio.gather(*(_store(archive, piece) for piece in batch))
    return (time.process_time() - begun) / len(batch)


async def _store(archive: Archive, piece: Piece) -> None:
    await archive.expect(piece.draft)
    await archive.put(piece.draft, piece.visit, piece.evidence)


def _piece(draft: Draft) -> Piece:
    url, now = draft.article.url, datetime.now(UTC)
    ref = zaobao.story_ref(url)
    body = gzip.compress(draft.data + _FILLER, 6, mtime=0)
    page = Page(url, url, 200, b"", now, exchange=Exchange(url, _REQUEST, _HEAD, body))
    at = draft.article.published.at
    visit = judge.visited(ref, None, VisitState.HELD, now, published=at)
    return Piece(draft, visit, Evidence(ref, page))


def _figures(grown: list[Grown]) -> Iterator[Figure]:
    for each in grown:
        yield Figure(f"article, {each.known:,} known", 1000 * median(each.costs), "ms CPU")
    for each in grown[1:]:
        ratio = median(a / b for a, b in zip(each.costs, grown[0].costs, strict=True))
        most = _GROWTH if each is grown[-1] else None
        what = f"{each.known:,} known over {grown[0].known:,}"
        yield Figure(what, ratio, "times", most=most)


if __name__ == "__main__":
    sys.exit(alone(growth, __doc__))
