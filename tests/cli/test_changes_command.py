"""`harvester changes`: JSON lines for programs, and what is remembered for them."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from harvester.cli import main
from harvester.handoff.consumers import CONSUMERS, open_consumers
from harvester.store import CATALOGUE
from tests.e2e.processes import DEADLINE, started
from tests.handoff.follower_archive import add_entries, open_writer, real_draft

KEYS = [
    *("seq", "op", "story_id", "path", "sha256", "content_hash", "url", "title"),
    *("published", "access", "revision", "at"),
]


@pytest.fixture
async def place(tmp_path: Path) -> Path:
    """Return a place with three entries in its change log."""
    async with open_writer(tmp_path) as archive:
        for number in range(3):
            await archive.put(real_draft(number))
    return tmp_path


class Command:
    """`harvester changes` in a place, run in this process."""

    def __init__(self, place: Path, capture: pytest.CaptureFixture[str]) -> None:
        self._place = place
        self._capture = capture
        self.complaint = ""

    def __call__(self, *arguments: object, code: int = 0) -> list[int]:
        """Run it to an exit code; return the numbers on its output."""
        folders = [f"--{name}={self._place / name}" for name in ("seeds", "state")]
        ended = main(["changes", *map(str, arguments), *folders])
        output, self.complaint = self._capture.readouterr()

        assert ended == code, self.complaint
        return numbers(output.splitlines())


@pytest.fixture
def changes(place: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """Return the command in that place."""
    return Command(place, capfd)


def numbers(lines: Sequence[str]) -> list[int]:
    """Return the numbers of entries, each a line."""
    return [json.loads(line)["seq"] for line in lines]


def test_entries_are_lines(
    place: Path, changes: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each entry is one object on one line, with the public keys, in UTF-8 as it is."""
    main(["changes", f"--seeds={place / 'seeds'}", f"--state={place / 'state'}"])
    lines = capfd.readouterr().out.splitlines()

    assert [list(json.loads(line)) for line in lines] == [KEYS] * 3
    assert '"title": "新闻 1：《会面》"' in lines[1]
    assert changes("--since", 0) == [1, 2, 3]
    assert changes("--since", 2) == [3]
    assert (changes("--since", 3), changes.complaint) == ([], "")


@pytest.mark.parametrize("following", [(), ("--follow",)])
def test_a_number_past_the_end_is_refused(changes: Command, following: tuple[str, ...]) -> None:
    """Who remembers a number of another log hears of it; nothing is printed, nothing remembered."""
    assert changes("--consumer", "site", "--since", 2) == [3]
    for consumer in ((), ("--consumer", "site")):
        assert changes("--since", 4, *following, *consumer, code=65) == []
        assert "no entry 4" in changes.complaint
        assert "begin again with --since 0" in changes.complaint
        assert changes.complaint.count("\n") == 1
    assert changes("--consumer", "site") == []


def test_a_consumer_gets_each_entry_once(place: Path, changes: Command) -> None:
    """Whenever a consumer asks, it gets what came since, each entry once; others have their own."""
    chance = random.Random(changes("--consumer", "first")[-1])  # noqa: S311
    had, all_in_all = [1, 2, 3], 3
    for _ in range(12):
        more = chance.choice([0, 1, 2, 499, 500, 501, 1500])
        add_entries(place / "state", more)
        all_in_all += more
        if chance.random() < 0.7:
            had += changes("--consumer", "first")
    had += changes("--consumer", "first")

    assert had == list(range(1, all_in_all + 1))
    assert changes("--consumer", "second") == had


def test_a_consumer_is_set_back_or_forward_by_since(changes: Command) -> None:
    """With `--since` a consumer begins there, and goes on from there the next time."""
    assert changes("--consumer", "site") == [1, 2, 3]
    assert changes("--consumer", "site", "--since", 1) == [2, 3]
    assert changes("--consumer", "site") == []
    assert changes("--consumer", "site", "--since", 0) == [1, 2, 3]
    assert changes("--consumer", "late", "--since", 3) == []
    assert changes("--consumer", "late") == []


def test_a_log_that_is_another_one_is_told(place: Path, changes: Command) -> None:
    """A consumer that has read another log is refused (65) and told the way out, which works."""
    before = (place / "state" / CATALOGUE).read_bytes()
    add_entries(place / "state", 1)
    assert changes("--consumer", "site") == [1, 2, 3, 4]
    (place / "state" / CATALOGUE).write_bytes(before)

    assert changes("--consumer", "site", code=65) == []
    assert "'site' has had entry 4 of another change log" in changes.complaint
    assert "begin again with --since 0" in changes.complaint
    assert changes("--consumer", "site", "--since", 0) == [1, 2, 3]
    assert changes("--consumer", "site") == []


