"""A harvest of the whole replica holds its truth, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from harvester.model import BodyMode, Scope, Verdict
from harvester.replica import Block, Shown, Site, Story, Variant
from harvester.replica.others import UNREADABLE
from harvester.replica.server import ReplicaServer
from harvester.replica.sitemaps import Form
from harvester.replica.story import HK, SG
from harvester.runs import Order, Source
from harvester.store import open_archive
from tests.e2e.support import Place, Written, read, squeezed, story

_LOC = re.compile(rb"<loc>(?:<!\[CDATA\[)?(https://[^<\]]*/story\d+-\d+)")


def on(host: str, site: Site) -> list[Shown]:
    """Return the stories that a host shows."""
    return [shown for shown in site.truth() if host in shown.story.hosts]


def named_by_sitemaps(site: Site) -> list[str]:
    """Return the story addresses of all sitemap files."""
    index = site.answer(SG, "/sitemap.xml").body
    paths = re.findall(rb"<loc>https://[^/]*(/sitemaps/[^<]*)</loc>", index)
    return [
        url.decode() for path in paths for url in _LOC.findall(site.answer(SG, path.decode()).body)
    ]


def addresses_on(host: str, shown: Iterable[Shown]) -> list[str]:
    """Return the first address of each story on a host."""
    return [f"https://{host}/{each.story.path}" for each in shown]


def assert_told(shown: Shown, post: Written) -> None:
    """Hold a post to the story: titles, clocks, address, and all of its text, no other text."""
    story = shown.story
    assert (story.title, story.title) == (post.title, post.link_title)
    assert (story.published, story.published) == (post.date, post.epoch)
    assert post.url in shown.urls
    assert tuple(text.strip() for text in story.blocks) == post.blocks
    assert squeezed("".join(story.blocks)) == post.said


def assert_holds(place: Place, shown: Iterable[Shown]) -> None:
    """Hold an archive to stories: each exactly once; of twins one, the other as its alias."""
    wanted = {each.story.story_id: each for each in shown}
    held = place.articles()
    place.check()

    assert held.keys() <= wanted.keys()
    for story_id in wanted.keys() - held.keys():
        assert wanted[story_id].twin in held
    for story_id, row in held.items():
        story = wanted[story_id].story
        assert wanted[story_id].twin not in held
        assert (story.title, story.published) == (row.title, row.published)
        assert story.access is row.access
        assert_told(wanted[story_id], read((place.seeds / row.path).read_bytes()))


@pytest.mark.parametrize("form", list(Form))
async def test_sitemap_brings_the_truth_and_nothing_else(form: Form, tmp_path: Path) -> None:
    """Either form of the sitemap leads to every story once, word for word; counts add up."""
    site = Site.arranged(form=form)
    async with ReplicaServer(site) as server:
        place = Place(tmp_path, server.origin)
        run = await place.backfill()

    assert_holds(place, on(SG, site))
    assert run.ends.keys() == set(named_by_sitemaps(site))
    assert run.outcome.counts.discovered == len(run.watcher.ends) == len(run.ends)
    assert run.counts["new"] == len(place.articles())
    assert run.counts["duplicate"] == 1
    assert not run.outcome.problems


async def test_nothing_is_archived_that_is_no_article(place: Place, server: ReplicaServer) -> None:
    """What stands at a story's address and is none is rejected with a reason, or failed."""
    run = await place.backfill()

    rejected, failed = run.ended(Verdict.REJECTED), run.ended(Verdict.FAILED)
    for url, kind in server.site.others().items():
        if "/story" in url:
            assert (failed if kind in UNREADABLE else rejected)[url]
    assert not {row.url for row in place.articles().values()} & server.site.others().keys()


def pictures_of(place: Place, site: Site) -> Iterator[tuple[Story, Written]]:
    """Yield the stories that are held, with their posts."""
    held = place.articles()
    for shown in on(SG, site):
        if row := held.get(shown.story.story_id):
            yield shown.story, read((place.seeds / row.path).read_bytes())


