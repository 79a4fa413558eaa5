"""A writing process for the tests: `python -m tests.store.writer ROOT COUNT [WORDS [BYTES]]`.

Stores COUNT drafts, two texts of each story, ten drafts at a time, and prints the number of each
one that has been acknowledged. With COUNT 0 it holds the archive until a line comes on stdin.
Each text has WORDS words; no file may grow beyond BYTES.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from harvester.errors import HarvesterError
from tests.store.support import make_draft, make_visit, open_store


async def _write(root: Path, count: int, words: int) -> None:
    async with open_store(root) as archive:
        print("ready", flush=True)  # noqa: T201
        if not count:
            await asyncio.to_thread(sys.stdin.readline)

        async def store(number: int) -> None:
            story_id = str(1_000_000 + number // 2)
            draft = make_draft(story_id, f"text{number} " * words, title=f"t{story_id}")
            await archive.put(draft, make_visit(story_id))
            print(number, flush=True)  # noqa: T201

        for start in range(0, count, 10):
            await asyncio.gather(*map(store, range(start, min(start + 10, count))))


def _main(root: str, count: str, words: str = "500", limit: str = "") -> int:
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    try:
        asyncio.run(_write(Path(root), int(count), int(words)))
    except HarvesterError as error:
        print(type(error).__name__, error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
