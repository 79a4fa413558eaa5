"""What can happen to the site while it is watched: edits, removals, outages, redesigns."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import NotAStory, SourceUnreadable, Unreadable
from harvester.model import Article
from harvester.replica import Redesign, Site, Story
from harvester.replica.redesigns import PROMOTION
from harvester.replica.server import DROPPED, ReplicaServer
from harvester.replica.shelves import Shelves
from harvester.replica.story import HK, SG
from harvester.zaobao import read_article, story_ref
from harvester.zaobao.listing import read_listing

NOW = datetime(2026, 10, 1, 4, tzinfo=UTC)
STORIES = tuple(shown.story for shown in Site.bulk(300).truth())
API = "/_plat/api/v2/page-content/"
LISTS = ("/realtime/china", f"{API}realtime/china?page=0")


class Hands:
    """A clock set by hand."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        """Return the time it was set to."""
        return self.at


@pytest.fixture
def site() -> Site:
    """Return a site of 300 stories over ten years."""
    return Site(STORIES)


def read(site: Site, story: Story) -> Article:
    """Read the page of a story as a harvest does."""
    answer = site.answer(SG, f"/{story.path}")
    assert answer.status == 200
    return read_article(answer.body, story_ref(story.urls[0]), NOW, charset=answer.charset)


def lastmod(site: Site, story: Story) -> str:
    """Return what the sitemap says of a story's last change."""
    month = f"{story.local:%Y%m}"
    text = site.answer(SG, f"/sitemaps/sitemap-{month}.xml").body.decode()
    found = re.search(f"{story.path}</loc><lastmod>([^<]+)<", text)
    assert found is not None
    return found[1]


@asynccontextmanager
async def served(site: Site) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a client of the site."""
    async with (
        ReplicaServer(site) as server,
        aiohttp.ClientSession(server.origin, headers={"Host": SG}) as session,
    ):
        yield session


def test_the_clock_of_the_site_can_be_a_clock_at_hand() -> None:
    """With a clock to follow, a change happens when that clock says, and ticks nothing on."""
    hands = Hands()
    site = Site(STORIES, now=hands.now)
    hands.at += timedelta(hours=5)
    site.edit(STORIES[-1].story_id, title="新标题")

    assert site.now == hands.at
    assert site.answer(SG, f"/{STORIES[-1].path}").changed == hands.at
    assert datetime.fromisoformat(lastmod(site, STORIES[-1])) == hands.at


def test_a_silent_edit_is_not_told_by_the_sitemap(site: Site) -> None:
    """The page and its validators change, the sitemap's lastmod does not."""
    story = STORIES[-1]
    before, page = lastmod(site, story), site.answer(SG, f"/{story.path}")
    site.edit(story.story_id, title="悄悄改过的标题", silent=True)
    after = site.answer(SG, f"/{story.path}")

    assert before == lastmod(site, story)
    assert page.body != after.body
    assert page.changed != after.changed
    site.edit(story.story_id, title="再改一次")

    assert before != lastmod(site, story)


def test_a_removed_story_comes_back(site: Site) -> None:
    """After `restore` page, list and truth are as before; in between they do not have it."""
    story = STORIES[-1]
    listed = f"/{story.path}?ref=".encode()
    site.remove(story.story_id)
    gone = site.answer(SG, f"/{story.path}").status
    hidden = listed not in site.answer(SG, f"/{story.section}").body
    site.restore(story.story_id)

    assert gone == 404
    assert hidden
    assert read(site, story).title == story.title
    assert listed in site.answer(SG, f"/{story.section}").body
    assert story in [shown.story for shown in site.truth()]
    assert not site.others()


def test_a_removal_may_be_told_by_the_sitemap_or_not(site: Site) -> None:
    """The entry of a removed story has a new lastmod, and after a silent removal the former."""
    told, kept = STORIES[-1], STORIES[-2]
    before = {story: lastmod(site, story) for story in (told, kept)}
    site.remove(told.story_id)
    site.remove(kept.story_id, silent=True)

    assert lastmod(site, told) != before[told]
    assert lastmod(site, kept) == before[kept]