async def test_pictures_are_those_of_the_story(place: Place, server: ReplicaServer) -> None:
    """A post shows the story's pictures, each once at its real address, and no icon of the page."""
    await place.backfill()

    for told, post in pictures_of(place, server.site):
        captions = [figure.caption for figure in told.figures]
        assert [figure.url for figure in told.figures] == list(post.pictures)
        # That template shows none.
        assert ([] if told.variant is Variant.CULTURE else captions) == list(post.captions)


async def test_no_word_of_the_page_around(place: Place) -> None:
    """No post of the arranged site asks to subscribe, advertises or names other stories."""
    await place.backfill()

    for data in place.files().values():
        found = re.findall(
            r"推荐阅读|延伸阅读|相关阅读|订阅|广告|购买此文章|热词|<script", data.decode()
        )
        assert not found


async def test_second_run_asks_for_no_story(place: Place, server: ReplicaServer) -> None:
    """What is held is not asked for again: sitemaps conditionally, pages only that failed."""
    first = await place.backfill()
    asked, before = len(server.log), place.identities()

    second = await place.backfill()

    later = server.log[asked:]
    failed = first.ended(Verdict.FAILED)
    assert {r.target for r in later if "/story" in r.target} == {
        url[len(f"https://{SG}") :] for url in failed
    }
    assert all(r.conditional and r.status == 304 for r in later if "sitemap" in r.target)
    assert any("sitemap" in r.target for r in later)
    assert before == place.identities()
    assert second.counts == {
        "skipped": first.outcome.counts.discovered - len(failed),
        "failed": len(failed),
    }


async def test_the_twin_of_a_text_is_an_alias(place: Place) -> None:
    """Of two stories with one text one is written; the other is recorded as its alias."""
    run = await place.backfill()

    (reason,) = run.ended(Verdict.DUPLICATE).values()
    with open_archive(place.seeds, place.state) as archive:
        assert archive.counts().aliases == 1
    assert [each for each in place.articles() if each in reason]


async def test_given_addresses(place: Place, server: ReplicaServer) -> None:
    """Addresses of both hosts bring all stories; those that are no story's are rejected."""
    urls = [url for shown in server.site.truth() for url in shown.urls]
    junk = ["https://www.zaobao.com.sg/realtime/china", "https://example.org/story20210101-1", "?"]

    run = await place.backfill_urls(
        ["# all of them\n", "", *urls, *junk, f"{urls[0]}?utm_source=x\n"]
    )

    assert_holds(place, server.site.truth())
    assert run.ended(Verdict.REJECTED) == dict.fromkeys(junk, "address")
    assert run.outcome.counts.discovered == len(urls) + len(junk) + 1


async def test_listings(place: Place, server: ReplicaServer) -> None:
    """The newest lists bring the stories that stand in them, each once, and nothing foreign."""
    wanted = ("realtime/china", "realtime/world", "news/singapore")

    run = await place.backfill(Order(Source.LISTING, Scope(sections=wanted)))

    listed = [each for each in on(SG, server.site) if each.story.section in wanted]
    assert_holds(place, listed)
    assert run.ended(Verdict.REJECTED).keys() <= server.site.others().keys()
    assert run.counts["new"] == len(place.articles())
    assert not run.outcome.problems


async def test_listings_go_back_to_the_first_day(place: Place, server: ReplicaServer) -> None:
    """With a first day the lists are followed until it is passed."""
    for number in range(60):
        at = f"2026-08-{1 + number // 4:02}T0{number % 4}:00:00"
        server.site.publish(story(9_900_000 + number, at))
    since = date(2026, 8, 3)

    run = await place.backfill(Order(Source.LISTING, Scope(since, sections=("realtime/china",))))

    china = [each for each in on(SG, server.site) if each.story.section == "realtime/china"]
    assert_holds(place, [each for each in china if each.story.local.date() >= since])
    assert run.counts["new"] == len(place.articles()) >= 52
    assert not run.outcome.problems


