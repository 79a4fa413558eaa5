"""Common Crawl, asked over real sockets: its crawls, what they have, pages of real WARC files."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from aiohttp import web

from harvester.elsewhere import Index, Seen
from harvester.errors import Blocked, BodyTooLarge, FetchFailed, SiteUnreachable
from harvester.model import Scope
from tests.elsewhere.support import (
    CHINA,
    HK,
    SG,
    World,
    batches,
    html,
    places,
    story,
    with_commoncrawl,
)
from tests.support.codings import packed
from tests.support.commoncrawl import Crawl, Crawled
from tests.support.service import Answer, saying

DEC_1 = "20211201010203"
HTML = "text/html; charset=utf-8"


def crawl(month: str = "2021-12", *, name: str = "") -> Crawl:
    """Return a crawl of three weeks of a month."""
    name = name or f"CC-MAIN-{month}"
    return Crawl(name, f"{month}-01T08:00:00", f"{month}-21T08:00:00")


def captured(number: int, status: str = "200", truncated: str = "") -> Crawled:
    """Return what a crawl kept of a story."""
    return Crawled(DEC_1, story(number), html(f"story {number}"), status, truncated)


def written(tmp_path: Path, *crawled: Crawled) -> list[Crawl]:
    """Return one crawl with this in it."""
    made = crawl()
    made.write(tmp_path, *crawled)
    return [made]


async def only(index: Index) -> Seen:
    """Return the one capture that an index has."""
    ((seen,),) = await batches(index)
    return seen


def test_all_of_a_scope_is_found_and_nothing_else(tmp_path: Path) -> None:
    """On all pages of the index, of both hosts; a batch is a crawl."""
    wanted = [captured(n) for n in range(1, 9)]
    wanted += [Crawled(DEC_1, story(n, site=HK), html("hk")) for n in (3, 90)]
    others = [
        Crawled(DEC_1, story(20, "20211201"), html("another day")),
        Crawled(DEC_1, story(21, path="news/china"), html("another section")),
        Crawled(DEC_1, f"{SG}/realtime/china", html("a list")),
        captured(22, status="404"),
        Crawled(DEC_1, story(23), b"{}", headers={"Content-Type": "application/json"}),
    ]
    crawls = written(tmp_path, *wanted, *others)

    async def act(world: World) -> None:
        async with world.commoncrawl() as index:
            assert {(DEC_1, each.url) for each in wanted} == await places(index)
            assert index.problems == []
            assert len(await batches(index)) == 1
        asked = world.service.targets("page=")
        assert len(set(asked)) == len(asked) / 2

    with_commoncrawl(tmp_path, crawls, act)


def test_without_sections_all_stories_come(tmp_path: Path) -> None:
    """Also those of sections that are no more: the index is asked for all anyway."""

    async def act(world: World) -> None:
        async with world.commoncrawl() as index:
            found = await places(index, Scope(date(2021, 11, 1)))
        assert {(DEC_1, story(1, path="znews/china"))} == found

    page = Crawled(DEC_1, story(1, path="znews/china"), html("old"))
    with_commoncrawl(tmp_path, written(tmp_path, page), act)


def test_crawls_that_ended_before_the_first_day_are_not_asked(tmp_path: Path) -> None:
    """The others come in order of time; none is left out."""
    crawls = [crawl(month) for month in ["2026-01", "2021-12", "2021-11", "2021-10", "2023-12"]]
    crawls.append(Crawl("CC-MAIN-UNKNOWN", "some day", ""))
    crawls.append(Crawl("CC-MAIN-LONG", "2021-10-02T08:00:00", "2021-11-01T07:00:00"))

    async def act(world: World) -> None:
        async with world.commoncrawl() as index:
            await batches(index)
        asked = [target.split("-index")[0] for target in world.service.targets("Pages")]
        expected = ["LONG", "2021-11", "2021-12", "2023-12", "2026-01", "UNKNOWN"]
        assert [f"/CC-MAIN-{name}" for name in expected] == list(dict.fromkeys(asked))

    with_commoncrawl(tmp_path, crawls, act)


def test_a_capture_is_the_page_that_the_site_served(tmp_path: Path) -> None:
    """Cut out of the middle of a file by its range; as the live site's page, but of its instant."""
    body = "<p>早报".encode("gbk")
    pages = [captured(n) for n in range(3)]
    gbk = {"Content-Type": "text/html; charset=GBK"}
    pages.append(Crawled(DEC_1, story(7), body, headers=gbk))

    async def act(world: World) -> None:
        async with world.commoncrawl() as index:
            found = {each.ref.story_id: each for batch in await batches(index) for each in batch}
            page = await index.page(found["7"])
            assert html("story 1") == (await index.page(found["1"])).body
        assert (story(7), story(7), 200) == (page.url, page.final_url, page.status)
        assert (body, "gbk") == (page.body, (page.charset or "").lower())
        assert datetime(2021, 12, 1, 1, 2, 3, tzinfo=UTC) == page.fetched_at
        assert (page.etag, page.last_modified, page.max_age) == (None, None, None)
        assert page.exchange is not None
        assert page.exchange.response.startswith(b"HTTP/1.1 200 OK")
        assert (page.exchange.request, page.exchange.body) == (b"", body)
        assert world.service.targets("robots") == []

    with_commoncrawl(tmp_path, written(tmp_path, *pages), act)


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd"])
@pytest.mark.parametrize("undone", [True, False])
def test_the_coding_of_a_capture_is_undone(tmp_path: Path, coding: str, *, undone: bool) -> None:
    """Old crawls undid it and named it all the same."""
    body = html("text") if undone else packed(html("text"), coding)
    page = Crawled(
        DEC_1, story(1), body, headers={"Content-Type": HTML, "Content-Encoding": coding}
    )

    async def act(world: World) -> None:
        async with world.commoncrawl() as index:
            assert html("text") == (await index.page(await only(index))).body

    with_commoncrawl(tmp_path, written(tmp_path, page), act)


