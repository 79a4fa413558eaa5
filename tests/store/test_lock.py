"""One writer at a time, whoever it is and however it ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harvester.errors import Busy
from harvester.store import open_archive, verify
from tests.store.support import open_store

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


async def test_second_writer_in_one_process(tmp_path: Path) -> None:
    """The lock also holds within a process, and a refused opening does not give it up."""
    async with open_store(tmp_path):
        for _ in range(2):
            with pytest.raises(Busy):
                async with open_store(tmp_path):
                    pass
