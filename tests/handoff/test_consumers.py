"""What consumers have had: kept by name, and never taken for a place in another log."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import Busy, DatabaseUnusable, DiskError
from harvester.handoff.consumers import (
    CONSUMERS,
    ConsumerLost,
    Position,
    begin_after,
    entry_at,
    entry_before,
    open_consumers,
)
from harvester.model import Access
from harvester.store import Change
from tests.handoff.follower_archive import quick_folder

AT = datetime(2026, 10, 1, 4, 5, 6, tzinfo=UTC)


def entry(seq: int, story_id: str = "1209230", at: datetime = AT) -> Change:
    """Return an entry of a change log."""
    url = f"https://www.zaobao.com.sg/realtime/china/story20211101-{story_id}"
    path = f"2021/11/2021-11-01-{story_id}.md"
    return Change(seq, "new", story_id, 1, path, "ab", "v1:cd", url, "题目", AT, Access.FULL, at)


class Entries:
    """A change log."""

    def __init__(self, *entries: Change) -> None:
        self._entries = entries

    def changes(self, since: int = 0) -> Iterator[Change]:
        """Return the entries after `since`, oldest first."""
        return (each for each in self._entries if each.seq > since)


LOG = Entries(entry(1), entry(2, "1209231"), entry(3, "1209232"))


def test_a_position_is_kept_by_name(tmp_path: Path) -> None:
    """Each consumer has its own position, also in the next process; one can begin anew."""
    with open_consumers(tmp_path) as consumers:
        assert consumers.position("site") is None
        consumers.remember("site", entry(1))
        consumers.remember("hook:site", entry(9, "1209231"))
        consumers.remember("site", entry(2))
    with open_consumers(tmp_path) as consumers:
        assert consumers.position("site") == Position(2, "1209230", AT)
        assert consumers.position("hook:site") == Position(9, "1209231", AT)
        consumers.forget("site")
        consumers.forget("nobody")
        assert consumers.position("site") is None
        assert consumers.position("hook:site") == Position(9, "1209231", AT)


def test_a_consumer_goes_on_after_what_it_has_had() -> None:
    """A new one begins at the start, another after its last entry, also where that is the end."""
    assert begin_after(LOG, "site", None) == 0
    assert begin_after(LOG, "site", Position(2, "1209231", AT)) == 2
    assert begin_after(LOG, "site", Position(3, "1209232", AT)) == 3


@pytest.mark.parametrize(
    "position",
    [
        Position(4, "1209232", AT),
        Position(2, "1209232", AT),
        Position(2, "1209231", AT + timedelta(seconds=1)),
    ],
    ids=["shorter", "other-story", "other-time"],
)
def test_another_log_is_told(position: Position) -> None:
    """A number alone is not trusted: the message names the consumer, the entry and the way out."""
    with pytest.raises(ConsumerLost, match=f"'site'.* {position.seq} .*--since 0"):
        begin_after(LOG, "consumer 'site'", position)


def test_an_entry_by_its_number() -> None:
    """An entry is found by its own number only."""
    assert entry_at(LOG, 2) == entry(2, "1209231")
    assert [entry_at(LOG, number) for number in (0, 4)] == [None, None]


def test_whoever_goes_on_after_a_number_needs_its_entry() -> None:
    """The beginning has none; a number that the log does not have is told, with the way out."""
    assert [entry_before(LOG, number) for number in (0, 1)] == [None, entry(1)]
    with pytest.raises(ConsumerLost, match=r"no entry 4: .*begin again with --since 0"):
        entry_before(LOG, 4)


@given(entries=st.integers(0, 30), chance=st.randoms())
def test_portions_give_each_entry_once(entries: int, chance: random.Random) -> None:
    """However a consumer portions its reading, it gets each entry once, in order."""
    whole = [entry(number + 1, str(number)) for number in range(entries)]
    had: list[Change] = []
    with quick_folder() as folder, open_consumers(folder) as consumers:
        while len(had) < entries:
            log = Entries(*whole[: chance.randint(len(had), entries)])
            after = begin_after(log, "site", consumers.position("site"))
            for change in islice(log.changes(after), chance.randrange(8)):
                had.append(change)
                consumers.remember("site", change)

    assert had == whole


def test_entries_written_by_another_zone_are_the_same(tmp_path: Path) -> None:
    """Instants are compared as instants."""
    with open_consumers(tmp_path) as consumers:
        consumers.remember("site", replace(entry(1), at=AT.astimezone()))
        assert begin_after(LOG, "site", consumers.position("site")) == 1


def test_a_lock_is_told_as_busy(tmp_path: Path) -> None:
    """Another process that keeps the file locked is no damage: whoever asks may try again."""
    with (
        open_consumers(tmp_path, patience=0) as consumers,
        closing(sqlite3.connect(tmp_path / CONSUMERS, isolation_level=None)) as other,
    ):
        other.execute("BEGIN EXCLUSIVE")
        attempts: list[Callable[[], object]] = [
            lambda: consumers.position("site"),
            lambda: consumers.remember("site", entry(1)),
            lambda: consumers.forget("site"),
        ]
        for attempt in attempts:
            with pytest.raises(Busy, match=CONSUMERS):
                attempt()
        other.execute("ROLLBACK")
        assert consumers.position("site") is None


def test_what_cannot_be_opened_is_a_disk_error(tmp_path: Path) -> None:
    """The state folder is not made here: where there is none there is no archive."""
    with pytest.raises(DiskError, match=CONSUMERS), open_consumers(tmp_path / "none"):
        pass


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    """What is no database is left alone; the message tells the way out."""
    (tmp_path / CONSUMERS).write_bytes(b"no database " * 100)

    with pytest.raises(DatabaseUnusable, match="remove it"), open_consumers(tmp_path):
        pass


def test_a_damaged_row_is_told(tmp_path: Path) -> None:
    """A time that is none is damage, not a bug."""
    with open_consumers(tmp_path) as consumers:
        consumers.remember("site", entry(1))
        with closing(sqlite3.connect(tmp_path / CONSUMERS)) as other, other:
            other.execute("UPDATE consumers SET at = 'yesterday'")

        with pytest.raises(DatabaseUnusable, match="yesterday"):
            consumers.position("site")
