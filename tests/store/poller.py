"""A process that polls and buries for the tests: `python -m tests.store.poller ROOT COUNT`.

For each number it puts a story, claims a slot, ends its poll with one new address and buries the
story, and prints each step (`claimed 3`, `ended 3`, `buried 3`) once it has been acknowledged.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from harvester.model import Poll, Watch
from tests.store.support import NOON, make_draft, make_ref, make_visit, open_store

NAME = "realtime/china"


async def _poll(root: Path, count: int) -> None:
    async with open_store(root) as archive:
        for number in range(count):
            slot = NOON + timedelta(minutes=number)
            watch = Watch(NAME, next_check_at=slot + timedelta(minutes=1))
            await archive.put(make_draft(str(number), f"text{number} ", title=f"t{number}"))
            await archive.begin_poll(watch, slot, slot)
            print("claimed", number, flush=True)  # noqa: T201
            await archive.end_poll(Poll(NAME, slot, slot, 1), watch, [make_ref(str(number))])
            print("ended", number, flush=True)  # noqa: T201
            missing = replace(make_visit(str(number)), missing_since=NOON)
            await archive.bury(missing)
            print("buried", number, flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(_poll(Path(sys.argv[1]), int(sys.argv[2])))
