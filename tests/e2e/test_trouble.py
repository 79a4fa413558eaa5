"""Trouble that outlasts a run: what one run could not have or keep, the next ones put right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from harvester.errors import SiteUnreachable
from harvester.model import Access, Era, Scope, Verdict
from harvester.replica import Site, Story
from harvester.replica.making import make
from harvester.replica.server import ReplicaServer
from harvester.replica.site import Answer
from harvester.runs import Order, Source
from tests.e2e.support import Place, address, read, small_site, story

DAY = 24 * 3600.0
STORY = story(9_700_001, "2026-09-10T01:00:00")
PATH = f"/{STORY.path}"
EDITED = ("改写后的第一段，比原来短得多。" * 3, "第二段说的是另一件事。" * 2)


class Redesigned(Site):
    """A site that shows its stories in a layout of its own for as long as `redesigned`."""

    redesigned = True

    def answer(self, host: str, target: str) -> Answer:
        """Hide the text of a story's page in markup that nobody has seen before."""
        told = super().answer(host, target)
        if not (self.redesigned and "/story" in target):
            return told
        body = f"<!DOCTYPE html><html><title>新版</title><body><x-app>{'文' * 900}</x-app></body>"
        return replace(told, body=body.encode(), changed=None)


@pytest.fixture
async def server() -> AsyncIterator[ReplicaServer]:
    """Yield a running replica of six stories."""
    async with ReplicaServer(small_site(6)) as server:
        yield server


def asked_for(server: ReplicaServer, path: str = "/story") -> int:
    """Return how many requests there were for a path, or for stories."""
    return sum(path in request.target for request in server.log)


def mend(site: Site, paths: Iterable[str]) -> None:
    """Take away the faults of these paths that are left."""
    for path in paths:
        while site.take_fault(path):
            pass


def all_aside(place: Place) -> list[bytes]:
    """Return what was set aside."""
    return [path.read_bytes() for path in (place.state / "aside").rglob("*") if path.is_file()]


def charged_story() -> tuple[Story, Story]:
    """Return a story of 2022, when the site had a paywall, in full and as its preview."""
    full = make("news/china/story20220910-1310001", Era.SG_2019, "2022-09-10T05:00:00")
    return full, replace(full, access=Access.PREVIEW, body=full.body[:2])


# --- catalogue and post tree ---


@pytest.mark.parametrize("left", [None, b""], ids=["deleted", "empty"])
async def test_a_lost_catalogue_is_made_again_from_the_posts(
    left: bytes | None, tmp_path: Path
) -> None:
    """Without its catalogue a run takes up the posts first: none is written again or twice."""
    async with ReplicaServer(Site.arranged()) as server:
        place = Place(tmp_path, server.origin)
        await place.backfill()
        before, held = place.identities(), place.articles()
        for path in place.state.glob("harvester.db*"):
            path.unlink()
        if left is not None:
            (place.state / "harvester.db").write_bytes(left)

        run = await place.backfill()

    assert "new" not in run.counts
    assert "revised" not in run.counts
    assert before == place.identities()
    access = {story_id: row.access for story_id, row in held.items()}
    assert access == {story_id: row.access for story_id, row in place.articles().items()}
    assert Access.PREVIEW in access.values()
    assert all_aside(place) == []
    place.check()


async def test_what_was_edited_by_hand_is_set_aside(place: Place, server: ReplicaServer) -> None:
    """A revision over a file that somebody changed keeps that file's bytes in `state/aside`."""
    await place.backfill()
    path = place.seeds / place.articles()[STORY.story_id].path
    by_hand = path.read_bytes().replace(b"</div>", "<p>手写的一段。</p></div>".encode())
    await asyncio.to_thread(path.write_bytes, by_hand)
    server.site.edit(STORY.story_id, blocks=EDITED)

    run = await place.backfill()

    assert run.counts == {"revised": 1, "skipped": 5}
    assert all_aside(place) == [by_hand]
    assert read(place.text(STORY.story_id)).blocks == EDITED
    place.check()


