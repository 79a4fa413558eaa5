"""`harvester rebuild`: a catalogue from nothing but the posts."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from harvester import runs
from harvester.replica import Site
from harvester.replica.server import ReplicaServer
from harvester.store import CATALOGUE, open_archive
from tests.e2e.processes import harvester, one_object, refused, started
from tests.e2e.support import Place, Watcher
from tests.handoff.follower_archive import quick_folder, real_draft
from tests.support.figures import Figures, cases

# What a catalogue knows of its own life, not of the posts.
RUN_DATA = {"seq", "seal", "first_seen", "updated_at", "stored_at", "at"}


@pytest.fixture
def place() -> Iterator[Path]:
    """Yield a folder in which the start of a process does not wait for a disk."""
    with quick_folder() as folder:
        yield folder


def write_posts(root: Path, count: int) -> None:
    """Put so many posts into the tree, as another program would."""
    for number in range(count):
        draft = real_draft(number)
        path = root / "seeds" / (draft.name if number % 7 else draft.reserve)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(draft.data)


def tables(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return what the catalogue holds of stories, but for its run data, in an order of its own."""
    found = {}
    with closing(sqlite3.connect(root / "state" / CATALOGUE)) as connection:
        for table in ("stories", "revisions", "changes", "aliases", "sightings", "visits"):
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            wanted = ", ".join(name for name in names if name not in RUN_DATA)
            found[table] = sorted(connection.execute(f"SELECT {wanted} FROM {table}"))  # noqa: S608
    return found


def numbers(root: Path) -> list[int]:
    """Return the numbers of the change log."""
    with open_archive(root / "seeds", root / "state") as reader:
        return [change.seq for change in reader.changes()]


def files(root: Path) -> dict[str, tuple[int, int]]:
    """Return inode and time of every post."""
    tree = root / "seeds"
    found = {path.relative_to(tree).as_posix(): path.stat() for path in tree.rglob("*.md")}
    return {path: (each.st_ino, each.st_mtime_ns) for path, each in found.items()}


@pytest.mark.gate("M8", "catalogue rebuilt from the posts")
@pytest.mark.timeout(1200)
def test_the_same_catalogue_again(place: Path, figures: Figures) -> None:
    """A wiped catalogue comes back from the files: the same rows, other numbers, no file moved."""
    count = cases(300, 5000)
    write_posts(place, count)
    assert harvester("import", "seeds", cwd=place).returncode == 0
    before, told, untouched = tables(place), numbers(place), files(place)
    catalogue = place / "state" / CATALOGUE
    catalogue.write_bytes(bytes(catalogue.stat().st_size))
    refused(harvester("status", cwd=place), 65, "harvester rebuild")

    ended = harvester("rebuild", "--json", cwd=place)

    assert (ended.returncode, one_object(ended.stdout)["new"]) == (0, count), ended.stderr
    after = tables(place)
    differing = sum(before[table] != after[table] for table in before)
    figures.none("tables that differ", differing, of=len(before))
    figures.all("stories again", len(after["stories"]), of=count)
    assert untouched == files(place)
    assert min(numbers(place)) > max(told), "who remembers a number must not miss anything"
    assert harvester("verify", cwd=place).returncode == 0
    (kept,) = (place / "state" / "aside").glob("catalogue-*")
    assert set((kept / CATALOGUE).read_bytes()) == {0}


@pytest.mark.gate("M8", "catalogue rebuilt from the posts")
async def test_what_posts_know_of_a_crawl(place: Path, figures: Figures) -> None:
    """After a crawl with edits and removals every story has its text, address, name and access.

    Its earlier texts, what is gone, rejected or another's twin are known to the catalogue alone.
    """
    async with ReplicaServer(Site.arranged()) as server:
        crawl = Place(place, server.origin)
        await crawl.backfill()
        edited = sorted(crawl.articles())[:5]
        for story_id in edited:
            server.site.edit(story_id, blocks=["改过的一段话，比原来的长一些。" * 5])
        await crawl.fetch(*(crawl.articles()[story_id].url for story_id in edited))
    before, texts = told(crawl), crawl.files()

    await runs.rebuild(crawl.settings(), Watcher(), crawl.clock, asyncio.Event(), discard=True)

    after = told(crawl)
    crawl.check()
    figures.none("stories that differ", sum(before[i] != after.get(i) for i in before), len(before))
    assert before.keys() == after.keys()
    assert texts == crawl.files()
    assert len(edited) == 5


