"""Run a hook's command once: the changes on its standard input, its exit code the answer."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from harvester.handoff.hooks.message import Message, Outcome
from harvester.settings import Hook
from harvester.store.database import uninterrupted

_TAIL = 2000
_PIPE = 2**16
# Between SIGTERM and SIGKILL, in seconds: time to remove what is half done.
_GRACE = 2.0
# Hooks from the environment: their secrets are not for the command.
_HIDDEN = "HARVESTER_HOOKS"


async def run_command(hook: Hook, message: Message, seeds: Path, state: Path) -> Outcome:
    """Run the command in a process group of its own; exit 0 is success.

    The group is ended when it takes longer than it may, or the caller is cancelled. `state` is
    where the input lies meanwhile, without a name. Raises nothing of what can go wrong.
    """
    try:
        with _Tail() as tail, await asyncio.to_thread(_input, message, state) as given:
            env = environment(hook, message, seeds, os.environ)
            process = await _started(hook.command, given, tail.writing, env)
            return await _ended(process, hook.timeout, tail)
    except OSError as problem:
        return Outcome(f"{problem.filename or hook.command[0]}: {problem.strerror}")


def _input(message: Message, state: Path) -> IO[bytes]:
    """Return a file with the changes: unlike a pipe it can be ignored or read in part."""
    given = tempfile.TemporaryFile(dir=state)  # noqa: SIM115 - the caller closes it
    try:
        given.write(message.lines())
        given.seek(0)
    except BaseException:
        given.close()
        raise
    return given


def environment(
    hook: Hook, message: Message, seeds: Path, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of a command: ours without secrets of hooks, and what it is about."""
    kept = {name: value for name, value in environ.items() if name != _HIDDEN}
    return kept | {
        "HARVESTER_HOOK": hook.name,
        "HARVESTER_FIRST_SEQ": str(message.first_seq),
        "HARVESTER_LAST_SEQ": str(message.last_seq),
        "HARVESTER_SEEDS": str(seeds.absolute()),
    }


async def _started(
    command: Sequence[str], given: IO[bytes], errors: int, env: Mapping[str, str]
) -> Process:
    """Start a command. Where the caller is cancelled meanwhile its whole group is ended.

    asyncio would kill the first process alone, and leave its children.
    """
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command, stdin=given, stdout=DEVNULL, stderr=errors, env=env, start_new_session=True
        )
    )
    try:
        return await uninterrupted(starting)
    except asyncio.CancelledError:
        if not starting.cancelled() and starting.exception() is None:
            await _end(starting.result())
        raise


async def _ended(process: Process, limit: float, tail: _Tail) -> Outcome:
    try:
        async with asyncio.timeout(limit):
            code = await process.wait()
    except TimeoutError:
        return Outcome(f"took longer than {limit:g} s", tail.text())
    finally:
        if process.returncode is None:
            await _end(process)
    return Outcome(_meaning(code), tail.text())


async def _end(process: Process) -> None:
    """End the whole group: politely, then for good."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE)


def _meaning(code: int) -> str:
    if code >= 0:
        return f"exit {code}" if code else ""
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"


class _Tail:
    """The end of what is written to a pipe, read as it comes, so that no writer waits or fills us.

    It is a pipe of our own: asyncio's would have the end of the command wait for its children that
    keep the pipe open (https://github.com/python/cpython/issues/119710).
    """

    def __init__(self) -> None:
        self._kept = b""

    def __enter__(self) -> Self:
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)
        asyncio.get_running_loop().add_reader(self._reading, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._reading)
        os.close(self._reading)
        os.close(self.writing)

    def text(self) -> str:
        """Return the end of what has been written so far."""
        self._take()
        return self._kept.decode("utf-8", "replace").strip()

    def _take(self) -> None:
        with suppress(BlockingIOError):
            self._kept = (self._kept + os.read(self._reading, _PIPE))[-_TAIL:]
