"""What the commands that work have in common: event loop, signals, results."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping

from harvester.cli import loop
from harvester.cli.codes import EXIT_FAILED, EXIT_INTERRUPTED
from harvester.cli.console import Screen, summary
from harvester.cli.output import stdout_line
from harvester.cli.text import printable
from harvester.heap import keep_freed
from harvester.model import Verdict
from harvester.runs import Outcome

# After Ctrl-C: how long those in flight may take before they are cut.
_GRACE = 10.0


class _Printable(logging.Formatter):
    """Lets nothing of a foreign text through that a terminal would act on, but for tracebacks."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line of a record."""
        return printable(super().formatMessage(record))


def run_to_end(work: Callable[[asyncio.Event], Awaitable[Outcome]], screen: Screen) -> Outcome:
    """Run a command's work. Ctrl-C or SIGTERM ends it cleanly: what is in flight is finished.

    A second one, or ten seconds, cuts what is in flight; it is taken up again by the next run.
    """
    keep_freed()
    # A log line beside a live display would tear it; on a terminal the display tells the same.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Printable("%(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    with screen:
        return loop.run(_supervised(work, screen))


async def _supervised(
    work: Callable[[asyncio.Event], Awaitable[Outcome]], screen: Screen
) -> Outcome:
    stopping = asyncio.Event()
    running = asyncio.get_running_loop()
    task = asyncio.ensure_future(work(stopping))

    def stop() -> None:
        if stopping.is_set():
            task.cancel()
            return
        screen.say("stopping: what is in flight is finished first")
        stopping.set()
        running.call_later(_GRACE, task.cancel)

    for name in (signal.SIGINT, signal.SIGTERM):
        running.add_signal_handler(name, stop)
    try:
        return await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def report(
    outcome: Outcome,
    screen: Screen,
    *,
    as_json: bool,
    kept: str = "tried again in the next run",
    more: Mapping[str, object] | None = None,
) -> int:
    """Print the summary, with `more` in its object; return the exit code.

    Raises what halted the run.
    """
    counts = outcome.counts
    if as_json:
        told = {"problems": list(outcome.problems)} if outcome.problems else {}
        whole = counts.as_json() | told | dict(more or {})
        stdout_line(json.dumps(whole, ensure_ascii=False))
    else:
        stdout_line(summary(counts))
    for note in outcome.notes:
        screen.say(note)
    for problem in outcome.problems:
        screen.say(f"not read: {problem}")
    if outcome.halted:
        raise outcome.halted
    if outcome.interrupted:
        screen.say("interrupted; the next run goes on from here")
        return EXIT_INTERRUPTED
    if failed := counts.by_verdict.get(Verdict.FAILED, 0):
        screen.say(f"{failed} failed; {kept}")
    return EXIT_FAILED if failed or outcome.problems else 0
