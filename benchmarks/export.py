"""Speed and memory of `harvester export`: `python -m benchmarks.export [--scale S] [--json FILE]`.

Makes an archive of 100,000 invented stories in memory (/dev/shm where there is one), exports it in
every format, each in a process of its own, and removes everything. Needs Linux: the peak is VmHWM.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.harness import alone, scaled
from harvester.drafts import draft_of_page
from harvester.model import Access, Article, Draft, Era, Instant
from harvester.replica.texts import Writer
from harvester.store import CATALOGUE, stories
from harvester.store.database import connect_writer, transaction

_STORIES = 100_000
_MEGABYTE = 1e6
_FORMATS = ("jsonl", "csv", "parquet", "sqlite")
_SECTIONS = ("realtime/china", "realtime/singapore", "news/world", "finance/china")
_BEGIN = datetime(2016, 1, 1, tzinfo=UTC)
_CHILD = """
import re, sys
from pathlib import Path
from harvester.cli import main
code = main(sys.argv[1:])
print(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
sys.exit(code)
"""


def drafts(count: int) -> Iterator[Draft]:
    """Return so many stories in the manner of the real ones: 4 kB of post in the mean."""
    writer, luck = Writer("export"), random.Random("export")  # noqa: S311 - texts, not secrets
    paragraphs = [text for _ in range(3000) if len(text := writer.paragraph()) < 400]
    for number in range(count):
        blocks = tuple(luck.choices(paragraphs, k=luck.randint(8, 16)))
        at = _BEGIN + timedelta(minutes=45 * number)
        section = luck.choice(_SECTIONS)
        article = Article(
            story_id=str(1_000_000 + number),
            url=f"https://www.zaobao.com.sg/{section}/story{at:%Y%m%d}-{1_000_000 + number}",
            section=section,
            title=f"{writer.title()} {number}",
            published=Instant(at, "json-ld"),
            body="".join(f"<p>{block}</p>" for block in blocks),
            blocks=blocks,
            era=Era.SG_2019,
            access=luck.choice((Access.FULL, Access.FULL, Access.PREVIEW)),
            tags=("中国", "新加坡"),
        )
        yield draft_of_page(article, at)


def make(state: Path, count: int) -> None:
    """Make a catalogue of so many stories; an export needs no post tree."""
    state.mkdir()
    with closing(connect_writer(state / CATALOGUE)) as connection, transaction(connection):
        for draft in drafts(count):
            key = draft.article.story_id
            stories.insert_story(connection, draft, f"{key}.md", key, draft.observed_at)


def measure(place: Path, form: str) -> dict[str, float]:
    """Export in one format; return seconds, bytes of the file and peak memory in bytes."""
    output = place / f"export.{form}"
    arguments = ["--seeds", place / "seeds", "--state", place / "state", "--output", output]
    begun = time.perf_counter()
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-c", _CHILD, "export", "--json", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    seconds = time.perf_counter() - begun
    told, peak = ended.stdout.splitlines()
    size = output.stat().st_size
    output.unlink()
    return {
        "rows": json.loads(told)["rows"],
        "seconds": seconds,
        "bytes": size,
        "peak": 1024 * int(peak),
    }


def export(folder: Path, scale: float) -> Iterator[Figure]:
    """Measure every format."""
    stories = scaled(_STORIES, scale, least=50)
    make(folder / "state", stories)
    for form in _FORMATS:
        told = measure(folder, form)
        note = f"{told['rows']:,.0f} rows in {told['seconds']:.1f} s"
        yield Figure(form, told["rows"] / told["seconds"], "rows/s", note=note)
        yield Figure(f"{form}: file", told["bytes"] / _MEGABYTE, "MB")
        yield Figure(f"{form}: peak", told["peak"] / _MEGABYTE, "MB")


if __name__ == "__main__":
    sys.exit(alone(export, __doc__))