async def test_a_preview_never_replaces_a_full_text(tmp_path: Path) -> None:
    """A story that is charged for since keeps its full text, file and mark."""
    full, preview = charged_story()
    async with ReplicaServer(Site([full])) as server:
        place = Place(tmp_path, server.origin)
        await place.backfill()
        before = place.identities()
        server.site.publish(preview)

        run = await place.backfill()

    assert run.counts == {"unchanged": 1}
    assert before == place.identities()
    assert place.articles()[full.story_id].access is Access.FULL
    place.check()


async def test_a_preview_that_is_set_free_becomes_the_full_text(tmp_path: Path) -> None:
    """The full text of a story of which only the beginning was served is a revision of it."""
    full, preview = charged_story()
    async with ReplicaServer(Site([preview])) as server:
        place = Place(tmp_path, server.origin)
        await place.backfill()
        assert place.articles()[full.story_id].access is Access.PREVIEW
        server.site.publish(full)

        run = await place.backfill()

    assert run.counts == {"revised": 1}
    assert place.articles()[full.story_id].access is Access.FULL
    assert read(place.text(full.story_id)).blocks == tuple(text.strip() for text in full.blocks)
    place.check()


# --- hints of a change, whoever saw the story first ---


async def test_a_fetch_in_between_hides_no_edit(place: Place, server: ReplicaServer) -> None:
    """After the sitemap's hint and a `fetch` of the story, a newer hint still leads to the edit."""
    await place.backfill()
    await place.clock.sleep(3600)
    await place.fetch(address(STORY))
    await place.clock.sleep(3600)
    server.site.edit(STORY.story_id, blocks=EDITED)

    run = await place.backfill()

    assert run.counts == {"revised": 1, "skipped": 5}
    assert read(place.text(STORY.story_id)).blocks == EDITED


async def test_an_edit_of_what_a_listing_brought(place: Place, server: ReplicaServer) -> None:
    """A story first seen in a list, without a hint, is revised once the sitemap shows an edit."""
    await place.backfill(Order(Source.LISTING, Scope(sections=("realtime/china",))))
    await place.clock.sleep(3600)
    quiet = await place.backfill()
    server.site.edit(STORY.story_id, blocks=EDITED)

    run = await place.backfill()

    assert quiet.counts == {"skipped": 6}
    assert run.counts == {"revised": 1, "skipped": 5}
    assert read(place.text(STORY.story_id)).blocks == EDITED


# --- a site that cannot be had for a while ---


async def test_a_list_that_fails_on_its_second_page(tmp_path: Path) -> None:
    """What stood on the first page and in the other sections is archived; the problem is told."""
    china = [story(9_700_000 + n, f"2026-09-{1 + n % 28:02}T08:00:{n:02}") for n in range(30)]
    world = [story(9_800_000 + n, "2026-09-10T08:00:00", "realtime/world") for n in range(3)]
    second = "/_plat/api/v2/page-content/realtime/china?page=1"
    scope = Scope(date(2026, 9, 1), sections=("realtime/china", "realtime/world"))
    async with ReplicaServer(Site([*china, *world])) as server:
        server.site.fail(second, 500, times=4)
        place = Place(tmp_path, server.origin)
        first = await place.backfill(Order(Source.LISTING, scope))
        later = await place.backfill(Order(Source.LISTING, scope))

    (problem,) = first.outcome.problems
    assert second in problem
    assert first.counts == {"new": 20 + 3}
    assert not later.outcome.problems
    assert len(place.articles()) == 33


async def test_a_site_that_forbids_everything_for_a_while(
    place: Place, server: ReplicaServer
) -> None:
    """While robots.txt forbids all nothing but it is asked for; once it allows, all is archived."""
    urls = [address(story(9_700_000 + hour, "2026-09-10T00:00:00")) for hour in range(6)]
    server.site.forbidden.add("")
    with pytest.raises(SiteUnreachable):
        await place.backfill()
    given = await place.backfill_urls(urls)
    assert given.ended(Verdict.REJECTED) == dict.fromkeys(urls, "robots")
    assert {request.target for request in server.log} == {"/robots.txt"}

    server.site.forbidden.clear()
    await place.clock.sleep(40 * DAY)
    run = await place.backfill()

    assert run.counts == {"new": 6}
    place.check()


