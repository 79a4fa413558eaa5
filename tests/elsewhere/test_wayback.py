"""The Wayback Machine, asked over real sockets: what it has, and the pages of it."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime

import pytest
from aiohttp import web

from harvester.elsewhere import Index, Seen
from harvester.errors import FetchFailed, HostResting, RedirectedAway, SiteUnreachable
from harvester.model import Scope
from harvester.zaobao import story_ref
from harvester.zaobao.sections import SECTIONS
from tests.elsewhere.support import (
    CHINA,
    HK,
    SG,
    World,
    batches,
    html,
    places,
    story,
    with_wayback,
)
from tests.support.codings import packed
from tests.support.service import saying
from tests.support.wayback import Kept

NOV_7 = "20211107010203"


def kept(*captures: tuple[str, str]) -> Kept:
    """Return captures at these instants of these addresses."""
    archive = Kept()
    for timestamp, original in captures:
        archive.keep(timestamp, original, html(f"{timestamp} {original}"))
    return archive


def seen(timestamp: str = NOV_7, original: str = story(1)) -> Seen:
    """Return what the index would tell of a capture."""
    at = datetime.strptime(timestamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    place = f"https://web.archive.org/web/{timestamp}id_/{original}"
    return Seen(story_ref(original), original, at, "D", place)


def many() -> list[tuple[str, str]]:
    """Return captures of stories of a month: both hosts, old schemes, ports and queries."""
    forms = (
        story,
        lambda n: story(n).replace("https://www.", "http://"),
        lambda n: story(n).replace("sg/", "sg:443/"),
        lambda n: f"{story(n)}?utm_source=x",
        lambda n: story(n, site=HK),
    )
    return [
        (
            f"202111{10 + n % 7:02}01{n % 50:02}{i:02}",
            forms[i](n).replace("1105", f"11{n % 9 + 1:02}"),
        )
        for n in range(1, 40)
        for i in range(5)
        if (n * 7 + i) % 3
    ]


def test_all_of_a_scope_is_found_and_nothing_else() -> None:
    """Both hosts, whatever the form of the address; other days, sections and pages are left out."""
    wanted = many()
    others = [
        (NOV_7, story(90, "20211031")),
        (NOV_7, story(91, "20211201")),
        (NOV_7, story(92, path="realtime/world")),
        (NOV_7, f"{SG}/realtime/china"),
        (NOV_7, f"{story(93)}/amp"),
    ]
    archive = kept(*wanted, *others)
    archive.keep(NOV_7, story(94), b"", "302")
    archive.keep(NOV_7, story(95), b"{}", Content_Type="application/json")

    async def act(world: World) -> None:
        async with world.wayback() as index:
            assert set(wanted) == await places(index)
            assert index.problems == []
        assert len(world.service.asked) == 2

    with_wayback(archive, act)


@pytest.mark.parametrize("limit", [1, 3, 10, 1_000])
def test_resume_keys_are_walked_to_the_end(limit: int) -> None:
    """However little comes at once, all comes, nothing twice; nothing is asked twice."""
    wanted = many()

    async def act(world: World) -> None:
        async with world.wayback(limit) as index:
            assert set(wanted) == await places(index)
            assert index.problems == []
        asked = world.service.targets()
        assert len(set(asked)) == len(asked)
        assert len(asked) <= len(wanted) / limit + 4

    with_wayback(kept(*wanted), act)


@pytest.mark.parametrize("limit", [1, 3, 10])
def test_all_captures_of_a_story_come_in_one_batch(limit: int) -> None:
    """Also those on the other host, and where an answer ends between them."""

    async def act(world: World) -> None:
        async with world.wayback(limit) as index:
            told = [{each.ref.story_id for each in batch} for batch in await batches(index)]
        assert len(told) > 1
        assert sum(map(len, told)) == len(set.union(*told))

    with_wayback(kept(*many()), act)


def test_without_sections_all_known_ones_are_asked_for() -> None:
    """Each on both hosts."""

    async def act(world: World) -> None:
        async with world.wayback() as index:
            await batches(index, Scope(date(2021, 11, 1), date(2021, 11, 2)))
        for section in SECTIONS:
            asked = world.service.targets(f"/{section.path}/story202111&")
            assert [SG[8:], HK[8:]] == [each.split("url=")[1].split("/")[0] for each in asked]

    with_wayback(kept(), act)


def test_a_section_includes_those_below_it() -> None:
    """As everywhere in the program."""

    async def act(world: World) -> None:
        async with world.wayback() as index:
            found = await places(index, Scope(None, None, ("realtime", "realtime/china")))
        assert {(NOV_7, story(1)), (NOV_7, story(2, path="realtime"))} == found

    with_wayback(kept((NOV_7, story(1)), (NOV_7, story(2, path="realtime"))), act)


@pytest.mark.parametrize(
    ("status", "text", "told"),
    [
        (403, "org.archive.wayback.exception.RobotAccessControlException", "403 Forbidden"),
        (200, "AdministrativeAccessControlException: Blocked Site Error", "Blocked Site Error"),
        (200, "<html>Temporarily Offline</html>", "Temporarily Offline"),
        (200, "", "an empty answer"),
        (404, "<html>not found</html>", "answered 404"),
        (400, "bad", "400 Bad Request"),
    ],
)
def test_one_answer_that_is_none_is_told_and_costs_no_other(
    status: int, text: str, told: str
) -> None:
    """The captures of the other host come all the same."""

    async def act(world: World) -> None:
        world.service.first.append(saying(status, text))
        async with world.wayback() as index:
            found = await places(index)
            assert {(NOV_7, story(1, site=HK))} == found
            (problem,) = index.problems
        assert told in problem
        assert problem.startswith("https://web.archive.org/cdx/search/cdx?url=www.zaobao.com.sg")

    with_wayback(kept((NOV_7, story(1)), (NOV_7, story(1, site=HK))), act)


@pytest.mark.parametrize(("status", "told"), [(403, "403 Forbidden"), (200, "Blocked Site")])
def test_if_nothing_at_all_can_be_had_that_is_an_error(status: int, told: str) -> None:
    """It says why."""

    async def act(world: World) -> None:
        world.service.first.extend([saying(status, "Blocked Site Error")] * 2)
        async with world.wayback() as index:
            with pytest.raises(SiteUnreachable, match=f"the Wayback Machine cannot be .*{told}"):
                await batches(index)

    with_wayback(kept((NOV_7, story(1))), act)


def test_an_index_that_goes_round_in_a_circle_is_left() -> None:
    """A key that was there before is not asked for again, and that is told."""
    circle = '[["urlkey","timestamp","original","digest"],[],["sg%2Ccom%2Czaobao%29%2F+2021%21"]]'

    async def act(world: World) -> None:
        world.service.first.extend([saying(200, circle)] * 9)
        async with world.wayback() as index:
            assert await batches(index) == []
            assert "goes round in a circle" in index.problems[0]
        asked = world.service.targets()
        assert len(set(asked)) == len(asked)

    with_wayback(kept(), act)


def test_broken_lines_are_told_and_skipped() -> None:
    """What is whole in a damaged answer counts."""
    damaged = (
        '[["urlkey","timestamp","original","digest"],\n'
        f'["k","{NOV_7}","{story(1)}","A"],\n'
        f'["k","2021","{story(2)}","B"],\n'
        f'["k","{NOV_7}","{story(3)}","C"],\n'
        f'["k","{NOV_7}","{story(4)}'
    )

    async def act(world: World) -> None:
        world.service.first.append(saying(200, damaged))
        async with world.wayback() as index:
            assert {(NOV_7, story(1)), (NOV_7, story(3))} == await places(index)
            assert "2 lines cannot be read" in index.problems[0]

    with_wayback(kept(), act)


def test_a_capture_is_the_page_that_the_site_served() -> None:
    """With the story's address, its instant, its charset; nothing is of the archive itself."""
    archive = Kept()
    old = "http://zaobao.com.sg:80/realtime/china/story20211105-1?x=1"
    fields = {"Content_Type": "text/html; charset=GBK", "ETag": '"site"'}
    archive.keep(NOV_7, old, "<p>早报".encode("gbk"), **fields)

    async def act(world: World) -> None:
        async with world.wayback() as index:
            (batch,) = await batches(index)
            page = await index.page(batch[0])
        assert (story(1), story(1), 200) == (page.url, page.final_url, page.status)
        assert ("<p>早报".encode("gbk"), "GBK") == (page.body, page.charset)
        assert datetime(2021, 11, 7, 1, 2, 3, tzinfo=UTC) == page.fetched_at
        assert (page.etag, page.last_modified, page.max_age) == (None, None, None)
        assert page.exchange is not None
        assert page.exchange.url == batch[0].place
        assert b"memento-datetime" in page.exchange.response
        assert world.service.targets(old) == [f"/web/{NOV_7}id_/{old}"]

    with_wayback(archive, act)


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd"])
@pytest.mark.parametrize("passed_on", [True, False])
def test_the_coding_of_a_capture_is_undone(coding: str, *, passed_on: bool) -> None:
    """Whether the archive passes the field on or only tells of it; the wire is kept as it was."""
    body = packed(html("text"), coding)
    original = {"x-archive-orig-content-encoding": coding}
    fields = original | ({"Content-Encoding": coding} if passed_on else {})

    async def act(world: World) -> None:
        def replayed(_: web.BaseRequest) -> web.Response:
            memento = {"memento-datetime": "Sun, 07 Nov 2021 01:02:03 GMT"}
            return web.Response(body=body, content_type="text/html", headers=memento | fields)

        world.service.first.append(replayed)
        async with world.wayback() as index:
            page = await index.page(seen())
        assert html("text") == page.body
        assert page.exchange is not None
        assert body == page.exchange.body

    with_wayback(kept(), act)


