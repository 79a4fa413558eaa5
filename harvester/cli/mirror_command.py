"""`harvester mirror`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import time
from dataclasses import asdict
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from harvester.cli.codes import EXIT_FAILED, EXIT_INTERRUPTED
from harvester.cli.output import stdout_line
from harvester.cli.text import printable
from harvester.clock import SystemClock
from harvester.handoff.mirror import Tally, Target, alone, mirror, open_target
from harvester.settings import Settings
from harvester.store import Reader, open_archive

_PLAIN_EVERY = 10.0
_GRACE = 10.0


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Copy new and changed posts to a target; with `--check` read back all that it has."""
    began = time.monotonic()
    with open_archive(settings.seeds, settings.state) as archive:
        target = open_target(chosen.target, settings.seeds, settings.state)
        with alone(target, settings.state), _Screen() as screen:
            tally = asyncio.run(_until_stopped(archive, target, screen, check=chosen.check))
    seconds = time.monotonic() - began
    if chosen.json:
        stdout_line(json.dumps({**asdict(tally), "seconds": round(seconds, 3)}))
    else:
        stdout_line(_summary(tally, seconds))
    if tally.failed:
        screen.say(
            f"{tally.failed} failed; tried again in the next run: first let `harvester verify "
            f"--repair` restore what is missing or altered in {settings.seeds}"
        )
    return EXIT_FAILED if tally.failed else 0


async def _until_stopped(archive: Reader, target: Target, screen: _Screen, *, check: bool) -> Tally:
    """Mirror; Ctrl-C or SIGTERM ends it with a manifest of all that is finished.

    A second one, or ten seconds, ends the process: an exchange that hangs cannot be ended
    otherwise, and a mirror is right after any kill.
    """
    loop = asyncio.get_running_loop()
    work = asyncio.ensure_future(mirror(archive, target, SystemClock(), screen, check=check))

    def cut() -> None:
        screen.close()
        screen.say("interrupted in the middle; the next run goes on from here")
        os._exit(EXIT_INTERRUPTED)

    def stop() -> None:
        if work.cancelling():
            cut()
        screen.say("stopping: what is in flight is finished first")
        work.cancel()
        loop.call_later(_GRACE, cut)

    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop)
    try:
        return await work
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _summary(tally: Tally, seconds: float) -> str:
    return (
        f"{tally.posts} posts: {tally.copied} copied, {tally.replaced} replaced, "
        f"{tally.kept} kept, {tally.failed} failed; {tally.bytes / 1e6:.1f} MB in {seconds:.1f} s"
    )


class _Screen:
    """A bar on a terminal, a line now and then elsewhere; all on stderr. A context manager."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._progress = Progress(
            console=self._console, transient=True, disable=not self._console.is_terminal
        )
        self._task = self._progress.add_task("reading the manifest", total=None)
        self._told = time.monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar off the terminal."""
        self._progress.stop()

    def say(self, text: str) -> None:
        """Print a line beside the progress."""
        self._console.print(escape(printable(text)))

    def progress(self, what: str, done: int, total: int) -> None:
        """Show how many posts are done."""
        self._progress.update(self._task, description=what, completed=done, total=total)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._told >= _PLAIN_EVERY:
            self._told = now
            self.say(f"{what}: {done}/{total}")
