"""An archive that has lived: stories edited, gone, back again, hand-made posts, looks unkept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harvester.replica import Site
from harvester.replica.server import ReplicaServer
from tests.e2e.support import address, story
from tests.rereading.harvests import DAY, Harvest, addresses

HOUR = 3600
UNKEPT = {"HARVESTER_RAW": "off"}
UNSEEN = story(9_800_001)
"""A story that was published while no pages were kept."""


@dataclass(frozen=True)
class Parts:
    """The ids of the stories to which something happened; each has one page besides at least."""

    once: Sequence[str]
    twice: Sequence[str]
    back_to_first: str
    unkept: Sequence[str]
    gone: Sequence[str]
    back: str
    by_hand: Sequence[str]
    alone: Sequence[str]

    @classmethod
    def of(cls, ids: Sequence[str]) -> Parts:
        """Deal out stories, of whom there are 26 at least; some edits are under a hand's."""
        hand = (ids[0], ids[16], ids[7])
        return cls(ids[:5], ids[3:5], ids[5], ids[6:9], ids[9:12], ids[12], hand, ids[20:26])

    @property
    def of_no_page(self) -> set[str]:
        """The stories whose newest text no page shows."""
        return {*self.unkept, UNSEEN.story_id, *self.by_hand}

    @property
    def lost(self) -> list[str]:
        """Stories of all kinds whose post can be had again."""
        return [self.once[1], self.twice[0], self.back_to_first, self.gone[0], *self.alone[:3]]


async def _live(harvest: Harvest, site: Site) -> Parts:
    assert (await harvest.visit(addresses(site))).returncode == 0
    urls: dict[str, str] = dict(harvest.select("SELECT story_id, url FROM stories"))
    parts = Parts.of(sorted(urls))
    first = {shown.story.story_id: shown.story for shown in site.truth()}

    async def look(ids: Sequence[str], ahead: float) -> None:
        ended = await harvest.fetch(*(urls[each] for each in ids), ahead=ahead)
        assert ended.returncode == 0, ended.stderr

    for story_id in (*parts.once, parts.back_to_first):
        site.edit(story_id, blocks=[f"改过的一段话，比原来的长一些，{story_id}。" * 5])
    await look([*parts.once, parts.back_to_first], HOUR)
    for story_id in parts.twice:
        site.edit(story_id, blocks=[f"又改过的一段话，是第二次了，{story_id}。" * 6])
    site.publish(first[parts.back_to_first])
    await look([*parts.twice, parts.back_to_first], 2 * HOUR)
    for story_id in parts.unkept:
        site.edit(story_id, title=f"没有存页的标题 {story_id}")
    site.publish(UNSEEN)
    unkept = [*(urls[each] for each in parts.unkept), address(UNSEEN)]
    await harvest.fetch(*unkept, ahead=3 * HOUR, environ=UNKEPT)
    for story_id in (*parts.gone, parts.back):
        site.remove(story_id)
    for days in (1, 3, 5):
        await look([*parts.gone, parts.back], days * DAY)
    site.restore(parts.back)
    site.edit(parts.back, title="又回来的一篇新闻")
    await look([parts.back], 6 * DAY)
    return parts


def live(root: Path) -> tuple[Harvest, Parts]:
    """Make the archive; return what happened to whom. Nobody has worked on its posts yet."""

    async def living() -> tuple[Harvest, Parts]:
        async with ReplicaServer(Site.arranged(unreadable=False)) as server:
            harvest = Harvest(root, server.origin)
            return harvest, await _live(harvest, server.site)

    return asyncio.run(living())
