"""What a writer that did not end well has left: counted by what is wrong with it, none allowed.

The archive is looked at as it was left (on a copy of the catalogue, for a reader rolls back what a
killed writer had begun) and again after one ordinary start. A consumer looks both times: it takes
the change log, and from the tree what the log names.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from harvester import warc
from harvester.errors import HarvesterError
from harvester.store import MANIFEST, Change, Reader, open_archive, verify
from tests.store.support import RAW, files, open_store
from tests.torture.crash.kept_pages import wrong_pages
from tests.torture.crash.operations import adopt, legal

TORN, NO_FILE, LOST = "torn files", "rows without file", "acknowledged but lost"
PAGES = "pages lost, torn or without a row"
LEFTOVER, LIES = "leftover temporary files", "gaps or lies of the change log"
KINDS = (
    *(TORN, NO_FILE, LOST, PAGES, "leftover temporary files", "differences that verify finds"),
    *(
        "wrong lines of the manifest",
        "gaps or lies of the change log",
        "stale copies of a consumer",
    ),
    "failed starts",
)


@dataclass
class Found:
    """What was found in all archives: how many things of each kind are wrong."""

    archives: int = 0
    wrong: Counter[str] = field(default_factory=Counter)

    async def examine(self, root: Path, acknowledged: frozenset[str]) -> None:
        """Look at an archive, start it once, look again."""
        self.archives += 1
        consumer = Consumer(root / "seeds")
        with _as_left(root) as reader:
            if reader:
                self._look(root, reader, acknowledged)
                consumer.follow(reader)
        try:
            await self._start(root)
            self.wrong["differences that verify finds"] += len(
                verify(root / "seeds", root / "state", patience=0, pages=warc).differences
            )
        except HarvesterError:
            self.wrong["failed starts"] += 1
            return
        with open_archive(root / "seeds", root / "state") as reader:
            self._look(root, reader, acknowledged)
            consumer.follow(reader)
        self.wrong[LEFTOVER] += _leftovers(root)
        self.wrong[PAGES] += wrong_pages(root, acknowledged)
        self.wrong[LIES] += consumer.lies
        self.wrong["stale copies of a consumer"] += consumer.copy != _posts(root)

    async def _start(self, root: Path) -> None:
        async with open_store(root, raw=RAW) as archive:
            self.wrong[TORN] += await adopt(archive, root, lambda _: None)

    def _look(self, root: Path, reader: Reader, acknowledged: frozenset[str]) -> None:
        posts = _posts(root)
        self.wrong[TORN] += sum(data not in legal().get(path, ()) for path, data in posts.items())
        self.wrong[TORN] += sum(
            file.read_bytes() not in legal().get(_origin(file, root), ())
            for file in (root / "state" / "aside").rglob("*.md*")
        )
        self.wrong[NO_FILE] += sum(row.path not in posts for row in reader.articles())
        texts = {word for word in acknowledged if not word.startswith("page")}
        self.wrong[LOST] += len(texts - recorded(reader))
        self.wrong["wrong lines of the manifest"] += _untrue(root / "seeds")
        told = list(reader.changes())
        self.wrong[LIES] += _is_untrue(told, reader)


class Consumer:
    """Keeps a copy of the tree by the change log alone."""

    def __init__(self, seeds: Path) -> None:
        self._seeds = seeds
        self._told: list[Change] = []
        self.copy: dict[str, bytes] = {}
        self.lies = 0

    def follow(self, reader: Reader) -> None:
        """Take what the log names since the last time; what it told then must still stand."""
        told = list(reader.changes())
        self.lies += told[: len(self._told)] != self._told
        for change in told[len(self._told) :]:
            place = self._seeds / change.path
            if place.exists():
                self.copy[change.path] = place.read_bytes()
            else:
                self.lies += 1
        self._told = told


def _posts(root: Path) -> dict[str, bytes]:
    return {path: data for path, data in files(root).items() if path.endswith(".md")}


def _leftovers(root: Path) -> int:
    return len(list(root.rglob(".harvester-*")))


def _origin(file: Path, root: Path) -> str:
    """Return the path in the tree of a file that was put aside; a second copy ends in `.2`."""
    path = file.relative_to(root / "state" / "aside").as_posix()
    return path[: path.index(".md") + 3]


def recorded(reader: Reader) -> set[str]:
    """Return the words that acknowledge what the catalogue holds."""
    held = {
        legal()[row.path].get(reader.post(row.story_id, each.revision), "unknown")
        for row in reader.articles()
        for each in reader.revisions(row.story_id)
    }
    return held | {f"gone{each.story_id}" for each in reader.changes() if each.op == "gone"}


@contextmanager
def _as_left(root: Path) -> Iterator[Reader | None]:
    """Open a copy of the catalogue; None where there is none yet that can be read."""
    if not (root / "state").exists():
        yield None
        return
    copy = Path(shutil.copytree(root / "state", root / "copy-of-state"))
    try:
        with open_archive(root / "seeds", copy) as reader:
            yield reader
    except HarvesterError:
        assert not files(root), "a catalogue with stories can be read at every moment"
        yield None
    finally:
        shutil.rmtree(copy)


def _untrue(seeds: Path) -> int:
    """Count the lines that name other bytes than those that lie there, or are cut."""
    manifest, wrong = seeds / MANIFEST, 0
    if not manifest.exists():
        return 0
    for line in manifest.read_bytes().splitlines(keepends=True):
        try:
            named = json.loads(line)
            digest = sha256((seeds / named["path"]).read_bytes()).hexdigest()
            wrong += digest != named["sha256"] or not line.endswith(b"\n")
        except (ValueError, OSError):
            wrong += 1
    return wrong


def _is_untrue(told: Sequence[Change], reader: Reader) -> int:
    """Count gaps in the numbers, and stories whose entries are not those of their row."""
    wrong = sum(change.seq != number for number, change in enumerate(told, start=1))
    rows = {row.story_id: row for row in reader.articles()}
    by_story = attrgetter("story_id")
    for story_id, entries in groupby(sorted(told, key=by_story), by_story):
        ops = list(entries)
        row = rows.pop(story_id, None)
        revisions = [entry.revision for entry in ops]
        wrong += (
            row is None
            or (ops[-1].path, ops[-1].sha256, ops[-1].revision)
            != (row.path, row.sha256, row.revision)
            or [entry.op for entry in ops].count("new") != 1
            or ops[0].op != "new"
            or revisions != sorted(revisions)
            or set(revisions) != set(range(1, row.revision + 1))
        )
    return wrong + len(rows)
