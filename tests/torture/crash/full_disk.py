"""Operations on a full disk: `python -m tests.torture.crash.full_disk FOLDER PAGES`.

FOLDER is a small file system of its own. Each operation is tried with no free page, with PAGES
more, and so on until it completes; then room is made and it is told to do the same once more. In
the end the program itself imports posts. What came of it is one JSON object on stdout.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harvester.errors import DiskError
from tests.handoff.follower_archive import real_draft
from tests.store.support import RAW, StillClock, make_visit, open_store
from tests.torture.crash.examine import Found
from tests.torture.crash.operations import WORK, Say, adopt, draft, prepare

_PAGE = 4096
NAMES = ("new story", "revision", "gone story", "group of 50", "manifest", "pages", "next run")


@dataclass
class Result:
    """What came of all tries: how many ended with a disk error, how many did not complete after."""

    tries: int = 0
    full: int = 0
    incomplete: int = 0
    found: Found = field(default_factory=Found)


@contextmanager
def free(disk: Path, room: int) -> Iterator[None]:
    """Leave so many bytes free on a disk."""
    ballast = disk / "ballast"
    figures = os.statvfs(disk)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, figures.f_bavail * figures.f_frsize - room)
    try:
        yield
    finally:
        ballast.unlink()


async def perform(name: str, root: Path, say: Say) -> None:
    """Do an operation from a start to a clean end."""
    clock = StillClock()
    async with open_store(root, clock, raw=RAW) as archive:
        await adopt(archive, root, say)
        if name == "manifest":
            await archive.put(draft(11), make_visit("11"))
            say("11v1")
        await WORK[name](archive, root, clock, say)


async def is_done(name: str, root: Path, told: set[str]) -> bool:
    """Do an operation; say whether the disk had room for all of it."""
    try:
        await perform(name, root, told.add)
    except DiskError:
        return False
    return True


async def fill(disk: Path, name: str, pages: int, result: Result) -> None:
    """Do an operation with less room than it needs, again and again with a little more."""
    before = disk / "before"
    before.mkdir()
    held = await prepare(name, before)
    room, done = 0, False
    while not done:
        root, told = Path(shutil.copytree(before, disk / "archive")), set(held)
        with free(disk, room):
            done = await is_done(name, root, told)
            again = done or await is_done(name, root, told)  # sweeps first
        result.tries += 1
        result.full += not done
        await result.found.examine(root, frozenset(told))
        result.incomplete += not (again or await is_done(name, root, told))
        await result.found.examine(root, frozenset(told))
        shutil.rmtree(root)
        room += pages * _PAGE
    shutil.rmtree(before)


def run(disk: Path) -> list[int]:
    """Import posts on a full disk, then with room, then verify; return how the program ended."""
    for number in range(20):
        post = disk / "posts" / real_draft(number).name
        post.parent.mkdir(parents=True, exist_ok=True)
        post.write_bytes(real_draft(number).data)

    def harvester(*arguments: str) -> int:
        command = [sys.executable, "-m", "harvester.cli", *arguments, "--seeds", "seeds"]
        return subprocess.run(
            [*command, "--state", "state"], cwd=disk, stdout=subprocess.DEVNULL, check=False
        ).returncode

    with free(disk, 64 * _PAGE):
        ends = [harvester("import", "posts")]
    return [*ends, harvester("import", "posts"), harvester("verify")]


def main(folder: str, pages: str) -> None:
    """Try all operations; tell what came of it."""
    disk, result = Path(folder), Result()
    for name in NAMES:
        asyncio.run(fill(disk, name, int(pages), result))
    json.dump(
        {
            "tries": result.tries,
            "full": result.full,
            "incomplete": result.incomplete,
            "archives": result.found.archives,
            "wrong": result.found.wrong,
            "program": run(disk),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
