"""A follower that is killed again and again: `docs/follower.py` with the real command line."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.processes import DEADLINE, environment
from tests.handoff.follower_archive import quick_folder

KILLS = 100
CHANGES = 50  # for each kill
ROOT = Path(__file__).resolve().parents[2]
FOLLOWER = ROOT / "docs" / "follower.py"
_HARVESTER = """\
#!{python}
import sys
from harvester.cli import main
sys.exit(main())
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a folder for an archive that is written and read all the time."""
    with quick_folder() as folder:
        yield folder


class Writer:
    """A process that writes; `begun` is how many changes it was told to make."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.begun = self._done = 0

    def begin(self, count: int) -> None:
        """Have it make so many changes; it is not waited for."""
        assert self._process.stdin
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        self.begun += count
        self._done += 1

    def finish(self) -> None:
        """Let it make all changes that were begun, and end."""
        output, _ = self._process.communicate(timeout=DEADLINE)

        assert output == "done\n" * self._done
        assert self._process.returncode == 0


@contextmanager
def writing(place: Path, seed: int) -> Iterator[Writer]:
    """Run a writer until the end of the block; there is a catalogue when it begins."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.handoff.follower_writer", place, str(seed)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            yield Writer(process)
        finally:
            process.kill()


def follow(place: Path, lines: int, grace: float) -> list[int]:
    """Run the follower until so many seconds after it told of so many changes, then kill it.

    Return all that it has told of. Both it and its `harvester changes` are waited for: standard
    error ends when the last of them has.
    """
    with subprocess.Popen(
        [sys.executable, FOLLOWER],
        cwd=place,
        env=environment({"PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        told = [process.stdout.readline() for _ in range(lines)]
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace)
        process.kill()
        told += process.stdout.readlines()
        complaints = process.stderr.read()

    assert (process.returncode, complaints) == (-signal.SIGKILL, "")
    return [int(line.split()[0]) for line in told]


def last(runs: list[list[int]]) -> int:
    """Return the last number that was told of."""
    return next((run[-1] for run in reversed(runs) if run), 0)


def files(folder: Path) -> dict[str, bytes]:
    """Return all posts, and all that should not be there, by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "MANIFEST.jsonl"
    }


@pytest.mark.timeout(300)
def test_a_follower_killed_100_times_has_every_file_once(place: Path) -> None:
    """SIGKILL, 100 times at random, while 5,000 changes come: the copy is the archive.

    It has heard of every change in order, and twice only of one at which it was killed; neither
    it nor a `harvester changes` of it is left over.
    """
    seed = random.SystemRandom().randrange(2**32)
    print("seed", seed)  # noqa: T201
    chance = random.Random(seed)  # noqa: S311
    command = place / "bin" / "harvester"
    command.parent.mkdir()
    command.write_text(_HARVESTER.format(python=sys.executable))
    command.chmod(stat.S_IRWXU)
    runs: list[list[int]] = []
    with writing(place, seed) as writer:
        for _ in range(KILLS):
            writer.begin(CHANGES)
            if chance.random() < 0.2:  # while it starts
                runs.append(follow(place, 0, chance.uniform(0, 0.2)))
            else:
                lines = chance.randint(1, min(writer.begun - last(runs), 2 * CHANGES))
                runs.append(follow(place, lines, chance.uniform(0, 0.003)))
        writer.finish()
    runs.append(follow(place, KILLS * CHANGES - last(runs), 0))

    assert len(runs) == KILLS + 1
    told = [run for run in runs if run]
    assert all(run == list(range(run[0], run[-1] + 1)) for run in told)
    assert all(after[0] - before[-1] in {0, 1} for before, after in pairwise(told))
    assert (told[0][0], told[-1][-1]) == (1, KILLS * CHANGES)
    assert files(place / "copy") == files(place / "seeds")