async def test_an_outage_concerns_every_request(site: Site) -> None:
    """With a status every address answers it; without one no request gets an answer."""
    paths = ("/robots.txt", "/realtime/china", f"/{STORIES[0].path}")
    async with served(site) as client:
        site.outage(503)
        statuses = [(await client.get(path)).status for path in paths]
        site.outage(None)
        for path in paths:
            with pytest.raises(aiohttp.ClientConnectionError):
                await client.get(path)
        site.recover()

        assert statuses == [503] * 3
        assert [(await client.get(path)).status for path in paths] == [200] * 3


async def test_dropped_requests_are_in_the_log(site: Site) -> None:
    """The log of the server has the requests that got no answer."""
    site.outage(None)
    async with ReplicaServer(site) as server, aiohttp.ClientSession(server.origin) as client:
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.get("/robots.txt")

        assert {DROPPED} == {request.status for request in server.log}


async def test_answers_may_say_how_long_they_are_fresh(site: Site) -> None:
    """`max_age` stands in 200 and 304, and nothing is said without it."""
    async with served(site) as client:
        silent = await client.get("/realtime/china")
        site.max_age = 90
        first = await client.get("/realtime/china")
        again = await client.get(
            "/realtime/china", headers={"If-None-Match": first.headers["ETag"]}
        )

        assert "Cache-Control" not in silent.headers
        assert (first.status, first.headers["Cache-Control"]) == (200, "max-age=90")
        assert (again.status, again.headers["Cache-Control"]) == (304, "max-age=90")


def test_an_unknown_layout_cannot_be_read(site: Site) -> None:
    """No era recognises it, and it does not pass for a page that is no article."""
    site.redesign("unknown")
    for story in STORIES[::25]:
        with pytest.raises(Unreadable, match="no known page layout"):
            read(site, story)


def test_a_teaser_reads_well_and_is_far_too_short(site: Site) -> None:
    """The body is one paragraph of 40 to 60 characters, the first of the real one."""
    site.redesign("teaser")
    for story in STORIES[::25]:
        (text,) = read(site, story).blocks

        assert 40 <= len(text) <= 60
        assert "".join("".join(story.blocks).split()).startswith(text)


def test_a_consent_wall_stands_before_every_story(site: Site) -> None:
    """Every story answers 200 with a consent page; lists are as ever."""
    site.redesign("consent")
    with pytest.raises(NotAStory, match="consent"):
        read(site, STORIES[-1])

    assert site.answer(SG, "/realtime/china").status == 200


def test_fields_may_be_missing(site: Site) -> None:
    """Byline and keywords are gone, the text is the same."""
    story = next(story for story in STORIES if story.author)
    before = read(site, story)
    site.redesign("no-author")
    after = read(site, story)

    assert (before.author, before.tags) == (story.author, story.tags)
    assert (after.author, after.tags) == ("", ())
    assert before.blocks == after.blocks


def test_a_promotion_may_slip_into_every_body(site: Site) -> None:
    """Each body ends with the same paragraph, which a reader cannot tell from the story."""
    before = [read(site, story).blocks for story in STORIES[::25]]
    site.redesign("extra")
    after = [read(site, story).blocks for story in STORIES[::25]]

    assert [(*blocks, PROMOTION) for blocks in before] == after


@pytest.mark.parametrize("path", LISTS)
def test_lists_may_have_another_shape(site: Site, path: str) -> None:
    """A list answers 200 and names no story in the way that is known."""
    site.redesign("lists")
    answer = site.answer(SG, path)

    assert answer.status == 200
    with pytest.raises(SourceUnreadable):
        read_listing(answer.body, f"https://{SG}{path}")