@pytest.mark.parametrize(
    "day",
    [
        date(2017, 4, 28),  # one at noon, one at 23:59:59 whose address has the next day
        date(2018, 12, 2),  # at 20:15, for the issue of the next day
        date(2021, 11, 13),  # at 00:05, which is the day before in UTC
        date(2023, 10, 24),  # four days before the day in its address
        date(2026, 9, 30),  # at 23:59:58
    ],
)
async def test_a_day_is_a_day_in_singapore(day: date, place: Place, server: ReplicaServer) -> None:
    """One day as both ends brings the stories published on it, whatever their addresses say."""
    run = await place.backfill(Order(scope=Scope(day, day)))

    assert_holds(place, [each for each in on(SG, server.site) if each.story.local.date() == day])
    assert place.articles()
    assert run.outcome.counts.discovered == len(run.watcher.ends)


async def test_days_before_and_after_leave_nothing_out(place: Place, server: ReplicaServer) -> None:
    """Two runs whose days meet bring together what one run brings, each story once."""
    border = date(2021, 11, 13)

    later = await place.backfill(Order(scope=Scope(since=border)))
    first = await place.backfill(Order(scope=Scope(until=date(2021, 11, 12))))

    assert_holds(place, on(SG, server.site))
    days = {each.story.story_id: each.story.local.date() for each in on(SG, server.site)}
    assert all(days[story_id] >= border for story_id in ids(later.ends, "new"))
    assert all(days[story_id] < border for story_id in ids(first.ends, "new"))


async def test_sections(place: Place, server: ReplicaServer) -> None:
    """A section brings its stories and those of the sections below it; no others."""
    wanted = ("realtime/china", "news")

    await place.backfill(Order(scope=Scope(sections=wanted)))

    below = tuple(f"{section}/" for section in wanted)
    shown = [
        each
        for each in on(SG, server.site)
        if any(path.startswith(below) for path in each.story.paths)
    ]
    assert_holds(place, shown)


async def test_limit_is_the_number_of_pages(place: Place, server: ReplicaServer) -> None:
    """So many pages are asked for, the newest first; the next run goes on behind them."""
    for pages in (4, 3, 0):
        asked = len(server.log)
        run = await place.backfill(Order(limit=pages))
        assert pages == sum("/story" in request.target for request in server.log[asked:])
        assert run.counts.get("new", 0) == pages

    newest = sorted(place.articles().values(), key=lambda row: row.published)
    known = sorted(each.story.published for each in on(SG, server.site))
    assert [row.published for row in newest] == known[-7:]


async def test_an_edit_replaces_the_file_and_keeps_the_old_text(
    place: Place, server: ReplicaServer
) -> None:
    """A changed hint in the sitemap leads to the new text, there and back, none of them lost."""
    shown = next(each.story for each in on(SG, server.site) if each.story.story_id == "1209230")
    old, new = shown.blocks, ("改写后的第一段，比原来短得多。" * 3, "第二段说的是另一件事。" * 2)
    await place.backfill()
    before = place.files()
    path = place.articles()["1209230"].path

    for revision, blocks in ((2, new), (3, old), (4, new)):
        server.site.edit("1209230", blocks=blocks)
        run = await place.backfill()

        assert ids(run.ends, "revised") == {"1209230"}
        assert place.articles()["1209230"].revision == revision
        assert path == place.articles()["1209230"].path
        assert tuple(text.strip() for text in blocks) == read(place.files()[path]).blocks
    assert before[path] == place.text("1209230", 1)
    assert len(place.revisions("1209230")) == 4
    assert before.keys() == place.files().keys()
    assert {name for name in before if before[name] != place.files()[name]} == {path}
    place.check()


async def test_an_edit_of_the_title_keeps_the_path(place: Place, server: ReplicaServer) -> None:
    """A new title is a revision; the file keeps its name."""
    await place.backfill()
    path = place.articles()["1209230"].path
    server.site.edit("1209230", title="换了一个标题的旧新闻")

    run = await place.backfill()

    assert ids(run.ends, "revised") == {"1209230"}
    assert (path, "换了一个标题的旧新闻") == (
        place.articles()["1209230"].path,
        read(place.files()[path]).title,
    )
    place.check()


