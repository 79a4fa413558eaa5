"""One deliverer at a time for each hook, and work that must not be cut in two."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from harvester.handoff.lock import only_one
from harvester.store.database import uninterrupted

T = TypeVar("T")


@asynccontextmanager
async def hook_lock(state: Path, name: str) -> AsyncIterator[None]:
    """Be the only one who delivers to a hook. Raises Busy where another process does, DiskError."""
    with ExitStack() as held:
        await off_loop(partial(held.enter_context, only_one(state, "hook", name)))
        yield


async def off_loop(work: Callable[[], T]) -> T:
    """Run `work` on a thread, to its end also when cancelled."""
    return await uninterrupted(asyncio.to_thread(work))
