"""The daemon from outside: what is published is held soon, whatever happens."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

from harvester.store import verify
from tests.daemon.support import DAY, HOUR, LIST, MINUTE, World, live, slots

CORRECTED = [f"更正后的段落，第{n}段写得更清楚，也更长一些，好让读者明白。" for n in range(4)]


def _texts(world: World, story_id: str) -> int:
    with world.reader() as reader:
        return len(reader.revisions(story_id))


def _ops(world: World, story_id: str) -> list[str]:
    with world.reader() as reader:
        return [change.op for change in reader.changes() if change.story_id == story_id]


async def _days(world: World, number: int) -> None:
    """Let days go by, of which the daemon sees one hour each: the clock is put forward."""
    for _ in range(number):
        world.clock.jump(DAY - HOUR)
        await world.sleep(HOUR)


def test_what_is_there_at_the_start_is_held_and_what_comes_follows_soon(folder: Path) -> None:
    """A first start takes the last days; each story published later is held within the hour."""

    async def act(world: World) -> None:
        async with world.daemon():
            await world.sleep(HOUR)
            assert len(world.read()) >= 3
            for _ in range(6):
                story = world.publish()
                await world.sleep(65 * MINUTE)
                assert story.story_id in world.read()
        assert verify(world.settings.seeds, world.settings.state).differences == ()

    live(folder, act)


def test_sections_that_no_list_shows_are_found_through_the_sitemap(folder: Path) -> None:
    """A print story is held within the longest pause, though no list names it."""

    async def act(world: World) -> None:
        async with world.daemon():
            await world.sleep(HOUR)
            story = world.publish("news/sea")
            await world.sleep(70 * MINUTE)
            assert story.story_id in world.read()

    live(folder, act)


def test_only_the_sections_asked_for_are_taken(folder: Path) -> None:
    """With `sections`, neither lists nor the sitemap bring others."""

    async def act(world: World) -> None:
        async with world.daemon():
            await world.sleep(HOUR)
            wanted, other = world.publish("realtime/china"), world.publish("realtime/world")
            await world.sleep(2 * HOUR)
        held = world.read()
        assert wanted.story_id in held
        assert other.story_id not in held
        assert {row.section for row in held.values()} == {"realtime/china"}

    live(folder, act, sections="realtime/china")


def test_a_burst_longer_than_a_page_of_the_list_leaves_no_gap(folder: Path) -> None:
    """Where two looks at a list do not overlap it is followed until they do."""

    async def act(world: World) -> None:
        async with world.daemon():
            await world.sleep(HOUR)
            world.site.fail("/sitemap.xml", 404, times=100)
            before = len(world.server.log)
            burst = [world.publish().story_id for _ in range(55)]
            await world.sleep(65 * MINUTE)
        assert set(burst) <= set(world.read())
        assert world.asked("realtime?page=2", before)

    live(folder, act)


def test_an_edit_is_held_soon_and_new_validators_alone_are_none(folder: Path) -> None:
    """A silent edit is found by looking again; a changed page with the same text is nothing."""

    async def act(world: World) -> None:
        async with world.daemon():
            await world.sleep(HOUR)
            edited, touched = world.publish(), world.publish()
            await world.sleep(30 * MINUTE)
            world.site.edit(edited.story_id, blocks=CORRECTED, silent=True)
            world.site.edit(touched.story_id, silent=True)
            await world.sleep(8 * HOUR)
        assert _ops(world, edited.story_id) == ["new", "revised"]
        assert _texts(world, edited.story_id) == 2
        assert _ops(world, touched.story_id) == ["new"]

    live(folder, act)


def test_a_hint_of_the_sitemap_is_followed_at_once(folder: Path) -> None:
    """An edit of an old story that the sitemap tells is held within hours, not days."""

    async def act(world: World) -> None:
        async with world.daemon():
            await world.sleep(HOUR)
            story = world.publish()
            await world.sleep(2 * DAY)
            world.site.edit(story.story_id, blocks=CORRECTED)
            await world.sleep(4 * HOUR)
        assert _ops(world, story.story_id) == ["new", "revised"]

    live(folder, act)


def test_a_story_that_is_gone_for_days_gets_a_tombstone_and_its_return_is_noted(
    folder: Path,
) -> None:
    """The file stays; the change log says gone, and says it when it is back."""

    async def act(world: World) -> None:
        async with world.daemon():
            await world.sleep(HOUR)
            story = world.publish()
            await _days(world, 1)
            world.site.remove(story.story_id)
            await _days(world, 3)
            assert _ops(world, story.story_id) == ["new"]
            await _days(world, 9)
            assert _ops(world, story.story_id) == ["new", "gone"]
            assert (world.settings.seeds / world.read()[story.story_id].path).exists()
            world.site.restore(story.story_id)
            await _days(world, 20)
        assert _ops(world, story.story_id) == ["new", "gone", "revised"]

    live(folder, act)


def test_a_restart_asks_nothing_twice_and_misses_nothing(folder: Path) -> None:
    """Stopped and started ten times within a slot, the list is asked once in it."""

    async def act(world: World) -> None:
        async with world.daemon():
            await world.sleep(2 * HOUR)
        before = len(world.asked(LIST))
        for _ in range(10):
            async with world.daemon():
                await world.sleep(10)
        assert len(world.asked(LIST)) - before <= 2
        story = world.publish()
        async with world.daemon():
            await world.sleep(70 * MINUTE)
        assert story.story_id in world.read()
        assert max(Counter(slots(world)).values()) == 1

    live(folder, act)


def test_days_without_the_daemon_are_caught_up_once(folder: Path) -> None:
    """After five days of downtime everything published meanwhile is held, each asked for once."""

    async def act(world: World) -> None:
        async with world.daemon():
            await world.sleep(2 * HOUR)
        missed = []
        for _ in range(5):
            await world.sleep(DAY)
            missed += [world.publish(section).story_id for section in ("realtime/sea", "news/sea")]
        before = len(world.server.log)
        async with world.daemon():
            await world.sleep(50 * MINUTE)
        assert set(missed) <= set(world.read())
        pages = Counter(r.target for r in world.asked("/story", before) if r.status == 200)
        assert max(pages.values()) == 1

    live(folder, act)


def test_the_night_reconciles_the_day_and_copies_the_database(folder: Path) -> None:
    """Each Singapore day once; copies are kept as many as asked for."""

    async def act(world: World) -> None:
        async with world.daemon():
            await _days(world, 5)
        with world.reader() as reader:
            noted = reader.note("reconciled")
        today = (world.clock.now() + timedelta(hours=8)).date()
        assert noted == today.isoformat()
        copies = sorted((world.settings.state / "snapshots").iterdir())
        assert len(copies) == 3

    live(folder, act, snapshots="3")


def test_one_story_that_always_fails_blocks_no_other(folder: Path) -> None:
    """It rests with growing pauses, while the others are held."""

    async def act(world: World) -> None:
        async with world.daemon():
            await world.sleep(HOUR)
            bad = world.publish()
            world.site.fail(f"/{bad.path}", 500, times=1000)
            good = []
            for _ in range(10):
                good.append(world.publish().story_id)
                await world.sleep(70 * MINUTE)
            assert set(good) <= set(world.read())
            assert len(world.asked(bad.path)) <= 16

    live(folder, act)


def test_a_failing_disk_is_waited_for(folder: Path) -> None:
    """A write that fails stops the fetching, not the daemon; then all is caught up."""

    async def act(world: World) -> None:
        async with world.daemon():
            await world.sleep(HOUR)
            in_the_way = world.settings.seeds / "2026" / "10"
            in_the_way.write_text("no folder", "utf-8")
            story = world.publish()
            await world.sleep(2 * HOUR)
            assert story.story_id not in world.read()
            in_the_way.unlink()
            await world.sleep(5 * MINUTE)
            assert story.story_id in world.read()
        assert verify(world.settings.seeds, world.settings.state).differences == ()

    live(folder, act)


def test_news_overtakes_what_is_caught_up_on(folder: Path) -> None:
    """While hundreds of stories wait, the list is asked in its rhythm and news goes first."""

    async def act(world: World) -> None:
        async with world.daemon():
            await world.sleep(2 * MINUTE)
            story = world.publish()
            await world.sleep(62 * MINUTE)
            held = world.read()
            assert story.story_id in held
            assert 300 < len(held) < 500

    live(folder, act, held=600, since=date(2026, 9, 30), rate="0.1")


def test_a_copy_that_cannot_be_made_stops_nothing(folder: Path) -> None:
    """A snapshot folder that is none is told; lists and stories go on, opened once."""

    async def act(world: World) -> None:
        world.settings.state.mkdir()
        (world.settings.state / "snapshots").write_text("no folder", "utf-8")
        async with world.daemon():
            await world.sleep(HOUR)
            story = world.publish()
            await world.sleep(5 * HOUR)
            assert story.story_id in world.read()
            assert len(world.asked("/robots.txt")) == 1

    live(folder, act)


def test_a_catalogue_that_vanishes_is_not_made_anew(folder: Path) -> None:
    """A volume that goes is waited for; nothing is begun on the disk below it."""

    async def act(world: World) -> None:
        async with world.daemon():
            await world.sleep(HOUR)
            away = folder / "away"
            world.settings.state.rename(away)
            story = world.publish()
            await world.sleep(3 * HOUR)
            assert not (world.settings.state / "harvester.db").exists()
            away.rename(world.settings.state)
            await world.sleep(70 * MINUTE)
            assert story.story_id in world.read()

    live(folder, act)
