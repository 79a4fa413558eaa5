"""The change log for those who keep up: its form, waiting for more, and logs that are replaced."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import Busy, DatabaseUnusable
from harvester.handoff.changes import as_json, follow, open_log
from harvester.handoff.consumers import ConsumerLost
from harvester.model import Access
from harvester.store import CATALOGUE, Change, open_archive, stamp
from tests.handoff.follower_archive import (
    add_entries,
    missing,
    open_writer,
    quick_folder,
    real_draft,
)

AT = datetime(2026, 10, 1, 4, 5, 6, tzinfo=UTC)
CHANGE = Change(
    seq=7,
    op="new",
    story_id="1209230",
    revision=2,
    path="2021/11/2021-11-01-王毅.md",
    sha256="ab",
    content_hash="v1:cd",
    url="https://www.zaobao.com.sg/realtime/china/story20211101-1209230",
    title="王毅会见布林肯",
    published=AT,
    access=Access.PREVIEW,
    at=AT,
)


@pytest.fixture
async def place(tmp_path: Path) -> Path:
    """Return a place with three entries in its change log."""
    async with open_writer(tmp_path) as archive:
        for number in range(3):
            await archive.put(real_draft(number))
    return tmp_path


def steps(*work: Callable[[], object]) -> Callable[[], bool]:
    """Return a way to wait that does one thing at each wait, and then says to end."""
    waiting = iter(work)

    def wait() -> bool:
        step = next(waiting, None)
        if step:
            step()
        return step is not None

    return wait


def numbers(changes: Iterator[Change]) -> list[int]:
    """Return the numbers of entries."""
    return [change.seq for change in changes]


def test_an_entry_has_the_public_form() -> None:
    """The keys are those that were promised, in that order; instants are UTC to the second."""
    assert list(as_json(CHANGE).items()) == [
        ("seq", 7),
        ("op", "new"),
        ("story_id", "1209230"),
        ("path", "2021/11/2021-11-01-王毅.md"),
        ("sha256", "ab"),
        ("content_hash", "v1:cd"),
        ("url", "https://www.zaobao.com.sg/realtime/china/story20211101-1209230"),
        ("title", "王毅会见布林肯"),
        ("published", "2026-10-01T04:05:06Z"),
        ("access", "preview"),
        ("revision", 2),
        ("at", "2026-10-01T04:05:06Z"),
    ]
    assert json.loads(json.dumps(as_json(CHANGE))) == as_json(CHANGE)


def test_instants_have_one_form() -> None:
    """They are UTC to the second, whatever their zone."""
    singapore = timezone(timedelta(hours=8))

    assert stamp(datetime(2026, 10, 1, 7, 5, 6, 999_999, singapore)) == "2026-09-30T23:05:06Z"


async def test_what_comes_is_followed(tmp_path: Path) -> None:
    """New, revised and gone are told in order, each when its file lies there, while one writes."""
    loop = asyncio.get_running_loop()
    async with open_writer(tmp_path) as archive:
        await archive.put(real_draft(1))

        def done(work: Callable[[], Coroutine[Any, Any, object]]) -> Callable[[], object]:
            return lambda: asyncio.run_coroutine_threadsafe(work(), loop).result()

        wait = steps(
            done(lambda: archive.put(real_draft(2))),
            lambda: None,
            done(lambda: archive.put(real_draft(1, 2))),
            done(lambda: archive.bury(missing(2))),
            done(lambda: archive.put(real_draft(1, 2))),
        )

        def read() -> Iterator[tuple[int, str, str, bool]]:
            with open_log(tmp_path / "seeds", tmp_path / "state") as log:
                for change in follow(log, 0, wait):
                    data = (tmp_path / "seeds" / change.path).read_bytes()
                    whole = hashlib.sha256(data).hexdigest() == change.sha256
                    yield change.seq, change.op, change.story_id, whole

        told = await asyncio.to_thread(lambda: list(read()))

    assert told == [
        (1, "new", "1200001", True),
        (2, "new", "1200002", True),
        (3, "revised", "1200001", True),
        (4, "gone", "1200002", True),
    ]


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_both_journal_modes(place: Path, mode: str) -> None:
    """Whichever journal the writer's SQLite has, its commits are seen, and only they are."""
    with (
        closing(sqlite3.connect(place / "state" / CATALOGUE, isolation_level=None)) as writer,
        open_log(place / "seeds", place / "state") as log,
    ):
        insert = "INSERT INTO changes SELECT max(seq) + 1, op, story_id, revision, path, sha256, "
        insert += "content_hash, url, title, published, access, at, seal FROM changes"

        def do(*statements: str) -> Callable[[], object]:
            return lambda: [writer.execute(statement) for statement in statements]

        seen = [
            change.seq
            for change in follow(
                log,
                2,
                steps(
                    do(f"PRAGMA journal_mode = {mode}", insert),
                    do("BEGIN IMMEDIATE", insert, insert),
                    do("ROLLBACK"),
                    do("BEGIN IMMEDIATE", insert, insert, "COMMIT"),
                ),
            )
        ]
        (now,) = writer.execute("PRAGMA journal_mode").fetchone()

    assert (seen, now) == ([3, 4, 5, 6], mode)