async def test_a_site_in_maintenance_ends_the_run(tmp_path: Path) -> None:
    """Every story answers 503: few requests, then the end; once it is back, all is archived."""
    stories = [story(9_700_000 + n, f"2026-09-10T08:00:{n:02}") for n in range(40)]
    paths = [f"/{each.path}" for each in stories]
    async with ReplicaServer(Site(stories)) as server:
        for path in paths:
            server.site.fail(path, 503, times=100)
        place = Place(tmp_path, server.origin)

        down = await place.backfill()
        assert isinstance(down.outcome.halted, SiteUnreachable)
        assert len(server.log) <= 60
        assert place.articles() == {}

        mend(server.site, paths)
        await place.clock.sleep(3600)
        await place.backfill()

    assert len(place.articles()) == 40
    place.check()


async def test_an_unknown_layout_ends_the_run(tmp_path: Path) -> None:
    """Pages that cannot be read end the run soon and store nothing; later all is archived."""
    site = Redesigned(story(9_700_000 + n, f"2026-09-10T08:00:{n:02}") for n in range(40))
    async with ReplicaServer(site) as server:
        place = Place(tmp_path, server.origin)
        unknown = await place.backfill()
        assert isinstance(unknown.outcome.halted, SiteUnreachable)
        assert unknown.counts.keys() == {"failed"}
        assert asked_for(server) <= 20 + 4 * 4  # twenty end it; so many more are on their way
        assert (place.articles(), place.files()) == ({}, {})

        site.redesigned = False
        await place.backfill()

    assert len(place.articles()) == 40
    place.check()


async def test_a_held_story_that_is_gone_is_asked_for_seldom(
    place: Place, server: ReplicaServer
) -> None:
    """404 for what is held: asked once, not again within a day, but days later; the file stays."""
    await place.backfill()
    before, asked = place.identities(), asked_for(server)
    server.site.edit(STORY.story_id)  # the sitemap tells of a change
    server.site.remove(STORY.story_id)

    requests = []
    for pause in (0.0, 3600.0, 3 * DAY):
        await place.clock.sleep(pause)
        await place.backfill()
        requests.append(asked_for(server) - asked)

    assert requests == [1, 1, 2]
    assert asked_for(server, PATH) == 3
    assert before == place.identities()
    place.check()


# --- the pace ---


@pytest.mark.parametrize("between", [0.0, 4.0])
async def test_the_pace_holds_from_run_to_run(
    between: float, place: Place, server: ReplicaServer
) -> None:
    """The first request of a run waits for what the last one of the run before left of the gap."""
    first, second = (story(9_700_000 + hour, f"2026-09-10T{hour:02}:00:00") for hour in (2, 3))
    await place.backfill(Order(Source.URLS, urls=(address(first),)), rate=0.1, concurrency=1)
    await place.clock.sleep(between)
    asked, begun = len(server.log), place.clock.elapsed

    await place.backfill(Order(Source.URLS, urls=(address(second),)), rate=0.1, concurrency=1)

    assert [request.target for request in server.log[asked:]] == [f"/{second.path}"]
    # The time of the last request is kept to the second, rounded up: never too early.
    assert 10 - between <= place.clock.elapsed - begun <= 11.1 - between


# --- a mass of other texts ---


async def test_a_fetch_of_many_other_texts_writes_them_if_wanted(tmp_path: Path) -> None:
    """Also where addresses are named a mass is held back, and `all_revisions` writes it."""
    async with ReplicaServer(Site.bulk(12)) as server:
        place = Place(tmp_path, server.origin)
        await place.backfill()
        server.site.redesign("extra")
        urls = [shown.urls[0] for shown in server.site.truth()]

        held_back = await place.fetch(*urls)
        wanted = await place.fetch(*urls, all_revisions=True)

    assert held_back.counts == {"failed": 12}
    assert wanted.counts == {"revised": 12}
    place.check()