def test_a_coding_that_was_undone_already_does_no_harm() -> None:
    """The archive tells of a coding that its answer no longer has."""
    archive = Kept()
    archive.keep(NOV_7, story(1), gzip.compress(html("text")), Content_Encoding="gzip")

    async def act(world: World) -> None:
        async with world.wayback() as index:
            assert html("text") == (await index.page(seen())).body

    with_wayback(archive, act)


def test_the_nearest_capture_counts_as_of_its_own_instant() -> None:
    """Where the exact one is missing the archive leads to another of the same story."""

    async def act(world: World) -> None:
        async with world.wayback() as index:
            page = await index.page(seen("20211106000000"))
        assert datetime(2021, 11, 7, 1, 2, 3, tzinfo=UTC) == page.fetched_at
        assert html(f"{NOV_7} {story(1)}") == page.body
        assert len(world.service.asked) == 2

    with_wayback(kept((NOV_7, story(1))), act)


@pytest.mark.parametrize(
    ("status", "fields", "told"),
    [
        (404, {}, "is no capture \\(answered 404\\)"),
        (200, {}, "is no capture"),
        (302, {"Location": f"/web/{NOV_7}id_/{story(2)}"}, "leads to another capture"),
        (302, {"Location": f"/web/{NOV_7}id_/{SG}/"}, "leads to another capture|is no capture"),
        (302, {"Location": "/"}, "is no capture"),
        (403, {}, "403 Forbidden"),
    ],
)
def test_what_is_no_capture_of_the_story_is_refused(
    status: int, fields: dict[str, str], told: str
) -> None:
    """Pages of the archive itself, and captures of other pages, are no stories."""

    async def act(world: World) -> None:
        world.service.first.append(saying(status, "<html>Hrm.", **fields))
        async with world.wayback() as index:
            with pytest.raises(FetchFailed, match=told):
                await index.page(seen())

    with_wayback(kept((NOV_7, story(1)), (NOV_7, story(2))), act)


