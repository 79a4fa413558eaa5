"""Existing posts come into the archive as they are, once, and meet their own pages again."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web

import harvester
from harvester.drafts import draft_of_post
from harvester.model import Draft, Verdict
from harvester.post import published
from harvester.replica import Site
from harvester.replica.server import ReplicaServer
from harvester.replica.site import NOW
from tests.e2e.processes import harvester as run_harvester
from tests.e2e.processes import one_object, sane, started
from tests.e2e.support import Place
from tests.support.rebuild import page_of

LONG_FOR_ONE_POST = 5.0
"""Seconds; an import of one post takes a tenth of one."""

TEMPLATE = """\
---
layout: post
title: "{title}"
date: {date}T04:00:00.000Z
author: 联合早报
from: https://www.zaobao.com.sg/realtime/china/story{day}-{number}
tags: [ 联合早报 ]
categories: [ 联合早报 ]
---
<!--{epoch}-->
[{title}](https://www.zaobao.com.sg/realtime/china/story{day}-{number})
------

<div>
<p>{text}</p>
</div>
"""


def post(number: int, text: str = "", title: str = "渡轮恢复夜航", hour: int = 0) -> bytes:
    """Return a post of 2020-08-01, noon in Singapore, `hour` hours later."""
    return (
        TEMPLATE.format(
            title=title,
            date="2020-08-01",
            day="20200801",
            number=number,
            epoch=1_596_254_400_000 + hour * 3_600_000,
            text=(text or f"编号{number}的渡轮从今晚起恢复夜航。") * 4,
        )
        .replace("T04:", f"T{4 + hour:02}:")
        .encode()
    )


def written(folder: Path, **posts: bytes) -> Path:
    """Write posts into a folder; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in posts.items():
        (folder / f"2020-08-01-{name}.md").write_bytes(data)
    return folder


@asynccontextmanager
async def serving(pages: dict[str, bytes]) -> AsyncIterator[tuple[str, list[str]]]:
    """Serve pages by path; yield the origin and the paths that were asked for."""
    asked: list[str] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        asked.append(request.path)
        body = pages.get(request.path)
        if body is None:
            return web.Response(status=404)
        return web.Response(body=body, content_type="text/html", charset="utf-8")

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


def pages_of(place: Place) -> dict[str, bytes]:
    """Return the pages that the posts held came from, rebuilt, by their path."""
    pages = {}
    for row in place.articles().values():
        old = harvester.read_post((place.seeds / row.path).read_bytes())
        pages[urlsplit(old.url).path] = page_of(old.title, published(old).at, old.body)
    return pages


async def assert_pages_bring_nothing_new(place: Place) -> None:
    """Hold what is held to its own pages: skipped by a backfill, unchanged when asked for."""
    before = place.identities()
    pages = pages_of(place)
    urls = [f"https://www.zaobao.com.sg{path}" for path in pages]
    async with serving(pages) as (place.origin, asked):
        backfilled = await place.backfill_urls(urls)
        assert asked == []
        fetched = await place.fetch(*urls)

    assert backfilled.counts == {"skipped": len(urls)}
    assert fetched.ended(Verdict.FAILED) == {}
    assert fetched.counts == {"unchanged": len(urls)}
    assert before == place.identities()


# --- posts of our own ---


async def test_posts_come_in_once(tmp_path: Path) -> None:
    """Every story is new once, its bytes as they were; a second import touches no file."""
    source = written(tmp_path / "old", **{f"a{n}": post(n, title=f"标题{n}") for n in range(1, 6)})
    place = Place(tmp_path)

    first = await place.take_in(source)
    before = place.identities()
    second = await place.take_in(source)

    assert first.counts == {"new": 5}
    assert second.counts == {"unchanged": 5}
    assert before == place.identities()
    assert sorted(place.files().values()) == sorted(path.read_bytes() for path in source.iterdir())
    place.check()


async def test_the_later_text_is_the_current_one(tmp_path: Path) -> None:
    """Of two texts of one story the later is the file, the earlier a revision, in any order."""
    early, late = post(7, "早的说法，夜航延后。"), post(7, "晚的说法，夜航恢复。", hour=5)
    for number, posts in enumerate(((early, late), (late, early))):
        place = Place(tmp_path / str(number))
        source = written(tmp_path / f"old{number}", a=posts[0], b=posts[1])

        run = await place.take_in(source)

        assert run.counts == {"new": 1, "revised": 1}
        assert list(place.files().values()) == [late]
        assert {place.text("7", 1), place.text("7", 2)} == {early, late}
        place.check()


async def test_same_text_of_another_story_is_an_alias(tmp_path: Path) -> None:
    """Two stories with one title and text: one file, one duplicate."""
    source = written(tmp_path / "old", a=post(7, "同一段文字。" * 9), b=post(8, "同一段文字。" * 9))
    place = Place(tmp_path)

    run = await place.take_in(source)

    assert run.counts == {"new": 1, "duplicate": 1}
    assert len(place.files()) == 1
    place.check()


async def test_one_title_two_stories(tmp_path: Path) -> None:
    """Two stories of one day and title get two files."""
    place = Place(tmp_path)

    run = await place.take_in(written(tmp_path / "old", a=post(7), b=post(8)))

    assert run.counts == {"new": 2}
    assert len(place.files()) == 2
    place.check()


async def test_posts_that_lie_in_the_tree_stay_where_they_are(tmp_path: Path) -> None:
    """Posts already below the post tree are taken up in place, not written again."""
    place = Place(tmp_path)
    written(place.seeds / "any" / "where", eigen=post(7), other=post(8, title="另一个标题"))
    before = place.identities()

    run = await place.take_in(place.seeds)

    assert run.counts == {"new": 2}
    assert before == place.identities()
    assert {row.path for row in place.articles().values()} == before.keys()
    place.check()


async def test_imported_posts_meet_their_pages(tmp_path: Path) -> None:
    """The page a post came from brings nothing new: no fetch by default, unchanged if asked."""
    place = Place(tmp_path)
    await place.take_in(written(tmp_path / "old", a=post(7), b=post(8, title="另一个标题")))

    await assert_pages_bring_nothing_new(place)


async def test_what_was_harvested_is_not_new_as_an_import(tmp_path: Path) -> None:
    """The posts of one archive, imported into another and into itself, are the same stories."""
    async with ReplicaServer(Site.arranged()) as server:
        place = Place(tmp_path / "a", server.origin)
        await place.backfill()
    other = Place(tmp_path / "b")

    again = await place.take_in(place.seeds)
    taken = await other.take_in(place.seeds)

    assert again.counts == {"unchanged": len(place.articles())}
    assert taken.counts == {"new": len(place.articles())}
    assert place.hashes() == other.hashes()
    assert place.files() == other.files()
    other.check()


def test_broken_and_foreign_posts(tmp_path: Path) -> None:
    """A broken post fails by `file:line`, one of another outlet is rejected, the rest is new."""
    broken = post(9).replace(b"------", b"-----")
    foreign = post(8).replace(b"www.zaobao.com.sg", b"www.example.org")
    written(tmp_path / "old", good=post(7), broken=broken, foreign=foreign)

    ended = run_harvester("import", "old", "--json", cwd=tmp_path)

    counts = one_object(ended.stdout)
    assert (counts["new"], counts["failed"], counts["rejected"]) == (1, 1, 1)
    assert ended.returncode == 1
    assert "old/2020-08-01-broken.md:12: " in ended.stderr
    assert "2020-08-01-foreign.md: not a post of this newspaper" in ended.stderr


def test_a_pipe_among_the_posts(tmp_path: Path) -> None:
    """A named pipe with the name of a post is refused; nothing waits for who may write to it."""
    folder = written(tmp_path / "old", good=post(7))
    os.mkfifo(folder / "2020-08-02-pipe.md")

    with started("import", "old", "--json", cwd=tmp_path) as process:
        stdout, stderr = process.communicate(timeout=LONG_FOR_ONE_POST)

    sane(stdout, stderr)
    assert process.returncode in {1, 2, 74}
    assert "2020-08-02-pipe.md" in stderr


# --- the real posts beside the project ---


@pytest.fixture
def corpus(shared: Path) -> list[Path]:
    """Return the real posts of this newspaper."""
    return [*(shared / "corpus" / "zaobao").glob("*.md"), *(shared / "seeds").glob("*.md")]


@pytest.mark.shared
async def test_the_corpus(corpus: list[Path], tmp_path: Path) -> None:
    """Each story of the corpus is new once, its latest post byte for byte; again: nothing new.

    Then the pages from which the current posts came are served: none of them is new or revised.
    """
    place = Place(tmp_path)
    stories: dict[str, list[Draft]] = defaultdict(list)
    for path in corpus:
        draft = draft_of_post(path.read_bytes())
        stories[draft.article.story_id].append(draft)

    first = await place.take_in(*corpus)
    before = place.identities()
    second = await place.take_in(*corpus)

    held = place.articles()
    assert first.counts["new"] == len(held) == len(stories) - _twins(stories, set(held))
    assert first.outcome.counts.discovered == len(corpus)
    assert second.counts.keys() <= {"unchanged", "duplicate"}
    assert before == place.identities()
    for story_id, row in held.items():
        sources = {draft.data for draft in stories[story_id]}
        assert (place.seeds / row.path).read_bytes() in sources
        for revision in place.revisions(story_id):
            assert place.text(story_id, revision.revision) in sources
    place.check()
    await assert_pages_bring_nothing_new(place)


def _twins(stories: dict[str, list[Draft]], held: set[str]) -> int:
    """Return how many stories are not held, each for a text that another story has."""
    hashes = {d.content_hash for story_id in held for d in stories[story_id]}
    absent = stories.keys() - held
    assert all(d.content_hash in hashes for story_id in absent for d in stories[story_id])
    return len(absent)


@pytest.mark.shared
def test_posts_of_other_outlets(shared: Path, tmp_path: Path) -> None:
    """Posts of other outlets: broken ones named `file:line`, the others rejected, none taken."""
    source = tmp_path / "other"
    shutil.copytree(shared / "corpus" / "other", source)

    ended = run_harvester("import", "other", "--json", cwd=tmp_path)

    counts = json.loads(ended.stdout)
    assert counts["new"] == 0
    assert counts["failed"] + counts["rejected"] == len(list(source.iterdir()))
    assert ended.returncode == (1 if counts["failed"] else 0)
    assert ended.stderr.count("not a post of this newspaper") == counts["rejected"]


@pytest.mark.parametrize(("hours", "next_look"), [(2, 4), (30, 72), (24 * 31, None)])
async def test_a_young_post_is_looked_at_again(
    tmp_path: Path, hours: int, next_look: int | None
) -> None:
    """What a killed writer left without a row may have been edited since: it has its ages too."""
    site = Site.arranged()
    shown = next(shown for shown in site.truth() if not shown.twin)
    story = shown.story
    async with ReplicaServer(site) as server:
        await Place(tmp_path, server.origin).fetch(shown.urls[0])
    (tmp_path / "state" / "harvester.db").unlink()
    after = Place(tmp_path)
    after.clock.elapsed = (story.published + timedelta(hours=hours) - NOW).total_seconds()
    await after.take_in(after.seeds)

    with closing(sqlite3.connect(tmp_path / "state" / "harvester.db")) as catalogue:
        ((due,),) = catalogue.execute("SELECT next_check_at FROM visits").fetchall()
    expected = next_look and story.published + timedelta(hours=next_look)
    assert due == (expected and f"{expected.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
