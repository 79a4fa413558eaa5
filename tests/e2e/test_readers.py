"""Other programs read the post tree while it is written."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from harvester.replica import Site
from harvester.replica.server import ReplicaServer
from tests.e2e.support import Place, address, story

ROOT = Path(__file__).resolve().parents[2]
STORIES = 16
EDITS = 12


@asynccontextmanager
async def polling(seeds: Path, seen: dict[str, Any]) -> AsyncIterator[None]:
    """Let a process read the tree in a tight loop while the block runs; then tell what it saw."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.e2e.reader", str(seeds),
        cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield
        output, _ = await process.communicate(b"")
        seen.update(json.loads(output))
    finally:
        if process.returncode is None:
            process.kill()


async def test_whoever_reads_meanwhile_sees_whole_posts(tmp_path: Path) -> None:
    """In a tight loop beside a backfill and many edits, each post is whole and as its line says."""
    seen: dict[str, Any] = {}
    stories = [story(9_700_000 + n, f"2026-09-10T{n:02}:00:00") for n in range(STORIES)]
    async with ReplicaServer(Site(stories)) as server:
        place = Place(tmp_path, server.origin)
        place.seeds.mkdir(parents=True)
        async with polling(place.seeds, seen):
            await place.backfill()
            for number in range(EDITS):
                for edited in stories:
                    blocks = (f"改写后的第{number}稿，" * 20, edited.story_id * 9)
                    server.site.edit(edited.story_id, blocks=blocks)
                run = await place.fetch(*map(address, stories), all_revisions=True)
                assert run.counts == {"revised": STORIES}
    assert seen["faults"] == []
    assert seen["rounds"] >= 10
    assert seen["lines"] >= STORIES
    place.check()
