"""A redesign under held stories: other markup is no revision, a broken reader replaces nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from harvester.errors import SiteUnreachable
from harvester.model import Era
from harvester.replica import Block, Site, Story
from harvester.replica.making import bulk
from harvester.replica.server import ReplicaServer
from harvester.replica.story import HK, SG
from harvester.runs import Order
from harvester.store import open_archive
from tests.e2e.support import Place, Run, read
from tests.handoff.follower_archive import quick_folder
from tests.support.figures import Figures, cases

PAGES = cases(60, 500)
EDITS = cases(3, 10)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder on a quick disk."""
    with quick_folder() as folder:
        yield folder


def of_all_eras(count: int) -> list[Story]:
    """Return stories of ten years, every fourth of those that can be only on the other host."""
    stories = list(bulk(count, 3, date(2016, 1, 1), date(2026, 9, 29)))
    return [
        replace(story, hosts=(HK,)) if not at % 4 and story.era is not Era.SG_2013 else story
        for at, story in enumerate(stories)
    ]


def corrected(story: Story, number: int) -> Story:
    """Return a story with a true edit: each kind in turn, some of a single character."""
    first, *others = story.body
    changed = replace(first, text=f"{first.text[:9]}更{first.text[9:]}")
    match number % 5:
        case 0:
            return replace(story, body=(changed, *others))
        case 1:
            return replace(story, title=f"{story.title}（更新）")
        case 2:
            return replace(
                story, body=(*story.body, Block("p", "编者按：此前的数字有误，现已更正。"))
            )
        case 3:
            return replace(story, body=story.body[:-1])
        case _:
            return replace(story, body=(*others, first))


async def look_again(place: Place, site: Site) -> Run:
    """Let every page be looked at again, as its host leads to it; return both runs as one."""
    for shown in site.truth():  # the sitemap tells that all have changed
        site.edit(shown.story.story_id)
    elsewhere = [shown.urls[0] for shown in site.truth() if SG not in shown.story.hosts]
    there, here = await place.fetch(*elsewhere), await place.backfill()
    assert not there.outcome.halted
    there.watcher.ends += here.watcher.ends
    return Run(here.outcome, there.watcher)


def ids_of(run: Run, state: str) -> set[str]:
    """Return the ids of the stories that ended so."""
    ended = ((url, decision.verdict) for url, decision in run.watcher.ends)
    return {url.rpartition("-")[2] for url, verdict in ended if verdict == state}


@pytest.mark.gate("A2", "false revisions on a markup change")
async def test_new_markup_is_no_revision_and_every_edit_is_one(
    folder: Path, figures: Figures
) -> None:
    """Advertisements, classes, counters, links, blanks, scripts, pictures: only edits revise."""
    stories = of_all_eras(PAGES)
    edited = {story.story_id: n for n, story in enumerate(stories[:: PAGES // EDITS][:EDITS])}
    site = Site(stories)
    async with ReplicaServer(site) as server:
        place = Place(folder, server.origin)
        await place.backfill()
        await place.backfill_urls(s.urls[0] for s in stories if SG not in s.hosts)
        assert len(place.articles()) == PAGES
        assert {s.era_on(s.hosts[0]) for s in stories} == set(Era) - {Era.POST}
        before = place.identities()

        site.redesign("markup")
        for story in stories:
            if story.story_id in edited:
                site.publish(corrected(story, edited[story.story_id]))
        first = await look_again(place, site)
        second = await look_again(place, site)

    revised = ids_of(first, "revised")
    figures.none("stories revised without an edit", len(revised - edited.keys()), PAGES - EDITS)
    figures.all("edits that made a revision", len(revised & edited.keys()), EDITS)
    figures.none("revisions at a further look", len(ids_of(second, "revised")), PAGES)
    assert len(ids_of(first, "unchanged")) == PAGES - EDITS
    assert ids_of(second, "unchanged") == {story.story_id for story in stories}
    rows = place.articles()
    untouched = {row.path for row in rows.values() if row.story_id not in edited}
    after = place.identities()
    figures.none("files touched", sum(before[p] != after[p] for p in untouched), len(untouched))
    for shown in site.truth():
        if shown.story.story_id in edited:
            post = read((place.seeds / rows[shown.story.story_id].path).read_bytes())
            assert post.blocks == tuple(text.strip() for text in shown.story.blocks)
            assert post.title == shown.story.title
    place.check()


@pytest.mark.gate("A2", "false revisions on a markup change")
@pytest.mark.parametrize("wanted", [False, True])
async def test_a_mass_of_other_texts_is_written_only_if_wanted(
    folder: Path, figures: Figures, *, wanted: bool
) -> None:
    """One more paragraph in every body: the run ends with 69 and replaces nothing, unless told."""
    count = cases(30, 500)
    async with ReplicaServer(Site.bulk(count)) as server:
        place = Place(folder, server.origin)
        await place.backfill()
        before = place.identities()
        server.site.redesign("extra")
        for shown in server.site.truth():  # the sitemap tells of a change
            server.site.edit(shown.story.story_id)

        run = await place.backfill(Order(all_revisions=wanted))

    after = place.identities()
    rewritten = sum(before[path] != after[path] for path in before)
    with open_archive(place.seeds, place.state) as archive:
        kept = archive.counts().kept_pages
    if wanted:
        assert (rewritten, run.counts, kept) == (count, {"revised": count}, 0)
        assert run.outcome.halted is None
    else:
        figures.none("files rewritten by a broken selector", rewritten, of=run.counts["failed"])
        figures.all("candidates kept aside", kept, of=run.counts["failed"])
        assert run.counts.keys() == {"failed"}
        assert run.counts["failed"] >= min(count, 200)
        assert isinstance(run.outcome.halted, SiteUnreachable)
        assert "--all-revisions" in str(run.outcome.halted)
    place.check()
