"""What other archives kept of the site: a real pywb stands in for the Wayback Machine."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from harvester import runs
from harvester.model import Scope
from harvester.replica.server import ReplicaServer
from harvester.replica.site import Site
from harvester.replica.story import HK, SG
from harvester.runs import Order, Source
from tests.e2e.support import Place, Watcher
from tests.support.pywb import Replay, replay
from tests.support.wayback import Row, WaybackServer

_CORRECTED = "更正之后的文字，说得更清楚，也更长一些，好让读者明白。"


@dataclass(frozen=True, slots=True)
class Collection:
    """The captures of a pywb, for the front that speaks as the Wayback Machine does."""

    pywb: Replay
    lines: list[Row]

    @classmethod
    def of(cls, pywb: Replay) -> Collection:
        """Return all that its index has."""
        fields = ("timestamp", "url", "mime", "status", "digest")
        lines = pywb.lines("zaobao.com.sg", "zaobao.com")
        rows = [cast("Row", tuple(line.get(name, "-") for name in fields)) for line in lines]
        return cls(pywb, rows)

    def rows(self) -> list[Row]:
        """Return what its index has."""
        return self.lines

    def body(self, timestamp: str, original: str) -> tuple[Mapping[str, str], bytes]:
        """Return what it replays."""
        at = datetime.strptime(timestamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        _, headers, body = self.pywb.get(original, at)
        return {"Content-Type": headers["Content-Type"] or "text/html"}, body


async def test_a_collection_of_pywb_gives_the_stories_of_the_live_run(tmp_path: Path) -> None:
    """Harvested from the Wayback Machine, every story has the content hash of the live run.

    Its index is asked for sections, its replay for the best capture of each story; a second run
    asks for no capture, since all are held or were looked at. What was fetched is kept: a catalogue
    made again from it is the same.
    """
    site = Site.arranged(unreadable=False)
    late = Place(tmp_path / "late")
    async with ReplicaServer(site) as server:
        live = Place(tmp_path / "live", server.origin)
        await live.backfill()
        await live.fetch(*(url for shown in site.truth() for url in shown.urls if HK in url))
    paths = (urlsplit(url).path for shown in site.truth() for url in shown.urls)
    sections = {path.strip("/").rpartition("/")[0] for path in paths}
    order = Order(Source.WAYBACK, Scope(sections=tuple(sorted(sections))))

    with replay(live.state / "warc", tmp_path / "pywb") as pywb:
        front = WaybackServer(Collection.of(pywb))
        async with front.running():
            first = await late.backfill(order, wayback_origin=front.origin)
            captures = len(front.targets("/web/"))
            second = await late.backfill(order, wayback_origin=front.origin)
            assert len(front.targets("/web/")) == captures

    # Of two stories with one text the first that was seen has the file.
    assert sorted(late.hashes().values()) == sorted(live.hashes().values())
    assert first.counts["new"] == len(live.hashes())
    assert second.counts.keys() == {"skipped"}
    assert min(late.clock.slept) >= 0
    late.check()
    posts, held = late.files(), late.hashes()
    shutil.rmtree(late.seeds)
    (late.state / "harvester.db").unlink()
    await runs.rebuild(late.settings(), Watcher(), late.clock, asyncio.Event(), discard=False)
    assert late.files() == posts
    assert late.hashes() == held


async def test_a_capture_older_than_the_text_is_an_earlier_revision(tmp_path: Path) -> None:
    """With `again` stories that are held are asked for too: file and current text stay."""
    site = Site.arranged(unreadable=False)
    story = next(shown.story for shown in site.truth() if SG in shown.urls[0])
    async with ReplicaServer(site) as server:
        old, live = Place(tmp_path / "old", server.origin), Place(tmp_path / "live", server.origin)
        (url,) = [url for shown in site.truth() for url in shown.urls if shown.story is story][:1]
        await old.fetch(url)
        site.edit(
            story.story_id, blocks=["更正之后的文字，说得更清楚，也更长一些，好让读者明白。"] * 2
        )
        live.clock.elapsed = 86_400.0
        await live.fetch(url)
    held = live.hashes()
    section = urlsplit(url).path.strip("/").rpartition("/")[0]
    scope = Scope(sections=(section,))
    with replay(old.state / "warc", tmp_path / "pywb") as pywb:
        front = WaybackServer(Collection.of(pywb))
        async with front.running():
            asked = Order(Source.WAYBACK, scope)
            passed = await live.backfill(asked, wayback_origin=front.origin)
            taken = await live.backfill(replace(asked, again=True), wayback_origin=front.origin)

    assert (passed.counts, taken.counts) == ({"skipped": 1}, {"revised": 1})
    assert live.hashes() == held
    first, second = live.revisions(story.story_id)
    assert first.content_hash == held[story.story_id]
    assert second.content_hash == old.hashes()[story.story_id]
    assert second.observed_at < first.observed_at
    live.check()
