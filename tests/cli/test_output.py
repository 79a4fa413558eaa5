"""Standard output that cannot be written, is closed, or is read no more: never a traceback."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from harvester.cli.text import escaped
from tests.e2e.processes import DEADLINE, command, environment
from tests.handoff.export.support import fill

RESULTS = (
    ("search", "国会"),
    ("search", "国会", "--json"),
    ("diff", "2000001"),
    ("diff", "2000001", "--json"),
    ("hooks",),
    ("hooks", "--json"),
    ("status",),
    ("status", "--json"),
    ("verify",),
    ("verify", "--json"),
    ("changes",),
    ("changes", "--follow"),
    ("export", "--format", "csv"),
    ("export", "--output", "../stories.csv", "--json"),
    ("mirror", "../mirror"),
    ("import", "seeds"),
)


@pytest.mark.parametrize("text", ["甲\x9b31m\x7f", "\x85\n😀", "\\x", "\u202e"])
def test_escaped_json_is_the_same_json(text: str) -> None:
    """What a terminal would act on is escaped, and means the same to a program."""
    written = escaped(json.dumps({text: text}, ensure_ascii=False))

    assert json.loads(written) == {text: text}
    assert not re.search("[\x00-\x1f\x7f-\x9f]", written)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder with an archive."""
    root = tmp_path / "place"
    asyncio.run(fill(root))
    return root


def ended(words: Sequence[str], place: Path, output: int) -> tuple[int, list[str]]:
    """Run a command with that output to its end; return its exit code and what it complained."""
    done = subprocess.run(
        command(*words),
        cwd=place,
        env=environment({}),
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    return done.returncode, [
        line
        for line in done.stderr.splitlines()
        if line.startswith(("harvester:", "Traceback", "Exception"))
    ]


def test_a_full_disk(place: Path) -> None:
    """Results that cannot be written are an error of the disk (74), told in one line."""
    if not Path("/dev/full").exists():
        pytest.skip("/dev/full is absent")
    full = os.open("/dev/full", os.O_WRONLY)
    told = {words: ended(words, place, full) for words in RESULTS}
    os.close(full)

    expected = (74, ["harvester: standard output: No space left on device"])
    assert told == dict.fromkeys(RESULTS, expected)


@pytest.mark.parametrize("words", [("changes", "--follow"), ("export", "--format", "csv")])
def test_closed(place: Path, words: Sequence[str]) -> None:
    """A command without standard output does nothing but say so."""
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *command(*words)],
        cwd=place,
        env=environment({}),
        stderr=subprocess.PIPE,
        text=True,
        timeout=DEADLINE,
        check=False,
    )

    assert (done.returncode, done.stderr.count("\n")) == (74, 1)
    assert done.stderr.startswith("harvester: standard output: closed")


@pytest.mark.parametrize("words", [("status",), ("search", "国会")])
def test_read_no_more(place: Path, words: Sequence[str]) -> None:
    """A reader that has had enough is no failure: exit 0, and nothing is said."""
    reading, writing = os.pipe()
    os.close(reading)
    told = ended(words, place, writing)
    os.close(writing)

    assert told == (0, [])
