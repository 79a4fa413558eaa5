"""Posts that lie there already: `python -m benchmarks.posts [--scale S] [--json FILE]`.

`harvester import` takes 10,000 posts of 4 kB into an empty archive, then `harvester verify` holds
files and catalogue to each other: real commands, time on the wall from their start to their end,
medians of some rounds.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.export import drafts
from benchmarks.figures import Figure
from benchmarks.harness import alone, scaled
from benchmarks.processes import Ran, harvester, run

_POSTS = 10_000
_ROUNDS = 3
_IMPORTED, _VERIFIED = 3_000.0, 5_000.0
_MEGABYTE = 1e6


def posts(folder: Path, scale: float) -> Iterator[Figure]:
    """Measure taking posts in, and checking them."""
    count = scaled(_POSTS, scale, least=50)
    size = _write(folder / "posts", count)
    rounds = [_round(folder, count) for _ in range(scaled(_ROUNDS, scale))]
    yield Figure("posts", count, note=f"{size / count:,.0f} bytes each")
    for name, asked, ran in (
        ("import", _IMPORTED, [imported for imported, _ in rounds]),
        ("verify", _VERIFIED, [verified for _, verified in rounds]),
    ):
        seconds = median(each.seconds for each in ran)
        yield Figure(name, count / seconds, "posts/s", least=asked, note=f"{seconds:.2f} s")
        yield Figure(f"{name}: processor", median(each.cpu for each in ran), "s CPU")
        yield Figure(f"{name}: peak", max(each.peak for each in ran) / _MEGABYTE, "MB")


def _write(folder: Path, count: int) -> int:
    """Write invented posts; return their bytes."""
    size = 0
    for draft in drafts(count):
        file = folder / draft.name
        file.parent.mkdir(parents=True, exist_ok=True)
        size += file.write_bytes(draft.data)
    return size


def _round(folder: Path, count: int) -> tuple[Ran, Ran]:
    """Take all posts into a new archive and check it; nothing of it stays."""
    place = folder / "archive"
    place.mkdir()
    at = ("--json", "--seeds", place / "seeds", "--state", place / "state")
    imported = run(harvester("import", *at, folder / "posts"), place)
    verified = run(harvester("verify", *at), place)
    shutil.rmtree(place)
    told, found = json.loads(imported.stdout), json.loads(verified.stdout)
    if (told["new"], found["posts"]) != (count, count):
        raise RuntimeError(f"of {count} posts: {told}, {found}")
    return imported, verified


if __name__ == "__main__":
    sys.exit(alone(posts, __doc__))