def test_a_page_that_was_cut_when_captured_is_not_taken_for_whole(tmp_path: Path) -> None:
    """Crawls keep only so much of large pages, and say so in the record alone."""

    async def act(world: World) -> None:
        async with world.commoncrawl() as index:
            with pytest.raises(FetchFailed, match=r"was cut when it was captured \(length\)"):
                await index.page(await only(index))

    with_commoncrawl(tmp_path, written(tmp_path, captured(1, truncated="length")), act)


def part(body: bytes, status: int = 206) -> Answer:
    """Return an answer with a part of a file."""
    return lambda _: web.Response(status=status, body=body)


BOMB = gzip.compress(b"WARC/1.0\r\n" + bytes(64 * 1024 * 1024))


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        (part(b""), FetchFailed, "the record is damaged|holds no answer"),
        (part(b"no gzip"), FetchFailed, "the record is damaged"),
        (part(gzip.compress(b"no record")), FetchFailed, "the record is damaged"),
        (part(b"x" * 100_000), BodyTooLarge, "larger than"),
        (part(gzip.compress(html("page")), 200), FetchFailed, "the whole and not the part"),
        (saying(404, "NoSuchKey"), FetchFailed, r"is not there \(answered 404\)"),
        (part(BOMB), FetchFailed, "the record is damaged"),
    ],
)
def test_what_is_no_whole_record_is_refused(
    tmp_path: Path, answer: Answer, kind: type[FetchFailed], told: str
) -> None:
    """Nothing of it is taken for a page."""

    async def act(world: World) -> None:
        async with world.commoncrawl() as index:
            seen = await only(index)
            world.service.first.append(answer)
            with pytest.raises(kind, match=told):
                await index.page(replace(seen, place=f"{seen.place.split('+')[0]}+{len(BOMB)}"))

    with_commoncrawl(tmp_path, written(tmp_path, captured(1)), act)


def test_a_record_that_breaks_off_is_refused(tmp_path: Path) -> None:
    """At whatever byte the range ends too early."""

    async def act(world: World) -> None:
        async with world.commoncrawl(rates={}, rate=1000.0) as index:
            seen = await only(index)
            place, length = seen.place.split("+")
            for cut in range(1, int(length), 7):
                with pytest.raises(FetchFailed, match="the record is damaged"):
                    await index.page(replace(seen, place=f"{place}+{cut}"))

    with_commoncrawl(tmp_path, written(tmp_path, captured(1)), act)


def test_a_record_of_another_page_is_refused(tmp_path: Path) -> None:
    """An index may be wrong; a story never gets another's text."""

    async def act(world: World) -> None:
        async with world.commoncrawl() as index:
            (first, second), *_ = await batches(index)
            with pytest.raises(FetchFailed, match="holds another capture"):
                await index.page(replace(first, place=second.place))

    with_commoncrawl(tmp_path, written(tmp_path, captured(1), captured(2)), act)


