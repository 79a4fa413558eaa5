"""What the daemon looks at again and again: watches, polls, their rhythm, notes."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from harvester.model import Poll, Validators, Watch
from harvester.store import Archive, open_archive
from tests.store.support import NOON, StillClock, make_ref, open_store

NAME = "realtime/china"
LATER = NOON + timedelta(minutes=5)


async def poll(archive: Archive, at: datetime, *story_ids: str, problem: str = "") -> Poll:
    """Make a whole poll that names these stories."""
    assert await archive.begin_poll(Watch(NAME), at, at)
    refs = [make_ref(story_id) for story_id in story_ids]
    return await archive.end_poll(Poll(NAME, at, at, len(refs), problem=problem), Watch(NAME), refs)


async def test_a_watch_comes_back_as_it_was_given(tmp_path: Path) -> None:
    """The watch of the last poll counts, with every field; others are not touched."""
    watch = Watch(
        NAME,
        "https://www.zaobao.com.sg/realtime/china",
        Validators('"e"', "Mon, 01 Nov 2021 12:00:00 GMT"),
        NOON,
        LATER,
        300.5,
        2,
        NOON - timedelta(minutes=1),
        "answered 503",
    )
    async with open_store(tmp_path) as archive:
        assert await archive.watches() == []
        await archive.begin_poll(Watch("sitemap"), NOON, NOON)
        await archive.begin_poll(Watch(NAME), NOON, NOON)
        await archive.end_poll(Poll(NAME, NOON, NOON), watch, [])
        assert [watch, Watch("sitemap")] == await archive.watches()

    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        assert (watch, Watch("sitemap")) == reader.watches()


async def test_a_slot_is_claimed_once(tmp_path: Path) -> None:
    """A slot is used once, also after a restart; a second claim writes nothing at all."""
    first, second = Watch(NAME, next_check_at=LATER), Watch(NAME, problem="second")
    async with open_store(tmp_path) as archive:
        assert await archive.begin_poll(first, NOON, NOON)
    async with open_store(tmp_path) as archive:
        assert not await archive.begin_poll(second, NOON, LATER)
        assert [first] == await archive.watches()
        assert await archive.begin_poll(Watch("other"), NOON, NOON)
        assert await archive.begin_poll(first, LATER, LATER)


async def test_a_poll_that_was_cut_off(tmp_path: Path) -> None:
    """A poll that a kill cut off stands there as not finished, and tells nothing of the rhythm."""
    async with open_store(tmp_path) as archive:
        before = NOON - timedelta(hours=1)
        await archive.begin_poll(Watch(NAME), before, before)
        await poll(archive, before + timedelta(minutes=1))
        await poll(archive, NOON, "1", "2")
        hours = await archive.hours(NAME, NOON - timedelta(days=2), NOON)

    assert hours[20] == 2.0
    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        cut, _, whole = reader.polls(NOON - timedelta(days=2))
    assert (cut.problem, cut.cards, whole.problem, whole.fresh) == ("not finished", 0, "", 2)


async def test_fresh_counts_stories(tmp_path: Path) -> None:
    """Fresh are the stories never heard of, once each; their addresses are recorded with them."""
    twice = [make_ref("1"), make_ref("1", "news/china"), make_ref("2")]
    async with open_store(tmp_path) as archive:
        await archive.record([make_ref("2", "news/china")])
        assert frozenset({"1"}) == await archive.unseen(twice)
        ended = await archive.end_poll(Poll(NAME, NOON, NOON, cards=3), Watch(NAME), twice)
        assert Poll(NAME, NOON, NOON, cards=3, fresh=1) == ended
        assert await archive.unseen(twice) == frozenset()
        assert await archive.unseen([]) == frozenset()
        again = await archive.end_poll(Poll(NAME, LATER, LATER, cards=3), Watch(NAME), twice)
        assert again.fresh == 0
        assert await archive.last_fresh(NAME) == NOON
        assert None is await archive.last_fresh("other")

    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        assert (ended, again) == reader.polls(NOON)
        assert (again,) == reader.polls(LATER)


async def test_hours(tmp_path: Path) -> None:
    """Hours are those of Singapore, each mean over the days on which that hour was covered."""
    midnight = datetime.fromisoformat("2021-11-01T16:00:00Z")
    async with open_store(tmp_path) as archive:
        assert all(map(math.isnan, await archive.hours(NAME, NOON, NOON)))
        for days in range(3):
            day = midnight + timedelta(days=days)
            await poll(archive, day - timedelta(minutes=61), f"8{days}", f"9{days}")
            await poll(archive, day - timedelta(seconds=1), f"1{days}")
            await poll(archive, day, f"2{days}")
            await poll(archive, day + timedelta(minutes=59), *(f"{n}{days}" for n in (3, 4)[days:]))
        await poll(archive, midnight + timedelta(hours=1), problem="answered 503")
        since, now = midnight - timedelta(days=1), midnight + timedelta(days=1, hours=1)
        hours = await archive.hours(NAME, since, now)
        assert all(map(math.isnan, await archive.hours("other", since, now)))

    assert (hours[0], hours[23]) == (2.5, 1.0)
    assert all(map(math.isnan, hours[1:22]))


async def test_what_gathered_meanwhile_is_no_rhythm(tmp_path: Path) -> None:
    """The first look at a list, and one after hours without, tell nothing of its hours."""
    async with open_store(tmp_path) as archive:
        await poll(archive, NOON, *map(str, range(50)))
        await poll(archive, NOON + timedelta(minutes=30), "51")
        await poll(archive, NOON + timedelta(minutes=151), *map(str, range(60, 99)))
        hours = await archive.hours(NAME, NOON, NOON + timedelta(days=1))

    assert [hour for hour in hours if not math.isnan(hour)] == [1.0]


async def test_old_polls_are_forgotten(tmp_path: Path) -> None:
    """Polls older than 60 days go when a later one of their watch ends."""
    async with open_store(tmp_path) as archive:
        for days in (0, 1, 61):
            await poll(archive, NOON + timedelta(days=days), str(days))

    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        assert [(each.at - NOON).days for each in reader.polls(NOON)] == [1, 61]


async def test_a_naive_instant_writes_nothing(tmp_path: Path) -> None:
    """A poll and its watch are written together or not at all."""
    naive = Watch(NAME, next_check_at=NOON.replace(tzinfo=None))
    async with open_store(tmp_path) as archive:
        with pytest.raises(ValueError, match="no time zone"):
            await archive.begin_poll(naive, NOON, NOON)
        with pytest.raises(ValueError, match="no time zone"):
            await archive.end_poll(Poll(NAME, NOON, NOON), naive, [make_ref("1")])
        assert frozenset({"1"}) == await archive.unseen([make_ref("1")])
        assert await archive.begin_poll(Watch(NAME), NOON, NOON)


async def test_notes(tmp_path: Path) -> None:
    """A note is the text written last under its name."""
    async with open_store(tmp_path, StillClock()) as archive:
        assert None is await archive.read_note("heartbeat")
        for text in ("one", "二"):
            await archive.write_note("heartbeat", text)
        await archive.write_note("other", "")
        assert await archive.read_note("heartbeat") == "二"

    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        assert (reader.note("heartbeat"), reader.note("other"), reader.note("x")) == (
            "二",
            "",
            None,
        )