async def test_an_edit_of_the_markup_is_no_revision(place: Place, server: ReplicaServer) -> None:
    """Other tags, keywords and layout around the same words leave the file as it is."""
    await place.backfill()
    before = place.identities()
    shown = next(each.story for each in on(SG, server.site) if each.story.story_id == "1209230")
    body = tuple(Block("h3" if block.tag == "p" else block.tag, block.text) for block in shown.body)
    server.site.publish(replace(shown, body=body, tags=("潮汐",), author="改名"))

    run = await place.backfill()

    assert ids(run.ends, "unchanged") == {"1209230"}
    assert before == place.identities()
    assert len(place.revisions("1209230")) == 1


async def test_a_removed_story_keeps_its_file(place: Place, server: ReplicaServer) -> None:
    """A page that answers 404 is rejected; what is held of it stays, now and in later runs."""
    await place.backfill()
    before = place.identities()
    server.site.edit("1209230")  # the sitemap tells of a change
    server.site.remove("1209230")

    first = await place.backfill()
    fetched = await place.fetch("https://www.zaobao.com.sg/realtime/china/story20211101-1209230")

    assert ids(first.ends, "rejected") == {"1209230"}
    assert fetched.counts == {"rejected": 1}
    assert before == place.identities()
    assert "1209230" in place.articles()
    place.check()


async def test_what_was_missing_is_asked_for_again_later(
    place: Place, server: ReplicaServer
) -> None:
    """An address that answered 404 rests; after two days it is asked for again, and archived."""
    shown = server.site.truth()[0].story
    path = f"/{shown.path}"
    server.site.fail(path, 404)
    first = await place.backfill()
    soon = await place.backfill()
    await place.clock.sleep(2 * 24 * 3600)

    later = await place.backfill()

    assert shown.story_id in ids(first.ends, "rejected")
    assert shown.story_id in ids(soon.ends, "skipped")
    assert shown.story_id in ids(later.ends, "new")
    assert_holds(place, on(SG, server.site))


async def test_what_is_published_later_is_found(place: Place, server: ReplicaServer) -> None:
    """A new story in a month already read is archived by the next run, and it alone."""
    await place.backfill()
    server.site.publish(story(9_799_999, "2026-09-30T08:00:00"))

    run = await place.backfill()

    assert ids(run.ends, "new") == {"9799999"}
    assert_holds(place, on(SG, server.site))


async def test_both_hosts_say_the_same(place: Place, server: ReplicaServer, tmp_path: Path) -> None:
    """A story from the other host is the same text: unchanged, or the same hash in a new place."""
    both = [each for each in on(SG, server.site) if HK in each.story.hosts]
    await place.backfill()
    other = Place(tmp_path / "other", server.origin)

    again = await place.fetch(*addresses_on(HK, both))
    await other.backfill_urls(addresses_on(HK, both))

    assert again.counts == {"unchanged": len(both)}
    assert other.hashes().items() <= place.hashes().items()
    assert len(other.hashes()) == len(both)


async def test_verbatim_says_the_same(place: Place, server: ReplicaServer, tmp_path: Path) -> None:
    """Bodies as published have the hashes of clean ones."""
    verbatim = Place(tmp_path / "verbatim", server.origin)

    await place.backfill()
    await verbatim.backfill(body=BodyMode.VERBATIM)

    # Of the twins either may come first.
    assert set(place.hashes().values()) == set(verbatim.hashes().values())
    assert len(place.hashes()) == len(verbatim.hashes())
    verbatim.check()


def ids(ends: dict[str, str], state: str = "") -> set[str]:
    """Return the ids of the stories whose addresses ended so, or of all."""
    return {url.rpartition("-")[2] for url, end in ends.items() if state in ("", end)}
