"""The blocks of docs/recipes.md as they stand, a folder to run them in, and a real archive."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from harvester.handoff.feeds import publish_feeds
from harvester.handoff.record import Record, records
from harvester.model import Access, Visit, VisitState
from harvester.post import clean_title
from harvester.store import Change, open_archive
from tests.e2e.processes import DEADLINE, Finished
from tests.handoff.export.support import TITLES, draft
from tests.handoff.follower_archive import open_writer
from tests.store.support import NOON

DOCS = Path(__file__).resolve().parents[2] / "docs"
DOCUMENT = DOCS / "recipes.md"
STORIES = 30
FIRST = 2_000_000

Blocks = list[str]
COVERED: dict[str, tuple[str, ...]] = {}
"""The languages of the blocks that some test runs, by heading."""


def written() -> dict[str, list[tuple[str, str]]]:
    """Return language and text of each block, by the heading above it."""
    found: dict[str, list[tuple[str, str]]] = {}
    heading = ""
    for before, token in pairwise(MarkdownIt().parse(DOCUMENT.read_text("utf-8"))):
        if before.type == "heading_open":
            heading = token.content
        if token.type in {"fence", "code_block"}:
            found.setdefault(heading, []).append((token.info, token.content))
    return found


def recipe(heading: str, *languages: str) -> pytest.MarkDecorator:
    """Give a test `blocks`, the texts below a heading, which are in these languages."""
    COVERED[heading] = languages
    blocks = [text for _, text in written().get(heading, [])]
    return pytest.mark.parametrize("blocks", [pytest.param(blocks, id=pytest.HIDDEN_PARAM)])


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with an archive and the docs, as a newcomer has it. `environ` adds to the rest."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)

    def sh(self, block: str) -> Finished:
        """Run a block of shell to its end; each of its commands must succeed."""
        ended = self.ran("sh", "-e", "-c", block)
        assert ended.returncode == 0, ended.stderr
        return ended

    def python(self, block: str) -> Finished:
        """Run a block of Python to its end."""
        return self.ran("python3", "-c", block)

    def ran(self, *words: str) -> Finished:
        """Run a program to its end."""
        return subprocess.run(
            words,
            cwd=self.root,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=DEADLINE,
            check=False,
        )

    @contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Start a program whose output is read; it and those it started end with the block."""
        with subprocess.Popen(
            words,
            cwd=self.root,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        ) as process:
            try:
                yield process
            finally:
                process.kill()
                process.communicate(timeout=DEADLINE)  # ends when nobody writes any more

    def records(self) -> list[Record]:
        """Return the stories of the archive."""
        with open_archive(self.root / "seeds", self.root / "state") as archive:
            return list(records(archive))

    def changes(self) -> list[Change]:
        """Return the change log of the archive."""
        with open_archive(self.root / "seeds", self.root / "state") as archive:
            return list(archive.changes())

    def posts(self, folder: str = "seeds") -> dict[str, bytes]:
        """Return the posts below a folder by their paths."""
        root = self.root / folder
        return {
            path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("2*.md")
        }

    def _environment(self) -> dict[str, str]:
        programs = (str(Path(sys.executable).parent), os.environ["PATH"])
        plain = {"HOME": str(self.root), "LC_ALL": "C.UTF-8", "HF_HUB_OFFLINE": "1"}
        return plain | {"PATH": os.pathsep.join(programs)} | self.environ


async def fill(root: Path) -> None:
    """Make an archive of three years and two sections: hostile titles, a preview, an edit."""
    titles = [*TITLES, *(f"国会第{number}次复会" for number in range(STORIES - len(TITLES)))]
    async with open_writer(root) as archive:
        for number, title in enumerate(titles):
            await archive.put(
                draft(
                    FIRST + number,
                    clean_title(title),
                    f"第{number}篇，早报的正文。",
                    section=("realtime/china", "news/world")[number % 2],
                    access=Access.PREVIEW if number == STORIES - 1 else Access.FULL,
                    at=NOON - timedelta(days=30 * number),
                )
            )
    await edit(root, 1)


async def edit(root: Path, number: int) -> None:
    """Revise one story, bury the one after it, add a new one, and publish."""
    at = NOON + timedelta(days=number)
    async with open_writer(root) as archive:
        title = f"“改过”的标题 \\ {number}"
        await archive.put(draft(FIRST + number, title, f"第{number}次改。", at=at))
        gone = next(row for row in Place(root).records() if row.story_id == str(FIRST + number + 1))
        await archive.bury(Visit(gone.story_id, gone.url, VisitState.REJECTED, at, "missing"))
        await archive.put(draft(FIRST + 100 + number, f"'新' \"{number}\"", f"新{number}。", at=at))
        await archive.publish_manifest()
    with open_archive(root / "seeds", root / "state") as reader:
        publish_feeds(root / "seeds", reader)