def test_a_capture_that_leads_away_is_not_followed() -> None:
    """Nothing but the archive is asked, least of all the site."""

    async def act(world: World) -> None:
        world.service.first.append(saying(302, Location=story(1)))
        async with world.wayback() as index:
            with pytest.raises(RedirectedAway):
                await index.page(seen())
        assert len(world.service.asked) == 1

    with_wayback(kept(), act)


def test_nothing_is_asked_of_robots_txt() -> None:
    """It is for crawlers; what programs may ask is limited otherwise."""

    async def act(world: World) -> None:
        async with world.wayback() as index:
            await batches(index)
            await index.page(seen())
        assert world.service.targets("robots") == []

    with_wayback(kept((NOV_7, story(1))), act)


def test_it_is_an_index() -> None:
    """What takes an index takes this one."""

    async def act(world: World) -> None:
        async with world.wayback() as index:
            as_index: Index = index
            assert await batches(as_index) == []

    with_wayback(kept(), act)


def test_a_service_that_rests_too_long_ends_the_run() -> None:
    """It is told as what it is: nothing is lost, and the next run goes on."""

    async def act(world: World) -> None:
        world.service.first.append(saying(429, Retry_After="7200"))
        async with world.wayback() as index:
            with pytest.raises(HostResting):
                await batches(index, CHINA)

    with_wayback(kept(), act)
