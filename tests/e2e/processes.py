"""The program as its users have it: real processes, their output and their exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

DEADLINE = 60.0
"""Seconds after which a process is taken for hung; nothing waits for it otherwise."""

JSON_KEYS = (
    "discovered",
    "new",
    "revised",
    "unchanged",
    "duplicate",
    "rejected",
    "failed",
    "skipped",
    "seconds",
)
"""The object of `--json`: `discovered` is the sum of the seven after it."""

Finished = subprocess.CompletedProcess[str]


def harvester(
    *arguments: object, cwd: Path, given: str = "", environ: Mapping[str, str] | None = None
) -> Finished:
    """Run a command in a folder to its end. No command may ever show a traceback or colours."""
    ended = subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(environ or {}),
        input=given,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    sane(ended.stdout, ended.stderr)
    return ended


@contextmanager
def started(*arguments: object, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a command; at the end of the block it is killed if it still runs."""
    with subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        env=environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def replica(stories: int, port: int = 0) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run a replica of so many stories in a process of its own; yield its origin."""
    arguments = ["--port", str(port), "--stories", str(stories)]
    with subprocess.Popen(
        [sys.executable, "-m", "harvester.replica", *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


def command(*arguments: object) -> list[str]:
    """Return the command line of a command."""
    return [sys.executable, "-m", "harvester.cli", *map(str, arguments)]


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without settings of the machine, and with `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HARVESTER_")}
    return kept | dict(extra)


def sane(stdout: str, stderr: str) -> None:
    """Hold output that goes to no terminal to what it may hold."""
    assert "Traceback" not in stderr, stderr
    assert "\x1b" not in stdout + stderr


def one_object(stdout: str) -> dict[str, float]:
    """Return the counts on a stdout that holds nothing else; they must add up."""
    assert stdout.endswith("\n")
    assert stdout.count("\n") == 1
    counts: dict[str, float] = json.loads(stdout)
    assert tuple(counts) == JSON_KEYS
    assert counts["discovered"] == sum(counts[key] for key in JSON_KEYS[1:-1])
    return counts


def refused(ended: Finished, code: int, *words: str) -> None:
    """Hold a refusal to its exit code, one line on stderr that names `words`, and no result."""
    assert (ended.returncode, ended.stdout) == (code, ""), ended.stderr
    assert ended.stderr.count("\n") == 1, ended.stderr
    for word in words:
        assert word in ended.stderr
