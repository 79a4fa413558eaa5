"""A redesign under the daemon: it says so soon, writes nothing doubtful, and recovers."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

import pytest

from harvester import drift
from harvester.store import verify
from tests.daemon.support import DAY, HOUR, MINUTE, World, live
from tests.support.figures import Figures, cases

YESTERDAY = date(2026, 9, 29)


def _alarms(world: World) -> tuple[drift.Alarm, ...]:
    """Return the alarms that are on, as the catalogue has them a minute later."""
    with world.reader() as reader:
        return drift.Record.load(reader.note("gauges") or "").alarms()


def _read_since(world: World, requests: int) -> set[str]:
    """Return the ids of the stories whose pages were read after so many requests."""
    asked = world.asked("/story", requests)
    return {request.target.rpartition("-")[2] for request in asked if request.status == 200}


async def _publish(world: World, number: int, every: float = 10 * MINUTE) -> list[str]:
    published = []
    for n in range(number):
        published.append(world.publish(("realtime/china", "realtime/world")[n % 2]).story_id)
        await world.sleep(every)
    return published


async def _learned(world: World) -> None:
    """Let the daemon see so much that it knows what is usual."""
    await world.sleep(2 * HOUR)
    await _publish(world, 30)
    assert _alarms(world) == ()


@pytest.mark.parametrize("kind", ["unknown", "consent"])
def test_pages_that_cannot_be_read_are_told_within_two_polls(folder: Path, kind: str) -> None:
    """The alarm names the reason and examples; nothing is written; all is read once it can be."""

    async def act(world: World) -> None:
        async with world.daemon():
            await _learned(world)
            held = set(world.read())
            world.site.redesign(kind)
            unread = await _publish(world, 6, 15 * MINUTE)
            alarms = _alarms(world)
            assert alarms
            assert all(alarm.examples and alarm.text for alarm in alarms)
            assert set(world.read()) == held
            if kind == "unknown":
                with world.reader() as reader:
                    assert reader.counts().kept_pages >= 2
            world.site.redesign(None)
            after = await _publish(world, 18, 15 * MINUTE)
            await world.sleep(2 * HOUR)
            assert _alarms(world) == ()
            assert {*unread, *after} <= set(world.read())
        assert verify(world.settings.seeds, world.settings.state).differences == ()

    live(folder, act, held=120, since=YESTERDAY)


def test_bodies_cut_to_a_teaser_are_held_back(folder: Path) -> None:
    """A post far shorter than usual is not written while others are too; the whole one is later."""

    async def act(world: World) -> None:
        async with world.daemon():
            await _learned(world)
            await _publish(world, 60, 4 * MINUTE)
            held = set(world.read())
            world.site.redesign("teaser")
            cut = await _publish(world, 12)
            fresh = set(world.read()) - held
            with world.reader() as reader:
                shortest = min((len(reader.post(one)) for one in fresh), default=10_000)
            assert not fresh or shortest > 1_000
            world.site.redesign(None)
            await _publish(world, 12, 15 * MINUTE)
            await world.sleep(6 * HOUR)
            assert set(cut) <= set(world.read())

    live(folder, act, held=240, since=YESTERDAY)


@pytest.mark.gate("A2", "false revisions on a markup change")
def test_a_mass_of_other_texts_is_no_mass_of_revisions(folder: Path, figures: Figures) -> None:
    """One more paragraph in every body: looked at twice, alarmed, none written; true edits are."""

    async def act(world: World) -> None:
        async with world.daemon():
            await _learned(world)
            texts = [f"真正的更正，第{n}段写得更清楚，也更长一些，好让读者明白。" for n in range(4)]
            edited = world.publish()
            await world.sleep(30 * MINUTE)
            world.site.edit(edited.story_id, blocks=texts)
            await world.sleep(2 * HOUR)
            assert world.read()[edited.story_id].revision == 2
            world.site.redesign("extra")
            looked = len(world.server.log)
            for story in world.site.truth():  # the sitemap tells that all have changed
                world.site.edit(story.story.story_id)
            await world.sleep(cases(12, 24) * HOUR)
            rows = world.read().values()
            revised = {row.story_id for row in rows if row.revision > 1}
            wrong = len(revised - {edited.story_id})
            of = len(_read_since(world, looked))
            figures.none("files rewritten by a broken selector (daemon)", wrong, of)
            with world.reader() as reader:
                figures.at_least("candidates kept aside (daemon)", reader.counts().kept_pages, 10)
            assert "revised" in {alarm.sign for alarm in _alarms(world)}
            world.site.redesign(None)
            await world.sleep(cases(6, 72) * HOUR)
            rows = world.read().values()
            assert {row.story_id for row in rows if row.revision > 1} == {edited.story_id}

    live(folder, act, held=cases(60, 500), since=YESTERDAY)


@pytest.mark.gate("A2", "false revisions on a markup change")
def test_new_markup_at_every_look_is_no_revision(folder: Path, figures: Figures) -> None:
    """Pages that are never the same twice: of all held stories only those edited are revised."""
    edits = cases(3, 10)

    async def act(world: World) -> None:
        async with world.daemon():
            await _learned(world)
            world.site.redesign("markup")
            shown = [
                each.story for each in world.site.truth() if each.story.story_id in world.read()
            ]
            edited = shown[:: max(1, len(shown) // edits)][:edits]
            for number, story in enumerate(edited):
                first, *others = story.blocks
                text = f"{first[:9]}更{first[9:]}"
                world.site.edit(story.story_id, blocks=[text, *others], silent=number % 3 == 0)
            looked = len(world.server.log)
            await world.sleep(cases(1, 4) * DAY)
            rows = world.read().values()
            revised = {row.story_id for row in rows if row.revision > 1}
            named = {story.story_id for story in edited}
            wrong = len(revised - named)
            read = _read_since(world, looked)
            figures.none("stories revised without an edit (daemon)", wrong, len(read - named))
            figures.all("edits that made a revision (daemon)", len(revised & named), edits)
            figures.at_least("stories read again (daemon)", len(read), len(rows) / cases(2, 1))
            assert _alarms(world) == ()

    live(folder, act, held=cases(20, 500), since=YESTERDAY)


@pytest.mark.parametrize("kind", ["lists", "stale-lists"])
def test_lists_that_show_nothing_new_are_told_and_the_sitemap_stands_in(
    folder: Path, kind: str
) -> None:
    """The alarm names the list; what is published is held all the same."""

    async def act(world: World) -> None:
        async with world.daemon():
            await _learned(world)
            world.site.redesign(kind)
            published = await _publish(world, 12, 15 * MINUTE)
            await world.sleep(70 * MINUTE)
            assert "realtime" in {alarm.section for alarm in _alarms(world)}
            assert set(published) <= set(world.read())
            world.site.redesign(None)
            await _publish(world, 12, 15 * MINUTE)
            await world.sleep(2 * HOUR)
            assert _alarms(world) == ()

    live(folder, act, held=300)


def test_the_operators_command_hears_of_an_alarm_and_of_its_end(folder: Path) -> None:
    """It gets the alarm as JSON on its standard input."""
    told = folder / "told"
    script = f"import sys; open({str(told)!r}, 'a').write(sys.stdin.read() + '\\n')"

    async def act(world: World) -> None:
        async with world.daemon():
            await _learned(world)
            world.site.redesign("unknown", ["realtime/china"])
            await _publish(world, 6)
            world.site.redesign(None)
            await _publish(world, 12)
            await world.sleep(HOUR)
        lines = [json.loads(line) for line in told.read_text("utf-8").splitlines()]
        first, last = lines[0], lines[-1]
        assert (first["on"], first["sign"], first["section"]) == (
            True,
            "unreadable",
            "realtime/china",
        )
        assert first["examples"]
        assert (last["on"], last["section"]) == (False, first["section"])

    live(
        folder,
        act,
        held=120,
        since=YESTERDAY,
        alarm_command=f'{sys.executable} -c "{script}"',
    )
