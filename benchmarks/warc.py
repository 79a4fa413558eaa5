"""Speed and memory of reading WARC files: `python -m benchmarks.warc [--pages N] [--gigabytes G]`.

Makes files of pages of the replica, of all layouts and 110 kB each, in memory (/dev/shm where there
is one), and removes everything. Times are of the clock on the wall, so nothing should run beside
it. Needs Linux: the peak is VmHWM.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
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

from harvester.bulk.locations import WarcFile
from harvester.bulk.reading import Job, read
from harvester.bulk.shards import make_shard
from harvester.model import BodyMode, Scope
from harvester.replica import Site
from harvester.replica.pages import charset, render
from harvester.replica.site import NOW

_PAGE = 110_000
_FILES = 4
_SCRIPT = b"function f(a){return a.b===null?0:a.c[1]}"
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

    def tell(self) -> None:
        """Print a line of the table."""
        speed = self.pages / self.seconds
        sys.stdout.write(f"{self.what:34}{self.pages:8}{self.seconds:9.1f}{speed:9.1f}\n")
        sys.stdout.flush()


def pages() -> Iterator[tuple[str, bytes]]:
    """Yield addresses and answers of 110 kB, of every layout in turn, for ever."""
    made = []
    for shown in Site.arranged().truth():
        url = shown.urls[0]
        host = url.split("/")[2]
        page, label = render(shown.story, host), charset(shown.story, host)
        script = _SCRIPT * max(1, (_PAGE - len(page)) // len(_SCRIPT))
        kind = f"text/html; charset={label}" if label else "text/html"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode()
        made.append((url, head + page + b"<script>" + script + b"</script>"))
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
    names = [place / f"plain-{number}.warc" for number in range(round(gigabytes * 1e9 / size))]
    for name in names:
        name.symlink_to(file)
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-c", _WORKER, *map(str, names)], stdout=subprocess.PIPE, check=True
    )
    count, peak = map(int, ended.stdout.split())
    return size * len(names), count, 1024 * peak


def speeds(place: Path, count: int) -> None:
    """Measure one core, then two processes beside one, and print a table."""
    sys.stdout.write(f"{'':34}{'pages':>8}{'s':>9}{'pages/s':>9}\n")
    files = [make(place / f"{number}.warc.gz", count // _FILES) for number in range(_FILES)]
    timed("read, one core", count, lambda: read_all(files)).tell()
    for workers in (1, 2):
        mapped(files, count, workers, place / f"shards-{workers}").tell()
    for workers in (1, 2):
        taking = partial(command, files, workers, place / f"archive-{workers}")
        timed(f"backfill --warc, --workers {workers}", count, taking).tell()


def main() -> None:
    """Measure speed, then memory where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=4_000)
    parser.add_argument("--gigabytes", type=float, default=10.0, help="to stream; 0: leave it out")
    chosen = parser.parse_args()
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        speeds(Path(name), chosen.pages)
        if chosen.gigabytes:
            size, count, peak = stream(Path(name), chosen.gigabytes)
            sys.stdout.write(
                f"{size / 1e9:.1f} GB streamed, {count} pages: peak {peak / 1e6:.0f} MB\n"
            )


if __name__ == "__main__":
    main()