@pytest.mark.parametrize("path", LISTS)
def test_lists_may_be_forgotten(path: str) -> None:
    """A stale list shows what is older than ten days, in the shape that is known."""
    site = Site.bulk(120, since=date(2026, 8, 1), until=date(2026, 9, 30))
    fresh = read_listing(site.answer(SG, path).body, f"https://{SG}{path}").cards
    site.redesign("stale-lists")
    stale = read_listing(site.answer(SG, path).body, f"https://{SG}{path}").cards
    newest = (site.now - timedelta(days=10)).date()
    ours = [card.ref.day for card in stale if card.ref.section == "realtime/china"]

    assert max(card.ref.day for card in fresh) > newest
    assert ours
    assert max(ours) <= newest


@pytest.mark.parametrize("kind", list(Redesign))
def test_a_redesign_can_be_limited_and_ends(kind: Redesign) -> None:
    """Other sections stay as they are, and after the end so does everything, bytes and all."""
    site = Site.bulk(120, since=date(2026, 8, 1))
    paths = [f"/{shown.story.path}" for shown in site.truth()[-10:]]
    paths += [f"{API}realtime/china?page=0", f"{API}news/china?page=0"]
    china = [path for path in paths if "realtime/china" in path]
    before = {path: site.answer(SG, path).body for path in paths}
    site.redesign(kind, sections=("realtime/china",))
    changed = [path for path in paths if site.answer(SG, path).body != before[path]]
    site.redesign(None)

    assert changed
    assert set(changed) <= set(china)
    assert before == {path: site.answer(SG, path).body for path in paths}


def test_a_redesign_changes_the_validators(site: Site) -> None:
    """The page of a story that was not edited is newer, when it begins and when it ends."""
    story = STORIES[0]
    site.redesign("unknown")
    during = site.answer(SG, f"/{story.path}").changed
    site.redesign(None)
    after = site.answer(SG, f"/{story.path}").changed

    assert during is not None
    assert after is not None
    assert story.published < during < after


@pytest.mark.parametrize("host", [SG, HK])
def test_a_section_shows_what_lies_below_it(host: str) -> None:
    """The list of `realtime` has the newest of realtime/china, realtime/world and so on."""
    site = Site.arranged()
    stories = [shown.story for shown in site.truth() if host in shown.story.hosts]
    below = [story for story in stories if story.path.startswith("realtime/")]
    newest = sorted(below, key=lambda story: story.published, reverse=True)[:15]
    text = site.answer(host, "/realtime").body.decode()

    assert len({story.section for story in newest}) > 1
    assert all(f'"/{story.path}' in text for story in newest)


def test_the_json_of_a_section_pages_through_all_below_it(site: Site) -> None:
    """All pages of `realtime` together name every story below it once."""
    found: list[str] = []
    for page in range(20):
        response = json.loads(site.answer(SG, f"{API}realtime?page={page}").body)["response"]
        found += [item["href"] for item in response["articles"]]

    expected = [f"/{story.path}" for story in STORIES if story.path.startswith("realtime/")]
    assert sorted(expected) == sorted(path for path in found if path.startswith("/realtime"))


@given(st.lists(st.tuples(st.sampled_from(STORIES), st.booleans()), max_size=60))
def test_shelves_hold_what_was_put_there(steps: list[tuple[Story, bool]]) -> None:
    """After any additions and removals each shelf has its stories, the newest first."""
    shelves, held = Shelves(), set[Story]()
    for story, wanted in steps:
        if wanted and story not in held:
            held.add(story)
            shelves.add(story)
        elif not wanted and story in held:
            held.remove(story)
            shelves.drop(story)
    for section in ("", "realtime", "realtime/china", "news/china", "nowhere"):
        below = [
            story for story in held if f"{story.section}/".startswith(f"{section}/".lstrip("/"))
        ]
        below.sort(key=lambda story: (story.published, story.path), reverse=True)

        assert below == shelves.newest_first(SG, section)