@given(
    commits=st.lists(st.integers(0, 3) | st.integers(900, 2100), max_size=6),
    begin=st.integers(0, 3),
)
def test_every_entry_once(catalogue: bytes, commits: list[int], begin: int) -> None:
    """However the entries come, whoever follows gets each after the first number once, in order."""
    with quick_folder() as root:
        state = root / "state"
        state.mkdir()
        (state / CATALOGUE).write_bytes(catalogue)
        work = [lambda count=count: add_entries(state, count) for count in commits]
        with open_log(root / "seeds", state) as log:
            assert numbers(follow(log, begin, steps(*work))) == list(
                range(begin + 1, 4 + sum(commits))
            )


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a catalogue with three entries."""
    root = tmp_path_factory.mktemp("catalogue")

    async def make() -> None:
        async with open_writer(root) as archive:
            for number in range(3):
                await archive.put(real_draft(number))

    asyncio.run(make())
    return (root / "state" / CATALOGUE).read_bytes()


class LockedNowAndThen:
    """A log that a writer keeps locked at every second reading, and in the middle of one."""

    def __init__(self, entries: int) -> None:
        self._entries = [replace(CHANGE, seq=number + 1) for number in range(entries)]
        self._readings = 0

    def changes(self, since: int = 0) -> Iterator[Change]:
        """Return the entries after `since`, as far as it goes."""
        self._readings += 1
        if self._readings % 2:
            raise Busy("locked")
        yield from islice(self._entries, max(since, 0), max(since, 0) + 4)
        raise Busy("locked")


def test_a_locked_catalogue_is_waited_for() -> None:
    """Busy is a reason to wait, not to end, and costs no entry."""
    waits = steps(*[lambda: None] * 12)

    assert numbers(follow(LockedNowAndThen(10), 0, waits)) == list(range(1, 11))


def test_a_number_past_the_end_is_refused(place: Path) -> None:
    """To wait for entries after one that there is not would leave out those before it."""
    with (
        open_log(place / "seeds", place / "state") as log,
        pytest.raises(ConsumerLost, match="no entry 4"),
    ):
        next(follow(log, 4, steps()))


def put_in_place(root: Path, other: bytes) -> None:
    """Put another catalogue in the place of the one in use."""
    copy = root / "state" / "copy.db"
    copy.write_bytes(other)
    copy.replace(root / "state" / CATALOGUE)


def test_a_restored_copy_is_followed_where_it_goes_on(place: Path) -> None:
    """A catalogue replaced by a copy that has the last entry is followed on, in the copy."""
    with open_log(place / "seeds", place / "state") as log:
        data = (place / "state" / CATALOGUE).read_bytes()
        wait = steps(
            lambda: put_in_place(place, data),
            lambda: add_entries(place / "state", 2),
        )

        assert numbers(follow(log, 0, wait)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("grown", [0, 1, 5], ids=["shorter", "as-long", "longer"])
def test_an_older_copy_ends_the_following(place: Path, grown: int) -> None:
    """A catalogue replaced by an older one is told of, also when it has grown past the number."""
    data = (place / "state" / CATALOGUE).read_bytes()
    add_entries(place / "state", 1)

    def restore() -> None:
        put_in_place(place, data)
        if grown:
            add_entries(place / "state", grown, of=2)

    with (
        open_log(place / "seeds", place / "state") as log,
        pytest.raises(ConsumerLost, match="begin again with --since 0"),
    ):
        list(follow(log, 0, steps(restore, restore)))


async def test_a_catalogue_overwritten_in_place_ends_the_following(
    place: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`cp` keeps the file and replaces what is in it; the entry that was read tells."""
    other = tmp_path_factory.mktemp("other")
    async with open_writer(other) as archive:
        for number in range(9, 19):
            await archive.put(real_draft(number))

    def overwrite() -> None:
        shutil.copyfile(other / "state" / CATALOGUE, place / "state" / CATALOGUE)

    with open_log(place / "seeds", place / "state") as log:
        following = follow(log, 0, steps(overwrite, overwrite))
        with pytest.raises((ConsumerLost, DatabaseUnusable)):
            list(following)


def test_a_catalogue_taken_away_ends_the_following(place: Path) -> None:
    """Without a catalogue in its place the open file would never change again."""
    with (
        open_log(place / "seeds", place / "state") as log,
        pytest.raises(DatabaseUnusable, match="there is no catalogue"),
    ):
        list(follow(log, 0, steps((place / "state" / CATALOGUE).unlink)))


def test_a_reader_is_a_log_too(place: Path) -> None:
    """Who has an archive open for other reasons can follow it as well."""
    with open_archive(place / "seeds", place / "state") as archive:
        assert numbers(follow(archive, 1, steps())) == [2, 3]
