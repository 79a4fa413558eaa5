"""Eight processes that all want to write, at once and again and again."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from harvester.replica.site import Site
from tests.e2e.processes import DEADLINE, environment, harvester, replica
from tests.e2e.support import Place
from tests.support.figures import FULL, Figures, cases

ROUNDS = cases(3, 100)
PROCESSES = 8
STORIES = 5
FORKED = Path(__file__).with_name("forked.py")
SPEED = ("--rate", "1000", "--contact", "test@example.org")


def commands(origin: str, posts: Path) -> list[tuple[str, ...]]:
    """Return a command of each kind that writes."""
    url = Site.bulk(STORIES).truth()[0].urls[0]
    site = ("--site-origin", origin, *SPEED)
    return [
        ("backfill", *site),
        ("fetch", url, *site),
        ("import", str(posts)),
        ("verify", "--repair"),
        ("daemon", "--http", "off", "--min-free", "0", *site),
    ]


@contextmanager
def reading(place: Path) -> Iterator[None]:
    """Hold a snapshot of the catalogue: whoever writes must wait, and so holds its lock."""
    path = place / "state" / "harvester.db"
    with closing(sqlite3.connect(path, isolation_level=None, timeout=DEADLINE)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM stories").fetchone()
        yield


class Forker:
    """Starts many processes at once; see `forked.py`."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder

    def start(self, commands: list[tuple[str, ...]]) -> dict[int, str]:
        """Start these; return which command each process runs."""
        assert self._process.stdin
        self._process.stdin.write(f"{json.dumps(commands)}\n")
        self._process.stdin.flush()
        names = [command[0] for command in commands]
        return dict(zip(self._told(), names, strict=True))

    def ended(self) -> subprocess.CompletedProcess[str]:
        """Return the process that ends next; its id stands for its arguments."""
        pid, code = self._told()
        out, err = (
            (self._folder / f"{pid}.{name}").read_text("utf-8", "strict") for name in ("out", "err")
        )
        return subprocess.CompletedProcess(str(pid), code, out, err)

    def _told(self) -> list[int]:
        assert self._process.stdout
        told: list[int] = json.loads(self._process.stdout.readline())
        return told


@contextmanager
def forking(place: Path) -> Iterator[Forker]:
    """Run what forks processes that work in a folder."""
    printed = place / "printed"
    printed.mkdir()
    with subprocess.Popen(
        [sys.executable, FORKED, printed],
        cwd=place,
        env=environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield Forker(process, printed)
        finally:  # it waits for its children, and a daemon is never done
            os.killpg(process.pid, signal.SIGKILL)


class Round:
    """Eight commands started together on one archive; one of them comes to write."""

    def __init__(self, place: Path, chosen: list[tuple[str, ...]], forker: Forker) -> None:
        self._forker = forker
        self._lock = place / "state" / "lock"
        self._names = forker.start(chosen)
        self.winner = self._wait_for_winner()
        self.name = self._names[self.winner]

    def _wait_for_winner(self) -> int:
        """Return the process whose id the lock tells."""
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            told = self._lock.read_text("ascii").strip()
            if told.isdigit() and int(told) in self._names:
                return int(told)
            os.sched_yield()
        raise AssertionError("nobody writes")

    def refusals(self) -> int:
        """Wait for the others; return how many were refused in a line that tells who writes.

        What a daemon is there for may be handed to it instead, and done.
        """
        return sum(self._is_clean(self._forker.ended()) for _ in range(len(self._names) - 1))

    def _is_clean(self, ended: subprocess.CompletedProcess[str]) -> bool:
        if ended.returncode == 0 and self.name == "daemon":
            return f"handed to the daemon (pid {self.winner})" in ended.stderr
        told = f"another writer (pid {self.winner}) is at work"
        lines = [line for line in ended.stderr.splitlines() if "state=starting" not in line]
        clean = (ended.returncode, ended.stdout, len(lines)) == (75, "", 1) and told in lines[0]
        if not clean:
            print(self.name, self.winner, ended)  # noqa: T201
        return clean

    def end(self, number: signal.Signals | None) -> bool:
        """Let the writer end, by a signal or when it is done; say whether it ended as it should."""
        if number:
            os.kill(self.winner, number)
        ended = self._forker.ended()
        assert ended.args == str(self.winner)
        if number == signal.SIGKILL:
            return ended.returncode == -signal.SIGKILL
        return ended.returncode == 0 and "[error]" not in ended.stderr


def lose_a_post(place: Path) -> set[str]:
    """Give `verify --repair` something to write; return what is lost, if anything was left."""
    seeds = place / "seeds"
    lost = list(seeds.rglob("*.md"))[:1]
    for post in lost:
        post.unlink()
    return {post.relative_to(seeds).as_posix() for post in lost}


def differences(place: Path, lost: set[str]) -> list[dict[str, str]]:
    """Return what `verify` finds but for the posts that were lost by hand."""
    found = json.loads(harvester("verify", "--json", cwd=place).stdout)["differences"]
    return [each for each in found if each["kind"] != "missing" or each["path"] not in lost]


@pytest.mark.gate("M6", "two writers")
@pytest.mark.timeout(3600 if FULL else 120)
def test_of_eight_that_want_to_write_one_does(place: Path, figures: Figures) -> None:
    """One writes, seven are told so; after a killed one the next puts right what it left.

    Nobody repairs anything before it is looked at, but for the one writer in five that repairs.
    """
    chance = random.Random(seed := random.SystemRandom().randrange(2**32))  # noqa: S311
    print("seed", seed)  # noqa: T201
    clean = ended = 0
    lost: set[str] = set()
    found: list[list[dict[str, str]]] = []
    with replica(STORIES) as (origin, _), forking(place) as forker:
        kinds = commands(origin, place / "posts")
        assert harvester(*kinds[0], cwd=place).returncode == 0
        shutil.copytree(place / "seeds", place / "posts")
        for number in range(ROUNDS):
            chosen = [*kinds, *chance.choices(kinds, k=PROCESSES - len(kinds))]
            chance.shuffle(chosen)
            lost |= lose_a_post(place)
            with ExitStack() as reader:
                reader.enter_context(reading(place))
                a_round = Round(place, chosen, forker)
                stays = a_round.name == "daemon"
                if stays:  # it is never done, and would not wait long for a reader
                    reader.close()
                clean += a_round.refusals()
                if number % 2:
                    ended += a_round.end(signal.SIGKILL)
                reader.close()
                if not number % 2:
                    ended += a_round.end(signal.SIGTERM if stays else None)
                    found.append(differences(place, lost))
        assert harvester("import", "posts", cwd=place).returncode == 0
        found.append(differences(place, lost))
        repaired = harvester("verify", "--repair", cwd=place)

    figures.all("refusals that tell who writes", clean, ROUNDS * (PROCESSES - 1))
    figures.all("writers that ended well, or by SIGKILL", ended, ROUNDS)
    print(*filter(None, found), sep="\n")  # noqa: T201
    figures.none("verifies that find more than the lost post", sum(map(bool, found)), len(found))
    figures.none("exit code of verify --repair after all", repaired.returncode, 1)
    Place(place).check()
