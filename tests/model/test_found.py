"""What the machine has found, each in its shortest form."""

from __future__ import annotations

from pathlib import Path

from harvester.replica import Site
from harvester.replica.server import ReplicaServer
from harvester.store import verify
from harvester.workshop import open_writer
from tests.e2e.support import Clock, Place, Watcher
from tests.model import stories


async def test_a_manifest_that_was_being_written(tmp_path: Path) -> None:
    """A start takes away what a writer left that was killed while it wrote the manifest."""
    async with ReplicaServer(Site([stories.shown(0, 0)])) as server:
        place = Place(tmp_path, server.origin)
        await place.backfill()
    leftover = place.seeds / ".harvester-MANIFEST.tmp"
    leftover.write_bytes(b"half a li")

    async with open_writer(place.settings(), Watcher(), Clock()):
        assert not leftover.exists()
        assert verify(place.seeds, place.state).differences == ()


async def test_feeds_that_were_being_written(tmp_path: Path) -> None:
    """A start brings feeds up to date that a killed writer left behind in the middle."""
    async with ReplicaServer(Site([stories.shown(0, 0)])) as server:
        place = Place(tmp_path, server.origin)
        await place.backfill()
    feeds = place.seeds / "feeds"
    whole = (feeds / "all.atom").read_bytes()
    (feeds / "all.atom").unlink()
    (feeds / ".harvester-all.atom.tmp").write_bytes(b"<feed")

    async with open_writer(place.settings(), Watcher(), Clock()):
        assert (feeds / "all.atom").read_bytes() == whole
        assert verify(place.seeds, place.state).differences == ()


async def test_a_twin_whose_other_is_edited(tmp_path: Path) -> None:
    """A story that had another's text is archived once that other one has a text of its own."""
    site = Site([stories.shown(0, 0), stories.shown(2, 0)])
    async with ReplicaServer(site) as server:
        place = Place(tmp_path, server.origin)
        first = await place.fetch(stories.url(0), stories.url(2))
        title, blocks = stories.said(1)
        site.edit(stories.identity(0), blocks=blocks, title=title)
        second = await place.fetch(stories.url(0), stories.url(2))
        third = await place.fetch(stories.url(0), stories.url(2))

    assert first.counts == {"new": 1, "duplicate": 1}
    assert second.counts.keys() & {"new", "revised"}
    assert third.counts.keys() <= {"unchanged", "new"}
    assert len(place.articles()) == 2