@pytest.mark.parametrize("place", ["", "file", "file#1", "file#-1+2", "a#1+99999999999"])
def test_a_place_that_is_none_is_refused(tmp_path: Path, place: str) -> None:
    """Nothing is asked for it."""

    async def act(world: World) -> None:
        async with world.commoncrawl() as index:
            seen = await only(index)
            asked = len(world.service.asked)
            with pytest.raises(FetchFailed):
                await index.page(replace(seen, place=place))
        assert asked == len(world.service.asked)

    with_commoncrawl(tmp_path, written(tmp_path, captured(1)), act)


@pytest.mark.parametrize(
    "answer",
    [
        saying(500, "no"),
        saying(200, "<html>busy"),
        saying(200, "[]"),
        saying(200, "{}"),
        saying(404),
        saying(200, "[" * 100_000),
        saying(200, '[{"id": "CC-MAIN-2021-49"}]'),
    ],
)
def test_without_the_list_of_crawls_nothing_can_be_had(tmp_path: Path, answer: Answer) -> None:
    """Then there is nothing to ask."""

    async def act(world: World) -> None:
        world.service.first.extend([answer] * 4)
        async with world.commoncrawl() as index:
            with pytest.raises(SiteUnreachable, match="Common Crawl cannot be asked"):
                await batches(index)

    with_commoncrawl(tmp_path, [crawl()], act)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (saying(400, "no"), "400 Bad Request"),
        (saying(200, "<html>busy"), "does not say how many pages"),
        (saying(200, '{"pages": "x"}'), "does not say how many pages"),
    ],
)
def test_one_answer_that_is_none_is_told_and_costs_no_other(
    tmp_path: Path, answer: Answer, told: str
) -> None:
    """What the other host and the other crawls have comes all the same."""

    async def act(world: World) -> None:
        world.service.first.append(
            lambda _: web.json_response(
                [{"cdx-api": f"https://index.commoncrawl.org/{each.name}-index"} for each in crawls]
            )
        )
        world.service.first.append(answer)
        async with world.commoncrawl() as index:
            assert {(DEC_1, story(1, site=HK))} == await places(index)
            (problem,) = index.problems
        assert told in problem

    pages = [captured(1), Crawled(DEC_1, story(1, site=HK), html("hk"))]
    crawls = written(tmp_path, *pages)
    with_commoncrawl(tmp_path, crawls, act)


@pytest.mark.parametrize(
    "count", ["1", '{"pages": 1, "pageSize": 5, "blocks": 1}', '{"blocks": 0, "pages": 1}']
)
def test_broken_lines_are_told_and_skipped(tmp_path: Path, count: str) -> None:
    """Lines stand for themselves; numbers of pages come in several shapes."""
    good = {
        "url": story(1),
        "timestamp": DEC_1,
        "digest": "D",
        "filename": "crawl-data/a-1.warc.gz",
        "offset": "12",
        "length": "34",
    }
    bad: list[object] = [
        {**good, "timestamp": "2021"},
        {**good, "filename": "../../etc/passwd"},
        {**good, "offset": "x"},
        {**good, "length": 0},
        {key: value for key, value in good.items() if key != "filename"},
        [],
        None,
    ]
    nothing = {"message": "No Captures found for: www.zaobao.com.sg/*"}
    lines = "\n".join(map(json.dumps, [*bad, good, nothing])) + '\n{"url": "htt'

    async def act(world: World) -> None:
        crawls = '[{"cdx-api": "https://index.commoncrawl.org/CC-MAIN-2021-12-index"}]'
        for text in (crawls, count, lines):
            world.service.first.append(saying(200, text))
        async with world.commoncrawl() as index:
            seen = await only(index)
            assert seen.place == "crawl-data/a-1.warc.gz#12+34"
            assert "8 lines cannot be read" in index.problems[0]

    with_commoncrawl(tmp_path, [crawl()], act)


def test_an_index_elsewhere_is_not_asked(tmp_path: Path) -> None:
    """Nothing but the hosts of Common Crawl, whatever its list says."""

    async def act(world: World) -> None:
        world.service.first.append(saying(200, '[{"cdx-api": "https://evil.example/index"}]'))
        async with world.commoncrawl() as index:
            with pytest.raises(SiteUnreachable, match=r"host evil\.example is not") as caught:
                await batches(index, CHINA)
            assert isinstance(caught.value.__cause__, Blocked)
        assert len(world.service.asked) == 1

    with_commoncrawl(tmp_path, [], act)
