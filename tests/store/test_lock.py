"""One writer at a time, whoever it is and however it ended."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harvester.errors import Busy
from harvester.store import open_archive, verify
from harvester.store.lock import locked, writer_lock
from tests.store.support import open_store
from tests.support.figures import Figures

ROOT = Path(__file__).resolve().parents[2]


def start_writer(root: Path) -> subprocess.Popen[str]:
    """Start a process that holds the archive until a line is sent to it."""
    command = [sys.executable, "-m", "tests.store.writer", str(root), "0"]
    process = subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


async def test_second_writer(tmp_path: Path) -> None:
    """A second writer is refused with the first one's process id; readers are not."""
    with start_writer(tmp_path) as process:
        with pytest.raises(Busy, match=rf"pid {process.pid}\) is at work in .*state"):
            async with open_store(tmp_path):
                pass
        with pytest.raises(Busy):
            verify(tmp_path / "seeds", tmp_path / "state", repair=True)
        assert verify(tmp_path / "seeds", tmp_path / "state").posts == 0
        with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
            assert list(reader.articles()) == []
        process.communicate("\n")

    assert process.returncode == 0
    async with open_store(tmp_path) as archive:
        assert archive.orphans == ()


async def test_killed_writer(tmp_path: Path) -> None:
    """The lock of a killed writer needs no manual step."""
    with start_writer(tmp_path) as process:
        process.kill()
        process.communicate()

    async with open_store(tmp_path) as archive:
        assert archive.orphans == ()


def put_another(lock: Path) -> None:
    """Put a file of the same name in place of a lock."""
    lock.unlink()
    lock.touch()


def move_away(lock: Path) -> None:
    """Give a lock another name."""
    lock.rename(lock.with_name("old"))


@pytest.mark.gate("M6", "two writers")
async def test_a_removed_lock_file_lets_nobody_in(tmp_path: Path, figures: Figures) -> None:
    """Who removes `state/lock`, or puts another there, does not let a second writer in."""
    ways = (Path.unlink, put_another, move_away)
    refused = 0
    with start_writer(tmp_path) as process:
        for away in ways:
            away(tmp_path / "state" / "lock")
            with pytest.raises(Busy, match="another writer"):
                async with open_store(tmp_path):
                    pass
            refused += 1
            (tmp_path / "state" / "lock").write_text(f"{process.pid}\n")
        process.communicate("\n")

    figures.all("refused although state/lock is gone", refused, len(ways))
    async with open_store(tmp_path) as archive:
        assert archive.orphans == ()


def test_who_has_just_taken_the_lock_is_waited_for_by_name(tmp_path: Path) -> None:
    """A refusal names the writer at work, not one that was killed and is still written there."""
    killed = subprocess.Popen(["true"])
    killed.wait()
    lock, own = tmp_path / "lock", tmp_path / "own"
    os.mkfifo(lock)
    own.write_text(f"{os.getpid()}\n")

    def write_down() -> None:
        with lock.open("w") as first_look:  # opens when somebody reads
            own.replace(lock)
            first_look.write(f"{killed.pid}\n")

    with locked(tmp_path, "busy", folder=True):
        later = threading.Thread(target=write_down, daemon=True)
        later.start()
        with pytest.raises(Busy, match=rf"pid {os.getpid()}\)"), writer_lock(tmp_path):
            pass
        later.join()


async def test_second_writer_in_one_process(tmp_path: Path) -> None:
    """The lock also holds within a process, and a refused opening does not give it up."""
    async with open_store(tmp_path):
        for _ in range(2):
            with pytest.raises(Busy):
                async with open_store(tmp_path):
                    pass
