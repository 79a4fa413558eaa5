"""`harvester rebuild` from the raw archive: what was held is held again, and nothing else."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harvester.model import Capture, Exchange
from harvester.replica import Site
from harvester.replica.server import ReplicaServer
from harvester.store import CATALOGUE
from harvester.warc import found_in, pack
from tests.e2e.processes import Finished, environment, sane
from tests.rereading.harvests import ROOT, Harvest, Table, addresses, differing
from tests.rereading.lived import UNSEEN, Parts, live
from tests.rereading.readers import REFUSING, reader

# When this machine stored what no page tells of.
_TIMES = ("first_seen", "updated_at", "stored_at", "at")


@pytest.fixture(scope="module")
def visited(folder: Path) -> Harvest:
    """Return an archive of both hosts of the arranged replica, each address visited once."""

    async def visiting() -> Harvest:
        async with ReplicaServer(Site.arranged()) as server:
            harvest = Harvest(folder / "visited", server.origin)
            harvest.root.mkdir()
            await harvest.visit(addresses(server.site))
            return harvest

    return asyncio.run(visiting())


@pytest.fixture(scope="module")
def lived(folder: Path) -> tuple[Harvest, Parts]:
    """Return an archive that has lived, and what happened to whom."""
    (folder / "lived").mkdir()
    return live(folder / "lived")


def lose_catalogue(harvest: Harvest) -> None:
    """Delete the catalogue."""
    (harvest.state / CATALOGUE).unlink()


def lose_posts(harvest: Harvest, ids: list[str] | None = None) -> None:
    """Delete the posts of these stories, or the whole tree."""
    if ids is None:
        shutil.rmtree(harvest.seeds)
        return
    for story_id, path in harvest.select("SELECT story_id, path FROM stories"):
        if story_id in ids:
            (harvest.seeds / path).unlink()


def edit_by_hand(harvest: Harvest, ids: list[str] | tuple[str, ...]) -> None:
    """Write into the posts of these stories, as their owner may."""
    for story_id, path in harvest.select("SELECT story_id, path FROM stories"):
        if story_id in ids:
            post = harvest.seeds / path
            post.write_text(post.read_text("utf-8").replace("<p>", "<p>手写的一句。", 1), "utf-8")


def rebuilt(harvest: Harvest) -> Finished:
    """Run `rebuild` to its end."""
    return asyncio.run(harvest.run("rebuild", "--json"))


def agree(harvest: Harvest) -> None:
    """Hold disk and catalogue to each other."""
    verified = asyncio.run(harvest.run("verify", "--json"))
    assert (verified.returncode, json.loads(verified.stdout)["differences"]) == (0, [])


def besides(table: Table, ids: set[str]) -> Table:
    """Return the rows of all other stories."""
    return [row for row in table if not ids & {each for each in row if isinstance(each, str)}]


def texts(harvest: Harvest) -> set[tuple[Any, ...]]:
    """Return every text that any story has had: when it was last shown too, but for the newest."""
    return set(harvest.select("SELECT story_id, content_hash, sha256 FROM revisions"))


# --- all posts lost ---


def test_from_the_pages_alone(visited: Harvest, place: Path) -> None:
    """Posts and catalogue lost: the same posts and manifest, the same rows, but for numbers."""
    harvest = visited.copied(place)
    posts, manifest, tables = harvest.posts(), harvest.manifest(), harvest.tables()
    lose_posts(harvest)
    lose_catalogue(harvest)

    ended = rebuilt(harvest)

    counts = json.loads(ended.stdout)
    assert (counts["new"], counts["duplicate"]) == (len(tables["stories"]), len(tables["aliases"]))
    assert (harvest.posts(), harvest.manifest()) == (posts, manifest)
    assert differing(tables, harvest.tables()) == {}
    agree(harvest)


def test_a_life_from_the_pages_alone(lived: tuple[Harvest, Parts], place: Path) -> None:
    """Edits, removals and returns too, in their order; only texts of which no page was kept go."""
    harvest, parts = lived[0].copied(place), lived[1]
    unkept = {*parts.unkept, UNSEEN.story_id}
    tables, posts = harvest.tables(), harvest.posts()
    gone = harvest.select("SELECT story_id, gone_at FROM stories WHERE gone_at IS NOT NULL")
    lose_posts(harvest)
    lose_catalogue(harvest)

    assert rebuilt(harvest).returncode == 0

    after = harvest.tables()
    for name in ("revisions", "changes", "aliases", "captures"):
        assert besides(after[name], unkept) == besides(tables[name], unkept), name
    assert besides(after["stories"], unkept) == besides(tables["stories"], unkept)
    assert sorted(gone) == sorted(
        harvest.select("SELECT story_id, gone_at FROM stories WHERE gone_at IS NOT NULL")
    )
    assert {story_id for story_id, _ in gone} == set(parts.gone)
    again = harvest.posts()
    lost = [path for path in posts if posts[path] != again.get(path)]
    assert len(lost) == len(unkept)
    agree(harvest)


def test_a_damaged_file(visited: Harvest, place: Path) -> None:
    """One byte of the raw archive costs one page at most, and the file is told of."""
    harvest = visited.copied(place)
    posts, (path,) = harvest.posts(), harvest.warcs
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    lose_posts(harvest)
    lose_catalogue(harvest)

    ended = rebuilt(harvest)

    assert ended.returncode == 1
    assert f"not read: {path.name}, at byte " in ended.stderr
    assert len(posts.items() - harvest.posts().items()) <= 1


@pytest.mark.parametrize(
    "forged",
    [
        lambda note: replace(note, path=".git/hooks/pre-commit"),
        lambda note: replace(note, path="../../evil.md"),
        lambda note: replace(note, url="https://evil.example/x"),
        lambda note: replace(note, story_id="9"),
    ],
    ids=["hidden", "outside", "elsewhere", "another"],
)
def test_a_foreign_note(
    visited: Harvest, place: Path, forged: Callable[[Capture], Capture]
) -> None:
    """A note that we would not have written ends no run, and nothing is written where it says."""
    harvest = visited.copied(place)
    posts, (path,) = harvest.posts(), harvest.warcs
    with path.open("rb") as file:
        first = next(each for each in found_in(file, path.name, lambda _: True) if each.note)
    assert first.note
    sent = Exchange(first.target, b"", first.head, first.body)
    records, _ = pack(forged(first.note), sent)
    path.with_name("harvester-200001-00001.warc.gz").write_bytes(records)
    lose_posts(harvest)
    lose_catalogue(harvest)

    ended = rebuilt(harvest)

    assert ended.returncode == int(json.loads(ended.stdout)["failed"] > 0), ended.stderr
    assert harvest.posts() == posts
    assert not [*harvest.root.rglob("pre-commit"), *harvest.root.parent.rglob("evil.md")]
    agree(harvest)


# --- posts left ---


def test_with_the_posts_left(visited: Harvest, place: Path) -> None:
    """The same rows, but for numbers, and no file is written."""
    harvest = visited.copied(place)
    tables, untouched, manifest = harvest.tables(), harvest.identities(), harvest.manifest()
    lose_catalogue(harvest)

    rebuilt(harvest)

    assert differing(tables, harvest.tables()) == {}
    assert harvest.identities() == untouched
    assert harvest.manifest() == manifest
    agree(harvest)


def test_a_life_with_some_posts_lost(lived: tuple[Harvest, Parts], place: Path) -> None:
    """Nothing is lost, no file is written over: the newest text stays, earlier ones are revisions.

    Posts that were lost come back, what hands or unkept looks wrote stays the text, what is gone is
    gone, and no text is there that was not.
    """
    harvest, parts = lived[0].copied(place), lived[1]
    before, tables = texts(harvest), harvest.tables()
    edit_by_hand(harvest, tuple(parts.by_hand))
    posts = harvest.posts()
    lose_posts(harvest, parts.lost)
    left = harvest.identities()
    lose_catalogue(harvest)

    assert rebuilt(harvest).returncode == 0

    after = harvest.tables()
    assert harvest.posts() == posts
    assert {path: at for path, at in harvest.identities().items() if path in left} == left
    # What a look at which nothing was kept showed is under a hand's work, and its page nowhere.
    under = {each for each in before if each[0] in parts.by_hand and each[0] in parts.unkept}
    current = set(harvest.select("SELECT story_id, content_hash, sha256 FROM stories"))
    assert before - texts(harvest) <= under
    assert {each[0] for each in texts(harvest) - before} == set(parts.by_hand)
    assert texts(harvest) - before <= current
    assert [after["aliases"], after["captures"]] == [tables["aliases"], tables["captures"]]
    assert {
        story_id
        for (story_id,) in harvest.select("SELECT story_id FROM stories WHERE gone_at IS NOT NULL")
    } == set(parts.gone)
    agree(harvest)


def test_a_second_rebuild_changes_nothing(lived: tuple[Harvest, Parts], place: Path) -> None:
    """Made anew of what was made anew: the same texts, files and captures."""
    harvest = lived[0].copied(place)
    lose_catalogue(harvest)
    assert rebuilt(harvest).returncode == 0
    before, untouched = harvest.tables(_TIMES), harvest.identities()

    again = asyncio.run(harvest.run("rebuild", "--discard"))

    assert again.returncode == 0, again.stderr
    assert differing(before, harvest.tables(_TIMES)) == {}
    assert harvest.identities() == untouched


# --- cut short ---


@pytest.mark.parametrize("posts_left", [False, True], ids=["posts lost", "posts left"])
def test_killed_again_and_again(
    lived: tuple[Harvest, Parts], place: Path, *, posts_left: bool
) -> None:
    """Killed at several points and called again it comes to the same end as without.

    A file that was caught between two texts is put right, and told of once more.
    """
    whole, harvest = lived[0].copied(place / "whole"), lived[0].copied(place / "cut")
    for each in (whole, harvest):
        lose_posts(each, lived[1].lost if posts_left else None)
        lose_catalogue(each)
    assert rebuilt(whole).returncode == 0

    for lines in (1, 30, 50):
        kill_after(harvest, lines)
    assert rebuilt(harvest).returncode == 0

    without = _TIMES if posts_left else ()
    assert harvest.posts() == whole.posts()
    found, expected = harvest.tables(without), whole.tables(without)
    told, due = Counter(found.pop("changes")), Counter(expected.pop("changes"))
    assert not due - told
    assert {op for op, *_ in told - due} <= {"revised"}
    assert differing(expected, found) == {}
    assert harvest.table("visits") == whole.table("visits")
    agree(harvest)


def kill_after(harvest: Harvest, lines: int) -> None:
    """Kill a rebuild when it has told of so many pages and posts."""
    command = harvest.command("rebuild", "--verbose")
    with subprocess.Popen(
        command,
        cwd=harvest.root,
        env=environment({"PYTHONPATH": str(ROOT)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        told = [line for _, line in zip(range(lines), process.stderr, strict=False)]
        process.send_signal(signal.SIGKILL)
        stdout, stderr = process.communicate()
    sane(stdout, stderr)
    assert len(told) == lines, "it must have been cut in the middle"
    assert process.returncode == -signal.SIGKILL


# --- pages that are not what they were ---


@pytest.mark.parametrize("damage", ["lost", "cut", "overwritten"])
def test_pages_are_lost_too(visited: Harvest, damage: str, place: Path) -> None:
    """Posts are taken up as they lie, also those whose page is lost or damaged."""
    harvest = visited.copied(place)
    before, untouched = texts(harvest), harvest.identities()
    (warc,) = harvest.warcs
    data = warc.read_bytes()
    half = {"lost": b"", "cut": data[:100_000], "overwritten": data[:100_000].ljust(len(data))}
    warc.write_bytes(half[damage])
    lose_catalogue(harvest)

    rebuilt(harvest)

    assert harvest.identities() == untouched
    assert texts(harvest) == before
    agree(harvest)


def test_by_a_reader_that_cannot_read_them(visited: Harvest, place: Path) -> None:
    """Posts of pages that today's reader cannot read are taken up as well, and stay."""
    harvest = visited.copied(place)
    before, untouched = texts(harvest), harvest.identities()
    package = reader(place / "package", REFUSING)
    lose_catalogue(harvest)

    ended = asyncio.run(harvest.run("rebuild", package=package))

    assert "broken on purpose" in ended.stderr
    assert harvest.identities() == untouched
    assert texts(harvest) == before
    agree(harvest)
