"""However a process ends, what was finished is kept and the next run goes on."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import DEADLINE, harvester, one_object, replica, sane, started
from tests.e2e.support import Place

STORIES = 80
SPEED = ("--rate", "1000", "--concurrency", "4")


def backfill(origin: str) -> tuple[object, ...]:
    """Return a backfill that names every address as it ends."""
    return ("backfill", "--site-origin", origin, *SPEED, "--json", "--verbose")


def read_until(process: subprocess.Popen[str], word: str, times: int = 1) -> None:
    """Read stderr until so many lines begin with `word`; fail where it ends before."""
    assert process.stderr
    for _ in range(times):
        for line in process.stderr:
            if line.startswith(word):
                break
        else:
            pytest.fail(f"the process ended before it said {word!r}")


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Yield a listening socket; whoever connects waits for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(DEADLINE)
        yield listening


def origin_of(listening: socket.socket) -> str:
    """Return the origin of a listening socket."""
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_killed_three_times(tmp_path: Path) -> None:
    """SIGKILL in the middle, three times: at the end every story is there once, nothing else."""
    place = Place(tmp_path)
    with replica(STORIES) as (origin, _):
        for _ in range(3):
            with started(*backfill(origin), cwd=tmp_path) as process:
                read_until(process, "new", 7)
                process.kill()
                process.communicate()
            assert process.returncode == -signal.SIGKILL
        last = harvester(*backfill(origin), cwd=tmp_path)

    assert last.returncode == 0, last.stderr
    assert one_object(last.stdout)["discovered"] == STORIES
    assert len(place.articles()) == len(place.files()) == STORIES
    verified = harvester("verify", "--json", cwd=tmp_path)
    assert (verified.returncode, json.loads(verified.stdout)["posts"]) == (0, STORIES)
    place.check()


def test_what_a_killed_run_finished_is_not_asked_for_again(tmp_path: Path) -> None:
    """What was told as new before the kill is skipped by the next run, its file untouched."""
    place = Place(tmp_path)
    with replica(STORIES) as (origin, _):
        with started(*backfill(origin), cwd=tmp_path) as process:
            read_until(process, "new", 9)
            process.kill()
            process.communicate()
        held, before = place.articles(), place.identities()
        last = harvester(*backfill(origin), cwd=tmp_path)

    assert len(held) >= 9
    assert one_object(last.stdout)["skipped"] >= len(held)
    assert {row.path: before[row.path] for row in held.values()}.items() <= (
        place.identities().items()
    )


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(name: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C or SIGTERM: exit 130 with true counts, finished work kept; the next run goes on."""
    place = Place(tmp_path)
    with replica(STORIES) as (origin, _):
        with started(*backfill(origin), cwd=tmp_path) as process:
            read_until(process, "new", 9)
            process.send_signal(name)
            stdout, stderr = process.communicate(timeout=DEADLINE)
        sane(stdout, stderr)
        first = one_object(stdout)
        kept = place.articles()
        last = harvester(*backfill(origin), cwd=tmp_path)

    assert process.returncode == 130
    assert "interrupted" in stderr
    assert 9 <= first["new"] == len(kept) < STORIES
    second = one_object(last.stdout)
    assert (last.returncode, second["new"], second["skipped"]) == (
        0,
        STORIES - first["new"],
        first["new"],
    )
    place.check()


def test_interrupted_twice(tmp_path: Path, silent: socket.socket) -> None:
    """A second Ctrl-C does not wait for a site that never answers."""
    with started(*backfill(origin_of(silent)), cwd=tmp_path) as process:
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            read_until(process, "stopping")
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=DEADLINE)

    sane(stdout, stderr)
    assert (process.returncode, stdout) == (130, "")
    assert "interrupted" in stderr


def test_readers_beside_a_writer(tmp_path: Path, silent: socket.socket) -> None:
    """While one writes, readers work on."""
    with started(*backfill(origin_of(silent)), cwd=tmp_path) as first:
        connection, _ = silent.accept()
        with connection:
            assert harvester("status", cwd=tmp_path).returncode == 0
            assert harvester("verify", cwd=tmp_path).returncode == 0
            assert first.poll() is None
