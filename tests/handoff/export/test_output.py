"""A file that appears whole or not at all, whoever is killed and however many write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harvester.errors import Busy, DiskError, UsageError
from harvester.handoff.export import whole_file

_HALF = """
import sys
from pathlib import Path
from harvester.handoff.export import whole_file
with whole_file(Path(sys.argv[1])) as file:
    file.write(b"half" * 10_000)
    file.flush()
    print("half", flush=True)
    sys.stdin.read()
"""


def names(folder: Path) -> list[str]:
    """Return what lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    """A reader sees the file before, then the whole new one; nothing else is left."""
    target = tmp_path / "a.jsonl"
    target.write_bytes(b"old, and longer than the new one")
    with whole_file(target) as file:
        file.write(b"new")
        file.flush()
        assert target.read_bytes() == b"old, and longer than the new one"

    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["a.jsonl"]


@pytest.mark.parametrize("error", [UsageError("no"), KeyboardInterrupt()])
def test_what_fails_leaves_the_old_file(error: BaseException, tmp_path: Path) -> None:
    """Errors and Ctrl-C leave the file before, and nothing beside it."""
    target = tmp_path / "a.jsonl"
    target.write_bytes(b"old")

    def fail() -> None:
        with whole_file(target) as file:
            file.write(b"half")
            raise error

    with pytest.raises(type(error)):
        fail()

    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["a.jsonl"]


def test_a_killed_writer(tmp_path: Path) -> None:
    """What a killed writer left is no file of its name, and the next one clears it away.

    While it lives, a second writer of the same file is sent away.
    """
    target = tmp_path / "a.jsonl"
    line = [sys.executable, "-c", _HALF, str(target)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"half\n"
        with pytest.raises(Busy, match="another export"), whole_file(target):
            pytest.fail("two writers at once")
        process.kill()
    assert names(tmp_path) == [".harvester-export-a.jsonl.tmp"]

    with whole_file(target) as file:
        file.write(b"new")

    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["a.jsonl"]


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    """The file is named, and the way out."""
    (tmp_path / "file").touch()
    for folder in (tmp_path / "missing", tmp_path / "file"):
        with (
            pytest.raises(DiskError, match=r"a\.csv: .*; choose a folder"),
            whole_file(folder / "a.csv"),
        ):
            pytest.fail("there is no such folder")


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    """Nobody can have another file overwritten by a link under the temporary name."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"theirs")
    (tmp_path / ".harvester-export-a.csv.tmp").symlink_to(victim)
    with pytest.raises(DiskError), whole_file(tmp_path / "a.csv"):
        pytest.fail("the link was followed")

    assert victim.read_bytes() == b"theirs"
