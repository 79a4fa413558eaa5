"""A site in trouble costs what cannot be had, never what can."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from harvester.errors import DiskError, HostResting, SiteUnreachable
from harvester.model import Verdict
from harvester.replica.server import DROPPED, ReplicaServer
from harvester.runs import Order, Source
from harvester.store import open_archive
from tests.e2e.processes import replica
from tests.e2e.support import Clock, Place, Watcher, address, small_site, story
from tests.support.answering import answering

CONSENT = (
    "<!DOCTYPE html><html><head><title>Cookie 同意</title></head><body><h1>我们重视您的隐私</h1>"
    "<p>请同意使用 Cookie 以继续浏览。</p><button>同意</button></body></html>"
)
CHILD = "/sitemaps/sitemap-202609.xml"
STORY = story(9_700_001, "2026-09-10T01:00:00")
PATH = f"/{STORY.path}"


@pytest.fixture
async def server() -> AsyncIterator[ReplicaServer]:
    """Yield a running replica of six stories."""
    async with ReplicaServer(small_site(6)) as server:
        yield server


async def test_a_moment_of_trouble_is_waited_out(place: Place, server: ReplicaServer) -> None:
    """503, then 200: the story is archived by the same run, after a wait that is told."""
    server.site.fail(PATH, 503, times=2)

    run = await place.backfill()

    assert run.counts == {"new": 6}
    assert [request.status for request in server.log if request.target == PATH] == [503, 503, 200]
    assert len(run.watcher.waits) == 2


async def test_what_stays_broken_fails_until_it_is_mended(
    place: Place, server: ReplicaServer
) -> None:
    """500 after all tries is a failure with its reason; the next run gets the page alone."""
    server.site.fail(PATH, 500, times=4)

    first = await place.backfill()
    asked = len(server.log)
    second = await place.backfill()

    assert first.counts == {"new": 5, "failed": 1}
    assert "500" in first.ended(Verdict.FAILED)[address(STORY)]
    assert second.counts == {"new": 1, "skipped": 5}
    assert [r.target for r in server.log[asked:] if "/story" in r.target] == [PATH]
    place.check()


async def test_a_failing_page_is_tried_a_few_times(place: Place, server: ReplicaServer) -> None:
    """A page that answers 500 for ever is asked for four times a run, not for ever."""
    server.site.fail(PATH, 500, times=1000)

    for tries in (4, 8):
        run = await place.backfill()
        assert run.ends[address(STORY)] == "failed"
        assert tries == sum(request.target == PATH for request in server.log)


async def test_retry_after_is_kept(place: Place, server: ReplicaServer) -> None:
    """429 with Retry-After: no request is sent before that time is over; then all goes on."""
    server.site.fail(PATH, 429, retry_after=120)

    run = await place.backfill(concurrency=1)

    assert run.counts == {"new": 6}
    assert max(place.clock.slept) == pytest.approx(120, abs=1)
    assert place.clock.elapsed >= 120
    assert [wait for wait in run.watcher.waits if wait[1] > 60]


async def test_a_long_pause_ends_the_run_and_is_kept_by_the_next(
    place: Place, server: ReplicaServer
) -> None:
    """Two hours' rest end the run; within them nothing is asked, after them all goes on."""
    server.site.fail(PATH, 429, retry_after=7200)
    first = await place.backfill(concurrency=1)
    assert isinstance(first.outcome.halted, HostResting)
    held = place.articles()

    asked = len(server.log)
    with pytest.raises(HostResting):
        await place.backfill()
    assert asked == len(server.log)
    assert held.keys() == place.articles().keys()

    await place.clock.sleep(7201)
    await place.backfill()
    assert len(place.articles()) == 6


async def test_dropped_connections(place: Place, server: ReplicaServer) -> None:
    """Connections that die without an answer are tried again; then the page is archived."""
    server.site.drop(PATH, times=3)

    run = await place.backfill()

    assert run.counts == {"new": 6}
    assert [r.status for r in server.log if r.target == PATH] == [DROPPED] * 3 + [200]


async def test_bad_pages_never_stop_a_run(place: Place, server: ReplicaServer) -> None:
    """Every page but one in trouble of another kind: that one is archived, the others failed."""
    broken = [story(9_700_000 + hour, f"2026-09-10T{hour:02}:00:00") for hour in (0, 2, 3, 4, 5)]
    server.site.fail(f"/{broken[0].path}", 500, times=9)
    server.site.drop(f"/{broken[1].path}", times=9)
    server.site.fail(f"/{broken[2].path}", 403, times=9)
    server.site.fail(f"/{broken[3].path}", 502, times=9)
    server.site.redirects[address(broken[4])] = address(broken[4])

    run = await place.backfill()

    assert run.counts == {"new": 1, "failed": 5}
    assert run.ended(Verdict.FAILED).keys() == {address(each) for each in broken}
    assert all(run.ended(Verdict.FAILED).values())
    place.check()


async def test_a_sitemap_that_fails_is_named(place: Place, server: ReplicaServer) -> None:
    """A month that cannot be had is reported, the others are harvested, the next run gets it."""
    server.site.publish(story(9_600_000, "2026-08-10T08:00:00"))
    server.site.fail(CHILD, 500, times=4)

    first = await place.backfill()
    second = await place.backfill()

    assert first.counts == {"new": 1}
    (problem,) = first.outcome.problems
    assert CHILD in problem
    assert second.counts == {"new": 6, "skipped": 1}
    assert not second.outcome.problems


