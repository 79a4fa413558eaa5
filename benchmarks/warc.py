"""Speed and memory of reading WARC files: `python -m benchmarks.warc [--scale S] [--json FILE]`.

Makes files of 4,000 pages of the replica, of all layouts and 110 kB each, in memory (/dev/shm where
there is one), and removes everything; then 10 GB are streamed through one worker. Times are of the
clock on the wall, so nothing should run beside it. Needs Linux: the peak is VmHWM.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path

from fastwarc import WarcRecord, WarcRecordType
from fastwarc.stream_io import GzipWriter

from benchmarks.figures import Figure
from benchmarks.harness import alone, scaled
from benchmarks.newspaper import filled
from harvester.bulk.locations import WarcFile
from harvester.bulk.reading import Job, read
from harvester.bulk.shards import make_shard
from harvester.model import BodyMode, Scope
from harvester.replica import Site
from harvester.replica.pages import charset, render
from harvester.replica.site import NOW

_PAGES = 4_000
_GIGABYTES = 10.0
_FILES = 4
_WORKER = """
import re, sys
from pathlib import Path
from benchmarks.warc import job_of, read
pages = sum(1 for name in sys.argv[1:] for _ in read(job_of(Path(name))))
peak = re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]
print(pages, peak)
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """So many pages in so many seconds."""

    what: str
    pages: int
    seconds: float

    @property
    def figure(self) -> Figure:
        """The line of the table."""
        note = f"{self.pages:,} pages in {self.seconds:.1f} s"
        return Figure(self.what, self.pages / self.seconds, "pages/s", note=note)


def pages() -> Iterator[tuple[str, bytes]]:
    """Yield addresses and answers of 110 kB, of every layout in turn, for ever."""
    made = []
    for shown in Site.arranged().truth():
        url = shown.urls[0]
        host = url.split("/")[2]
        page, label = render(shown.story, host), charset(shown.story, host)
        kind = f"text/html; charset={label}" if label else "text/html"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode()
        made.append((url, head + filled(page)))
    return cycle(made)


def record(url: str, answer: bytes, at: datetime, *, plain: bool) -> bytes:
    """Return a record of an answer, packed by itself unless it is to be `plain`."""
    made = WarcRecord()
    made.init_headers(WarcRecordType.response)
    made.headers["WARC-Target-URI"] = url
    made.headers["WARC-Date"] = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    made.headers["Content-Type"] = "application/http; msgtype=response"
    made.set_bytes_content(answer)
    out = io.BytesIO()
    if plain:
        made.write(out)
    else:
        with GzipWriter(out) as packer:
            made.write(packer)
    return out.getvalue()


def make(path: Path, count: int, *, plain: bool = False) -> Path:
    """Write a file of so many pages, each seen a minute after the last."""
    with path.open("wb") as file:
        for number, (url, answer) in enumerate(islice(pages(), count)):
            file.write(record(url, answer, NOW + timedelta(minutes=number), plain=plain))
    return path


def job_of(path: Path) -> Job:
    """Return the order to read a file whole."""
    return Job(WarcFile(str(path), path.stat().st_size, ""), Scope(), BodyMode.CLEAN)


def timed(what: str, count: int, work: Callable[[], object]) -> Measured:
    """Do some work and return how long it took."""
    begun = time.perf_counter()
    work()
    return Measured(what, count, time.perf_counter() - begun)


def read_all(files: list[Path]) -> int:
    """Read files here."""
    return sum(1 for file in files for _ in read(job_of(file)))


def mapped(files: list[Path], count: int, workers: int, folder: Path) -> Measured:
    """Make the shards of files in so many processes, which have made one before."""
    folder.mkdir()
    warm = [make(folder / f"{number}.warc.gz", 60) for number in range(2 * workers)]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:

        def make_all(paths: list[Path]) -> None:
            for made in [pool.submit(make_shard, job_of(path), str(folder)) for path in paths]:
                made.result()

        make_all(warm)
        return timed(f"map alone, processes: {workers}", count, lambda: make_all(files))


def command(files: list[Path], workers: int, place: Path) -> dict[str, int]:
    """Take files in by the command itself; return its counts."""
    place.mkdir()
    told = [word for file in files for word in ("--warc", str(file))]
    at = ("--seeds", place / "seeds", "--state", place / "state")
    words = map(str, ("backfill", "--json", *at, "--workers", workers, *told))
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "harvester.cli", *words], stdout=subprocess.PIPE, check=True
    )
    counts: dict[str, int] = json.loads(ended.stdout)
    return counts


def stream(place: Path, gigabytes: float) -> tuple[int, int, int]:
    """Read so much, unpacked, in one worker; return bytes, pages and peak memory in bytes."""
    file = make(place / "plain.warc", 1_000, plain=True)
    size = file.stat().st_size
    links = max(1, round(gigabytes * 1e9 / size))
    names = [place / f"plain-{number}.warc" for number in range(links)]
    for name in names:
        name.symlink_to(file)
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-c", _WORKER, *map(str, names)], stdout=subprocess.PIPE, check=True
    )
    count, peak = map(int, ended.stdout.split())
    return size * len(names), count, 1024 * peak


def speeds(place: Path, count: int) -> Iterator[Measured]:
    """Measure one core, then two processes beside one."""
    files = [make(place / f"{number}.warc.gz", count // _FILES) for number in range(_FILES)]
    yield timed("read, one core", count, lambda: read_all(files))
    for workers in (1, 2):
        yield mapped(files, count, workers, place / f"shards-{workers}")
    for workers in (1, 2):
        taking = partial(command, files, workers, place / f"archive-{workers}")
        yield timed(f"backfill --warc, --workers {workers}", count, taking)


def warc(folder: Path, scale: float) -> Iterator[Figure]:
    """Measure speed, then memory."""
    count = _FILES * scaled(_PAGES // _FILES, scale)
    yield from (measured.figure for measured in speeds(folder, count))
    size, streamed, peak = stream(folder, _GIGABYTES * scale)
    note = f"{size / 1e9:.1f} GB, {streamed:,} pages"
    yield Figure("peak of one worker over a stream", peak / 1e6, "MB", note=note)


if __name__ == "__main__":
    sys.exit(alone(warc, __doc__))
