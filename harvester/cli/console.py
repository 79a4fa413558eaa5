"""What a person sees while a run goes: a live bar on a terminal, plain lines elsewhere.

All of that goes to stderr; stdout holds results alone. Control characters of foreign texts are not
passed on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from harvester.cli.output import standard_output
from harvester.cli.text import printable
from harvester.model import Counts, Decision, Stored, Verdict

if TYPE_CHECKING:
    from harvester.discover import Discovery

# Seconds between two tellings of how far the work is.
_LIVE_EVERY, _PLAIN_EVERY = 0.1, 10.0
_SHOWN = (Verdict.NEW, Verdict.REVISED, Verdict.DUPLICATE, Verdict.REJECTED, Verdict.FAILED)


class Results(Console):
    """Standard output for a person, in colours on a terminal; raises as `standard_output`."""

    def __init__(self) -> None:
        super().__init__(highlight=False, soft_wrap=True)

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - passed through
        """Print as rich does."""
        with standard_output():
            super().print(*objects, **options)

    def on_broken_pipe(self) -> None:
        """Leave it to the caller; rich itself would exit with 1."""
        raise  # noqa: PLE0704 - rich calls this while it handles the error


class Screen:
    """The watcher of a run. A context manager; `verbose` names every address."""

    def __init__(self, *, verbose: bool = False) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._is_live = self._console.is_terminal
        self._verbose = verbose
        self._counts: Counter[Verdict] = Counter()
        self._began = time.monotonic()
        self._next = self._began + (0.0 if self._is_live else _PLAIN_EVERY)
        self._total: int | None = None
        self._task: TaskID | None = None
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._is_live,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """Print a line beside the progress."""
        self._console.print(escape(printable(text)))

    def adopting(self, posts: int) -> None:
        """Say that posts without a row are taken up, as after a kill or a lost catalogue."""
        self.say(f"posts in the tree that the catalogue does not know: {posts}; taking them up")

    def discovering(self, found: Discovery) -> None:
        """Show how many sources have been read."""
        self._show(
            "looking for stories",
            found.sources,
            found.total or None,
            lambda: f"sources read, {found.fresh} new addresses",
        )

    def planned(self, total: int) -> None:
        """Show how many addresses there are to look at."""
        self._total = total
        self._began = time.monotonic()
        self.say(f"addresses to look at: {total}")

    def waiting(self, host: str, seconds: float, why: str) -> None:
        """Say why nothing happens for a while."""
        if seconds >= 1:
            self.say(f"waiting {seconds:.0f} s for {host}: {why}")

    def ended(self, url: str, decision: Decision) -> None:
        """Count an address, and name it where something went wrong."""
        self._counts[decision.verdict] += 1
        if decision.verdict is Verdict.FAILED or self._verbose:
            reason = f": {decision.reason}" if decision.reason else ""
            self.say(f"{decision.verdict} {url}{reason}")
        self._show_counts("harvesting", self._total)

    def imported(self, path: Path, decision: Decision, stored: Stored | None) -> None:
        """Count a file; tell what is not simply new."""
        self._counts[decision.verdict] += 1
        if decision.verdict is not Verdict.NEW or self._verbose:
            self.say(f"{decision.verdict}: {_import_note(path, decision, stored)}")
        self._show_counts("importing", None)

    def _show_counts(self, what: str, total: int | None) -> None:
        self._show(what, self._counts.total(), total, lambda: figures(self._counts, self._rate()))

    def _rate(self) -> float:
        done = self._counts.total() - self._counts[Verdict.SKIPPED]
        return done / max(time.monotonic() - self._began, 0.001)

    def _show(self, what: str, done: int, total: int | None, told: Callable[[], str]) -> None:
        """Show how far the work is, unless that was done a moment ago."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + (_LIVE_EVERY if self._is_live else _PLAIN_EVERY)
        text = f"{done}/{total} · {told()}" if total else f"{done} · {told()}"
        if not self._is_live:
            self._console.print(f"{what}: {text}")
            return
        if self._task is None:
            self._task = self._progress.add_task(what, figures=text)
        self._progress.update(
            self._task, description=what, completed=done, total=total, figures=text
        )


def figures(counts: Counter[Verdict], rate: float) -> str:
    """Return the counts that matter while a run goes, and its rate."""
    shown = " · ".join(f"{verdict} {counts[verdict]}" for verdict in _SHOWN)
    return f"{shown} · {rate:.1f}/s"


def summary(counts: Counts) -> str:
    """Return the closing line of a run: the total and every end state."""
    states = ", ".join(f"{counts.by_verdict.get(verdict, 0)} {verdict}" for verdict in Verdict)
    return f"discovered {counts.discovered}: {states} in {counts.seconds:.1f} s"


def _import_note(path: Path, decision: Decision, stored: Stored | None) -> str:
    if stored is None:
        return decision.reason
    told = {
        Verdict.NEW: f"story {stored.story_id}",
        Verdict.UNCHANGED: f"story {stored.story_id} is held with the same text",
        Verdict.REVISED: f"another text of story {stored.story_id}",
        Verdict.DUPLICATE: decision.reason,
    }.get(decision.verdict, decision.reason)
    kept = f" (kept as {stored.path})" if stored.path else ""
    extra = f"; {decision.reason}" if decision.reason and decision.reason != told else ""
    return f"{path}: {told}{extra}{kept}"