async def test_a_sitemap_that_breaks_off(server: ReplicaServer, tmp_path: Path) -> None:
    """What stands before the break is harvested, the break reported, the file read again."""
    server.site.publish(story(9_600_000, "2026-08-10T08:00:00"))
    broken = True

    def answer(request: web.BaseRequest) -> web.Response:
        told = server.site.answer(request.host.partition(":")[0], request.raw_path)
        cut = broken and request.path == CHILD
        body = told.body[: len(told.body) // 2] if cut else told.body
        return web.Response(status=told.status, body=body, content_type=told.kind)

    async with answering(answer) as origin:
        place = Place(tmp_path, origin)
        first = await place.backfill()
        broken = False
        second = await place.backfill()

    assert 1 < first.counts["new"] < 7
    (problem,) = first.outcome.problems
    assert CHILD in problem
    assert not second.outcome.problems
    assert len(place.articles()) == 7


@pytest.mark.parametrize("trouble", ["500", "404", "drop", "consent"])
async def test_without_the_index_nothing_is_known(
    trouble: str, place: Place, server: ReplicaServer
) -> None:
    """The sitemap's index gone, broken or replaced by a page: the site is not recognised."""
    match trouble:
        case "drop":
            server.site.drop("/sitemap.xml", times=9)
        case "consent":
            server.site.redirects["https://www.zaobao.com.sg/sitemap.xml"] = (
                "https://www.zaobao.com.sg/realtime/china"
            )
        case status:
            server.site.fail("/sitemap.xml", int(status), times=9)

    with pytest.raises(SiteUnreachable):
        await place.backfill()

    assert not [request for request in server.log if "/story" in request.target]
    assert place.articles() == {}


async def test_a_consent_page_for_everything(tmp_path: Path) -> None:
    """A site that answers its consent page to all, robots.txt too, gets nothing archived."""
    async with answering(lambda _: web.Response(text=CONSENT, content_type="text/html")) as origin:
        place = Place(tmp_path, origin)
        with pytest.raises(SiteUnreachable):
            await place.backfill()
        urls = [address(story(9_700_000 + number)) for number in range(5)]
        run = await place.backfill_urls(urls)

    assert run.ended(Verdict.REJECTED) == dict.fromkeys(urls, "consent")
    assert (place.articles(), place.files()) == ({}, {})


async def test_a_consent_page_later_leaves_what_is_held(place: Place, tmp_path: Path) -> None:
    """What is held stays when the site answers every page with its consent page."""
    await place.backfill()
    before = place.identities()
    async with answering(lambda _: web.Response(text=CONSENT, content_type="text/html")) as origin:
        run = await Place(tmp_path, origin, place.clock).fetch(address(STORY))

    assert run.counts == {"rejected": 1}
    assert before == place.identities()
    assert len(place.articles()) == 6


async def test_a_site_that_goes_down_ends_the_run(tmp_path: Path) -> None:
    """After a few addresses without any connection the run ends; the next one goes on."""
    clock = Clock()
    with replica(20) as (origin, process):

        def stop(ended: int) -> None:
            if ended == 7:
                process.kill()
                process.wait()

        place = Place(tmp_path, origin, clock)
        ended = await place.backfill(watcher=Watcher(then=stop), concurrency=1)
    assert isinstance(ended.outcome.halted, SiteUnreachable)
    held = len(place.articles())
    assert 7 <= held <= 10  # what was on its way by then was fetched already
    with replica(20) as (origin, _):
        place = Place(tmp_path, origin, clock)
        run = await place.backfill()

    assert run.counts == {"new": 20 - held, "skipped": held}
    with open_archive(place.seeds, place.state) as archive:
        last, first = archive.counts().runs
    assert first.outcome is not None
    assert "in a row could not be had" in first.outcome
    assert last.outcome == "done"
    place.check()


async def test_no_server_at_all(tmp_path: Path) -> None:
    """With nobody at the address the run ends soon, with the reason."""
    place = Place(tmp_path, "http://127.0.0.1:1")
    with pytest.raises(SiteUnreachable):
        await place.backfill(Order())
    urls = tuple(address(story(n)) for n in range(9))
    ended = await place.backfill(Order(Source.URLS, urls=urls))
    assert isinstance(ended.outcome.halted, SiteUnreachable)
    assert place.articles() == {}


async def test_a_disk_that_fails_ends_the_run(place: Place) -> None:
    """A post that cannot be written ends the run; nothing is marked as stored that is not."""
    await asyncio.to_thread(place.seeds.mkdir)
    await asyncio.to_thread((place.seeds / "2026").write_text, "a file where a folder should be")

    with pytest.raises(DiskError):
        await place.backfill()

    assert place.articles() == {}


async def test_a_disk_that_fails_while_addresses_are_rejected(place: Place) -> None:
    """It is the same one error when the failure meets the noting of other addresses."""
    await asyncio.to_thread(place.seeds.mkdir)
    await asyncio.to_thread((place.seeds / "2026").write_text, "a file where a folder should be")
    stories = [address(story(9_700_000 + n, f"2026-09-10T{n:02}:00:00")) for n in range(6)]
    zodiac = [address(story(n, section="lifestyle/zodiac")) for n in range(6_000_000, 6_000_400)]

    with pytest.raises(DiskError):
        await place.backfill(Order(Source.URLS, urls=(*stories[:2], *zodiac)), concurrency=1)
