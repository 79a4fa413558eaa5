"""Who reads pages, beside the event loop: a thread, or processes where pages come fast.

A page takes a core a millisecond or two. At the pace that a site asks for a thread has nothing to
do most of the time; where hundreds come in a second it would take turns with all other work.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from harvester.crew import open_crew
from harvester.findings import Finding, find
from harvester.model import BodyMode, Decision, Draft, Page, StoryRef

Read = Callable[[Page, StoryRef, BodyMode], Awaitable[Finding]]
"""Reads a page as `findings.find` does."""

# Pages a second that one thread reads beside other work without being in its way.
_FAST = 50.0
# A shorter run is over before processes have begun.
_MANY = 20


def is_fast(rate: float) -> bool:
    """Say whether so many pages a second are work for more than one thread."""
    return rate >= _FAST


async def in_thread(page: Page, ref: StoryRef, mode: BodyMode) -> Finding:
    """Read a page in a thread of this process."""
    return await asyncio.to_thread(find, page, ref, mode)


@asynccontextmanager
async def open_readers(rate: float, begin: int = _MANY) -> AsyncIterator[Read]:
    """Give who reads pages that come at so many a second.

    Processes begin their work at the page of that number.
    """
    if not is_fast(rate):
        yield in_thread
        return
    async with open_crew(begin) as crew:

        async def read(page: Page, ref: StoryRef, mode: BodyMode) -> Finding:
            bare = replace(page, exchange=None)  # what went over the wire is not read
            draft, decision = await crew.call(_found, bare, ref, mode)
            return Finding(ref, replace(bare, body=b""), draft, decision)

        yield read


def _found(page: Page, ref: StoryRef, mode: BodyMode) -> tuple[Draft | None, Decision | None]:
    finding = find(page, ref, mode)
    return finding.draft, finding.decision