def test_a_consumer_is_one_process(place: Path, changes: Command) -> None:
    """A second process of one name is refused (75): it would set back what the first has had."""
    with started("changes", "--follow", "--consumer", "site", cwd=place) as process:
        assert read(process, 3) == [1, 2, 3]
        for since in ((), ("--since", 0)):
            assert changes("--consumer", "site", *since, code=75) == []
            assert "consumer 'site'" in changes.complaint
            assert changes.complaint.count("\n") == 1
        assert changes("--consumer", "other") == [1, 2, 3]
        process.kill()
        process.wait(DEADLINE)

    assert changes("--consumer", "site", "--since", 2) == [3]


@pytest.mark.parametrize("name", ["", "a" * 65, "hook:site", "a/b", "名", "a b", "a\n"])
def test_a_name_that_cannot_be_used(place: Path, changes: Command, name: str) -> None:
    """Names are short and plain; those of hooks cannot be taken."""
    assert changes("--consumer", name, code=2) == []
    assert "--consumer" in changes.complaint
    assert not (place / "state" / CONSUMERS).exists()


def test_without_an_archive(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Where there is no catalogue the answer says so, and nothing is made."""
    assert main(["changes", "--consumer", "site", f"--state={tmp_path}"]) == 65
    assert "there is no catalogue" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told(place: Path) -> None:
    """Output that cannot be written is an error of the disk (74), and is not remembered."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("/dev/full is absent")
    arguments = ["changes", "--consumer", "site"]
    with full.open("wb") as output:
        ended = subprocess.run(
            [sys.executable, "-m", "harvester.cli", *arguments],
            cwd=place,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    with open_consumers(place / "state") as consumers:
        position = consumers.position("site")

    assert (ended.returncode, ended.stderr.count("\n"), position) == (74, 1, None)
    assert "standard output" in ended.stderr


def read(process: subprocess.Popen[str], count: int) -> list[int]:
    """Return the numbers of so many lines of a process."""
    assert process.stdout
    return numbers([process.stdout.readline() for _ in range(count)])


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 0), ("SIGINT", 130)])
def test_following_until_a_signal(place: Path, changes: Command, name: str, code: int) -> None:
    """Entries come as they are committed; SIGTERM (0) and Ctrl-C (130) end it without a trace.

    What was handed out is remembered: at most the last batch, which the signal met, comes again.
    """
    with started("changes", "--follow", "--consumer", "site", cwd=place) as process:
        first = read(process, 3)
        add_entries(place / "state", 2)
        then = read(process, 2)
        add_entries(place / "state", 1)
        last = read(process, 1)
        process.send_signal(signal.Signals[name])
        _, complaint = process.communicate(timeout=DEADLINE)

    assert [*first, *then, *last] == [1, 2, 3, 4, 5, 6]
    assert process.returncode == code
    assert complaint.count("\n") == (1 if code else 0)
    assert "Traceback" not in complaint
    assert changes("--consumer", "site") in ([], [6])


def test_a_reader_that_stalls_does_not_hold_the_signal(place: Path, changes: Command) -> None:
    """SIGTERM ends it also while nobody reads; what did not get out whole is handed out again."""
    add_entries(place / "state", 2000)
    with started("changes", "--follow", "--consumer", "site", cwd=place) as process:
        assert process.stdout
        assert process.stderr
        had = read(process, 1)
        process.terminate()
        assert process.wait(DEADLINE) == 0
        had += numbers([line for line in process.stdout if line.endswith("\n")])
        assert process.stderr.read() == ""
    again = changes("--consumer", "site")
    assert had == list(range(1, len(had) + 1))
    assert len(had) < 2003
    assert again == list(range(again[0], 2004))
    assert again[0] <= had[-1] + 1


@pytest.mark.parametrize("arguments", [(), ("--follow",)])
def test_a_closed_pipe_ends_it(place: Path, changes: Command, arguments: tuple[str, ...]) -> None:
    """`| head` is a clean end; the batch that met the closed pipe is handed out again."""
    add_entries(place / "state", 5000)
    with started("changes", *arguments, "--consumer", "site", cwd=place) as process:
        assert process.stdout
        assert process.stderr
        assert read(process, 3) == [1, 2, 3]
        process.stdout.close()
        complaint = process.stderr.read()
        process.wait(DEADLINE)
    again = changes("--consumer", "site")

    assert (process.returncode, complaint) == (0, "")
    assert again == list(range(again[0], 5004))
    assert again[0] < 5000


def test_a_reader_that_goes_away_is_noticed_without_a_change(place: Path) -> None:
    """Nothing changes and nobody reads any more: it ends all the same, else they would pile up."""
    with started("changes", "--follow", cwd=place) as process:
        assert process.stdout
        assert read(process, 3) == [1, 2, 3]
        process.stdout.close()

        assert process.wait(DEADLINE) == 0


def test_it_starts_light() -> None:
    """Followers are started often: what only other commands need is not imported."""
    code = "import sys, harvester.cli.changes_command; print(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    heavy = {"aiohttp", "apscheduler", "opencc", "rich", "selectolax", "structlog", "yaml"}

    assert heavy.isdisjoint(ended.stdout.split())
