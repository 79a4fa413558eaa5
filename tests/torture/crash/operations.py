"""The operations of the store that are killed, starved and traced, and the archives before them.

Stories 1 to 60 have two texts each; the bytes of a post tell which one it is, so whatever lies in
the tree is one of them, or torn.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

from harvester.handoff.feeds import publish_feeds
from harvester.model import Draft
from harvester.store import Archive, open_archive
from harvester.store.batch import BATCH
from tests.handoff.follower_archive import open_writer, real_draft
from tests.store.support import (
    NOON,
    RAW,
    StillClock,
    make_draft,
    make_evidence,
    make_sent_page,
    make_visit,
    open_store,
)

Say = Callable[[str], None]
Work = Callable[[Archive, Path, StillClock, Say], Awaitable[None]]

STORIES = range(1, 61)
PAGED = range(55, 61)
"""Stories that are put with their pages."""
EDITED = b"edited by hand"
_WHICH = re.compile(rb"text(\d+)v(\d) ")
_HELD = 10


def draft(story: int, version: int = 1, *, in_place: bool = False) -> Draft:
    """Return a text of a story; those after 50 lie in a folder that the others do not make."""
    folder = f"2021/{12 - story % 5:02}" if story <= 50 else "2022/01"
    return make_draft(
        str(story),
        f"text{story}v{version} " * 300,
        name=f"{folder}/2021-11-01-t{story}.md",
        observed_at=NOON + timedelta(hours=version),
        in_place=in_place,
    )


@cache
def legal() -> dict[str, dict[bytes, str]]:
    """Return by path the texts that may lie there, each with the word that acknowledges it."""
    return {
        draft(story).name: {draft(story, each).data: text(story, each) for each in (1, 2)}
        for story in STORIES
    }


def text(story: int, version: int = 1) -> str:
    """Return the word that acknowledges a text."""
    return f"{story}v{version}"


def page_word(story: int) -> str:
    """Return the word that acknowledges a page."""
    return f"page{story}"


async def prepare(name: str, root: Path) -> set[str]:
    """Make the archive before an operation; return what is acknowledged in it."""
    if name == "first start":
        return set()
    if name == "feeds":
        async with open_writer(root) as archive:
            await archive.put(real_draft(1))
        return set()
    async with open_store(root, raw=RAW) as archive:
        for story in range(1, _HELD + 1):
            await archive.put(draft(story), make_visit(str(story)))
    if name == "revision of an edited post":
        (root / "seeds" / draft(1).name).write_bytes(EDITED)
    return {text(story) for story in range(1, _HELD + 1)}


async def adopt(archive: Archive, root: Path, say: Say) -> int:
    """Put what a killed writer had not recorded, as each run does first; count torn posts."""
    torn = 0
    for path in archive.orphans:
        data = (root / "seeds" / path).read_bytes()
        if which := legal().get(path, {}).get(data):
            story, version = map(int, which.split("v"))
            await archive.put(draft(story, version, in_place=True), make_visit(str(story)))
            say(which)
        else:
            torn += 1
            await archive.set_aside(path)
    archive.adopted()
    return torn


async def _store(archive: Archive, texts: Iterable[tuple[int, int]], say: Say) -> None:
    async def put(story: int, version: int) -> None:
        await archive.put(draft(story, version), make_visit(str(story)))
        say(text(story, version))

    await asyncio.gather(*(put(*each) for each in texts))


async def _store_shown(
    archive: Archive, texts: Iterable[tuple[int, int]], missed: Iterable[int], say: Say
) -> None:
    """Store texts with the pages that show them, and pages that show none; two are the same."""

    async def put(story: int, version: int) -> None:
        page = make_sent_page(str(story), b"<p>%d" % version * 200)
        evidence = make_evidence(page, written=True)
        await archive.put(draft(story, version), make_visit(str(story)), evidence)
        say(text(story, version))
        say(page_word(story))

    async def miss(story: int) -> None:
        evidence = make_evidence(make_sent_page(str(story), b"<p>1" * 200))
        await archive.note(make_visit(str(story), reason="no article"), evidence)
        say(page_word(story))

    await asyncio.gather(*(put(*each) for each in texts), *map(miss, missed))


async def _pages(archive: Archive, _: Path, __: StillClock, say: Say) -> None:
    await _store_shown(archive, [(55, 1), (56, 2)], [58], say)
    await _store_shown(archive, [(55, 2)], [59], say)


async def _new(archive: Archive, _: Path, __: StillClock, say: Say) -> None:
    await _store(archive, [(51, 1)], say)


async def _revision(archive: Archive, _: Path, __: StillClock, say: Say) -> None:
    await _store(archive, [(1, 2)], say)


async def _gone(archive: Archive, _: Path, __: StillClock, say: Say) -> None:
    await archive.bury(replace(make_visit("1"), missing_since=NOON))
    say("gone1")


async def _some(archive: Archive, _: Path, __: StillClock, say: Say) -> None:
    await asyncio.gather(
        _store(archive, [(1, 2), (51, 1)], say), _store_shown(archive, [(57, 1)], [60], say)
    )


async def _group(archive: Archive, _: Path, __: StillClock, say: Say) -> None:
    stories = range(2, BATCH + 2)
    await _store(archive, [(story, 2 if story <= _HELD else 1) for story in stories], say)


async def _manifest(archive: Archive, _: Path, clock: StillClock, __: Say) -> None:
    clock.at += timedelta(minutes=1)
    await archive.publish_manifest()


async def _snapshot(archive: Archive, root: Path, _: StillClock, __: Say) -> None:
    await archive.snapshot(root / "state" / "snapshots" / "daily", 7)


async def _feeds(_: Archive, root: Path, __: StillClock, ___: Say) -> None:
    with open_archive(root / "seeds", root / "state") as reader:
        publish_feeds(root / "seeds", reader)


WORK: dict[str, Work] = {
    "new story": _new,
    "revision": _revision,
    "gone story": _gone,
    "group of 50": _group,
    "some texts": _some,
    "pages": _pages,
    "manifest": _manifest,
    "next run": _some,
    "revision of an edited post": _revision,
    "snapshot": _snapshot,
    "feeds": _feeds,
}
"""What an open archive is told to do. A `start` and a `first start` open it themselves."""

STARTS = ("first start", "start", "sweep")
"""Up to the sweep (with nothing there, and after a kill), and from the sweep to a clean end."""

NEXT_RUN = "next run"
"""From the start after a kill to the acknowledgement of some texts."""
