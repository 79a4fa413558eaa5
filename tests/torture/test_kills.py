"""The daemon, killed at random, against a site that publishes, edits and removes meanwhile."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest

from harvester.replica.server import ReplicaServer
from harvester.replica.story import Story
from harvester.store import CATALOGUE, MANIFEST, ArticleRow, open_archive
from tests.e2e.processes import harvester
from tests.e2e.support import Place, Written, read
from tests.support.figures import FULL, Figures, cases
from tests.torture.kills_world import Lives, Newsroom, newsroom

STORIES = cases(150, 5000)
KILLS = cases(8, 1000)
PAUSE = timedelta(minutes=5)
"""Between two kills, by the clock of daemon and site."""
AFTERWARDS = (0, 31, 31, 25 * 60, 31, 49 * 60, 31, 8 * 24 * 60, 31, 21 * 24 * 60, 31)
"""Minutes from one undisturbed start to the next: a story is looked at again after 1, 3, 10 and 30
days, and a changed text twice."""


@pytest.mark.gate("M1", "random kills of the daemon")
@pytest.mark.timeout(7200 if FULL else 120)
async def test_killed_at_random_it_holds_every_story_once(place: Path, figures: Figures) -> None:
    """SIGKILL at moments of chance, again and again: the archive is what the site showed.

    What was taken away after it had been stored stays, with a text that the site has shown.
    After the kills one daemon at a time goes on until no text is missing.
    """
    seed = random.SystemRandom().randrange(2**32)
    print("seed", seed)  # noqa: T201
    chance = random.Random(seed)  # noqa: S311
    room = newsroom(STORIES, KILLS, PAUSE, chance)
    async with ReplicaServer(room.site) as server:
        lives = Lives(place, server, room.clock, chance)
        for _ in range(KILLS):
            await lives.kill()
            room.clock.ahead += PAUSE.total_seconds()
            room.work()
        await finish(lives, room)

    figures.all("kills that happened", lives.ends[-signal.SIGKILL], KILLS)
    figures.none("other ends than 0 or by a kill", others(lives.ends), sum(lives.ends.values()))
    figures.none("errors in its log", len(lives.defects), sum(lives.ends.values()))
    held = {story_id for story_id in Place(place).articles() if story_id in room.shown}
    figures.all("stories held", len(held), STORIES)
    left = wrong(place, room)
    print(*visits(place, left), sep="\n")  # noqa: T201
    figures.none("stories with another text than the site's", len(left), STORIES)
    stored = once_stored(place) & room.removed.keys()
    if stored or FULL:
        figures.none(
            "removed stories lost, untrue or double", len(spoilt(place, room)), len(stored)
        )
    figures.none("files that are no story's", len(strays(place)), STORIES)
    figures.none("lines missing or wrong in the manifest", len(untrue(place)), STORIES)
    figures.none("gaps and repetitions in the change log", faults_of_log(place), STORIES)
    verified = harvester("verify", "--json", cwd=place)
    figures.none("exit code of verify", verified.returncode, 1)
    figures.at_most("times a page was fetched", fetches(server), 2 + KILLS / 100)


async def finish(lives: Lives, room: Newsroom) -> None:
    """Let daemons go on undisturbed until every text is there."""
    for minutes in AFTERWARDS:
        room.clock.ahead += minutes * 60.0
        room.publish()
        await lives.finish()
        while lives.is_anything_due():
            await lives.finish()
        if not wrong(lives.place, room):
            return


def others(ends: Counter[int | None]) -> int:
    """Return how often a daemon ended in another way than told."""
    return sum(number for code, number in ends.items() if code not in {0, -signal.SIGKILL})


def wrong(place: Path, room: Newsroom) -> set[str]:
    """Return the stories that are missing or have another text than the site shows."""
    held = Place(place).articles()
    shown = {shown.story.story_id: shown.story for shown in room.site.truth()}
    assert shown.keys() == room.shown.keys()
    return {
        story_id
        for story_id, story in shown.items()
        if story_id not in held or not _is_of(place / "seeds", held[story_id], story)
    }


def visits(place: Path, story_ids: set[str]) -> list[tuple[str, ...]]:
    """Return how the catalogue has the last looks at these stories."""
    with closing(sqlite3.connect(place / "state" / CATALOGUE)) as connection:
        rows = connection.execute(
            "SELECT story_id, state, reason, checked_at, next_check_at, failures FROM visits"
        )
        return [row for row in rows if row[0] in story_ids]


def once_stored(place: Path) -> set[str]:
    """Return the stories of which the change log says that they were stored."""
    with open_archive(place / "seeds", place / "state") as archive:
        return {change.story_id for change in archive.changes() if change.op == "new"}


def spoilt(place: Path, room: Newsroom) -> set[str]:
    """Return the removed stories that were stored and are not held once, as they were shown."""
    held = Place(place).articles()
    posts = map(read, Place(place).files().values())
    files = Counter(post.url.rpartition("-")[2] for post in posts)
    return {
        story_id
        for story_id in once_stored(place) & room.removed.keys()
        if files[story_id] != 1
        or story_id not in held
        or not any(_is_of(place / "seeds", held[story_id], story) for story in room.ever[story_id])
    }


def _is_of(seeds: Path, row: ArticleRow, story: Story) -> bool:
    post = _read(seeds / row.path, row.sha256)
    blocks = tuple(text.strip() for text in story.blocks)
    return (post.title, post.blocks, post.date) == (story.title, blocks, story.published)


@cache
def _read(path: Path, digest: str) -> Written:
    """Read a post; it is looked at again only when it is another."""
    data = path.read_bytes()
    assert hashlib.sha256(data).hexdigest() == digest
    return read(data)


def strays(place: Path) -> list[str]:
    """Return files of the tree that no story has, stories without a file, and temporary files."""
    held = [row.path for row in Place(place).articles().values()]
    unmatched = Counter(held)
    unmatched.subtract(list(Place(place).files()))
    left = [
        path.name for path in (place / "state").rglob("*") if path.name.endswith(("tmp", "nal"))
    ]
    return [path for path, number in unmatched.items() if number] + left


def untrue(place: Path) -> list[str]:
    """Return the posts of which the manifest says nothing, or something else than is true."""
    lines = (place / "seeds" / MANIFEST).read_text("utf-8").splitlines()
    told = {line["path"]: line["sha256"] for line in map(json.loads, lines)}
    true = {path: hashlib.sha256(data).hexdigest() for path, data in Place(place).files().items()}
    assert len(told) == len(lines)
    return sorted(path for path, _ in told.items() ^ true.items())


def faults_of_log(place: Path) -> int:
    """Return how many numbers of the change log are missing, and how many stories came twice."""
    with open_archive(place / "seeds", place / "state") as archive:
        changes = list(archive.changes())
        stories = sum(1 for _ in archive.articles())
    numbers = [change.seq for change in changes]
    new = Counter(change.story_id for change in changes if change.op == "new")
    gaps = len(set(range(1, max(numbers) + 1)) ^ set(numbers))
    return gaps + abs(len(numbers) - len(set(numbers))) + abs(new.total() - stories)


def fetches(server: ReplicaServer) -> float:
    """Return how often the page of a story was delivered whole, on average."""
    pages = [one.target for one in server.log if "/story" in one.target and one.status == 200]
    return len(pages) / len(set(pages))