def told(place: Place) -> dict[str, tuple[object, ...]]:
    """Return what both a crawl and a post know of each story."""
    return {
        row.story_id: (row.url, row.title, row.published, row.access, row.content_hash, row.path)
        for row in place.articles().values()
    }


def test_a_sound_catalogue_is_not_thrown_away(place: Path) -> None:
    """Without damage it is refused, with the way that loses nothing; `--discard` does it anyway."""
    write_posts(place, 3)
    assert harvester("import", "seeds", cwd=place).returncode == 0
    before = (place / "state" / CATALOGUE).read_bytes()

    refused(harvester("rebuild", cwd=place), 2, "no damage", "verify --repair", "--discard")
    assert before == (place / "state" / CATALOGUE).read_bytes()

    assert harvester("rebuild", "--discard", cwd=place).returncode == 0
    assert len(tables(place)["stories"]) == 3


def test_a_changed_row_is_damage(place: Path) -> None:
    """Also what only the sums of the rows show: `verify` names it, `rebuild` needs no option."""
    write_posts(place, 3)
    assert harvester("import", "seeds", cwd=place).returncode == 0
    with closing(sqlite3.connect(place / "state" / CATALOGUE)) as connection, connection:
        connection.execute("UPDATE stories SET title = 'x' WHERE story_id = '1200001'")

    found = harvester("verify", "--repair", cwd=place)
    assert found.returncode == 1
    assert "harvester rebuild" in found.stdout
    assert harvester("rebuild", cwd=place).returncode == 0
    assert harvester("verify", cwd=place).returncode == 0


@pytest.mark.parametrize("script", ["CREATE TABLE theirs (x)", "PRAGMA user_version = 99"])
def test_what_is_not_ours_stays(place: Path, script: str) -> None:
    """The database of another program, or of a newer version, is not moved away."""
    write_posts(place, 1)
    path = place / "state" / CATALOGUE
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    before = path.read_bytes()

    refused(harvester("rebuild", cwd=place), 65, CATALOGUE)
    assert before == path.read_bytes()


def test_bad_posts_are_named(place: Path) -> None:
    """What cannot be read is counted and stays as it is; the rest is taken up."""
    write_posts(place, 3)
    bad = place / "seeds" / "2021" / "11" / "2021-11-01-bad.md"
    bad.write_text("no post")

    ended = harvester("rebuild", "--json", "--verbose", cwd=place)

    counts = one_object(ended.stdout)
    assert (ended.returncode, counts["new"], counts["failed"]) == (1, 3, 1)
    assert "2021-11-01-bad.md" in ended.stderr
    assert bad.read_text() == "no post"


@pytest.mark.parametrize("command", [("rebuild",), ("verify", "--repair")])
def test_killed_on_the_way(place: Path, command: tuple[str, ...]) -> None:
    """Killed, then stopped in the middle, it goes on, as does any other command that writes."""
    count = 1000
    write_posts(place, count)
    for name in (signal.SIGKILL, signal.SIGINT):
        with started("rebuild", "--verbose", cwd=place) as process:
            assert process.stderr
            for line in process.stderr:
                if line.startswith("new"):
                    break
            process.send_signal(name)
            process.communicate()
        held = len(tables(place)["stories"])
        assert 0 < held < count, "it must have been cut in the middle"

    assert harvester(*command, cwd=place).returncode == 0
    assert len(tables(place)["stories"]) == count
    verified = harvester("verify", "--json", cwd=place)
    assert json.loads(verified.stdout)["differences"] == []
    assert len(files(place)) == count
