"""Commands as people write them: failing, missing, deaf, loud, forking, endless."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harvester.handoff.hooks.command import environment, run_command
from harvester.handoff.hooks.message import Message, Outcome
from harvester.model import Access
from harvester.settings import Hook
from harvester.store import Change
from tests.handoff.hooks.support import command

NOW = datetime(2026, 10, 1, 4, 0, tzinfo=UTC)
CHANGE = Change(
    *(7, "new", "1209230", 1, "2021/11/2021-11-01-a.md", "00", "v1:00", "https://a.example", "题"),
    *(NOW, Access.FULL, NOW),
)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., asyncio.Task[Outcome]]:
    """Return what starts a command with so many changes."""

    def start(hook: Hook, changes: int = 2) -> asyncio.Task[Outcome]:
        told = tuple(replace(CHANGE, seq=7 + n) for n in range(changes))
        message = Message("msg_1", NOW, told)
        return asyncio.create_task(run_command(hook, message, tmp_path / "seeds", tmp_path))

    return start


Run = Callable[..., asyncio.Task[Outcome]]


async def test_it_gets_the_changes(run: Run, tmp_path: Path) -> None:
    """JSON lines on standard input, numbers and folder in the environment; exit 0 is success."""
    script = f'cd {tmp_path}; cat > got; env > env; test -z "$HARVESTER_HOOKS"'

    assert await run(command("site.a", script)) == Outcome()

    lines = (tmp_path / "got").read_text("utf-8").splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [7, 8]
    assert json.loads(lines[0])["title"] == "题"
    assert {
        "HARVESTER_HOOK=site.a",
        "HARVESTER_FIRST_SEQ=7",
        "HARVESTER_LAST_SEQ=8",
        f"HARVESTER_SEEDS={tmp_path / 'seeds'}",
    } <= set((tmp_path / "env").read_text("utf-8").splitlines())


@pytest.mark.parametrize(
    ("script", "problem", "output"),
    [
        ("echo it fails >&2; exit 3", "exit 3", "it fails"),
        ("echo fine >&2", "", "fine"),
        ("echo out", "", ""),
        ("kill -9 $$", "ended by SIGKILL", ""),
        ("kill -40 $$", "ended by signal 40", ""),
        ("printf '\\377' >&2; exit 1", "exit 1", "\ufffd"),
    ],
)
async def test_how_it_ends(run: Run, script: str, problem: str, output: str) -> None:
    """Exit code or signal is the problem; what it wrote to stderr is kept, also at success."""
    assert await run(command("site", script)) == Outcome(problem, output)


async def test_what_cannot_be_run(run: Run, tmp_path: Path) -> None:
    """A program that is missing, or is none, is a failure like any other."""
    no_program = tmp_path / "text"
    no_program.write_text("hello")

    missing = await run(Hook("site", ("no-such-program-here",)))
    forbidden = await run(Hook("site", (str(no_program),)))

    assert missing.problem == "no-such-program-here: No such file or directory"
    assert forbidden.problem == f"{no_program}: Permission denied"


@pytest.mark.parametrize("script", ["exit 0", "exec 0<&-; true", "head -c 10 > /dev/null"])
async def test_it_need_not_read(run: Run, script: str) -> None:
    """Who leaves a large input unread, or closes it, holds up nothing and fails nothing."""
    assert await run(command("site", script), changes=5000) == Outcome()


async def test_it_may_write_without_measure(run: Run) -> None:
    """Of hundreds of megabytes the end of stderr is kept."""
    script = "yes out | head -c 200000000; yes err | head -c 200000000 >&2; echo last >&2; exit 1"

    ended = await run(command("site", script))

    assert ended.problem == "exit 1"
    assert ended.output.endswith("err\nlast")
    assert len(ended.output) <= 2000


async def test_a_child_that_keeps_the_pipes(run: Run, tmp_path: Path) -> None:
    """The command's own end counts; what it leaves in the background may go on."""
    script = f"(echo $$ > {tmp_path}/child; exec sleep 1000) & echo $! > {tmp_path}/pid; exit 0"

    assert await run(command("site", script)) == Outcome()

    child = int((tmp_path / "pid").read_text())
    os.kill(child, 9)  # it is there


@pytest.mark.parametrize("script", ["sleep 1000", "trap '' TERM; sleep 1000 & wait; sleep 1000"])
async def test_it_has_a_limit(run: Run, tmp_path: Path, script: str) -> None:
    """Who takes too long is ended with all its children, also where they do not listen."""
    alive = Alive(tmp_path / "alive")
    script = f"exec 9> {alive.path}; echo slow >&2; sleep 1000 & {script}"

    task = run(command("site", script, timeout=0.5))
    await alive.begun()

    assert await task == Outcome("took longer than 0.5 s", "slow")
    await alive.ended()


async def test_it_is_cut_with_its_children(run: Run, tmp_path: Path) -> None:
    """A caller that is cancelled leaves nothing running."""
    alive = Alive(tmp_path / "alive")
    task = run(command("site", f"exec 9> {alive.path}; sleep 1000 & wait"))
    await alive.begun()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    await alive.ended()


def test_secrets_of_hooks_are_not_passed_on(tmp_path: Path) -> None:
    """Hooks that come from the environment are not in that of a command; all else is."""
    given = {"HARVESTER_HOOKS": "hush", "PATH": "/bin", "HARVESTER_RATE": "1"}

    found = environment(command("a", "b"), Message("m", NOW, (CHANGE,)), tmp_path, given)

    assert "HARVESTER_HOOKS" not in found
    assert {"PATH": "/bin", "HARVESTER_RATE": "1"}.items() <= found.items()


class Alive:
    """A pipe that processes keep open for as long as they are alive."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)

    async def begun(self) -> None:
        """Wait until somebody has opened it."""
        self._reading = await asyncio.to_thread(self.path.open)

    async def ended(self) -> None:
        """Wait until nobody has it open any more."""
        with self._reading:
            assert await asyncio.wait_for(asyncio.to_thread(self._reading.read), 30) == ""
