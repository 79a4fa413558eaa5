"""The processes of the machine, and what is learnt after one was killed.

What had not been acknowledged is in doubt after a kill: the model looks once, after the next start,
and from then on it is fixed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from harvester.errors import Busy
from harvester.replica import Site
from harvester.store import Difference, Kind, verify
from tests.handoff.follower_archive import quick_folder
from tests.model import looking, stories
from tests.model.jobs import Errand
from tests.model.model import Event, Model
from tests.model.processes import Town, Worker


class Office(RuleBasedStateMachine):
    """One archive, its site, and who works there. `hire` starts a worker; `tally` counts."""

    _dead = False

    def __init__(self, hire: Callable[[], Worker], town: Town, tally: Counter[str]) -> None:
        super().__init__()
        tally["examples"] += 1
        self._hire = hire
        self._town = town
        self._tally = tally
        self._stack = ExitStack()
        self._root = self._stack.enter_context(quick_folder())
        self._now = stories.BEGIN
        self._site = Site((), now=lambda: self._now)
        self._town.show(self._site)
        self._model = Model()
        self._texts: dict[int, int] = {}  # what the site shows
        self._removed: dict[int, int] = {}
        self._worker: Worker | None = None
        self._open = False
        self._paths: dict[int, str] = {}
        # When a look at a story may have put its page into the raw archive.
        self._looked: defaultdict[int, set[datetime]] = defaultdict(set)
        # What is not known before the next start, and how often a start may have told of it again.
        self._doubt: Errand | None = None
        self._starts = 0
        # Files changed by hand (None: deleted), and all that was ever written into them.
        self._touched: dict[int, bytes | None] = {}
        self._kept: set[bytes] = set()
        self._edits = 0
        self._start()

    def teardown(self) -> None:
        """Kill what still runs."""
        if self._worker:
            self._worker.kill()
        self._stack.close()

    def _whole(self) -> bool:
        """Say whether no process is dead in the middle of something."""
        return self._doubt is None and (self._open or self._worker is None) and not self._dead

    def _untouched(self) -> list[int]:
        return [number for number in sorted(self._paths) if number not in self._touched]

    def _differences(self) -> set[Difference]:
        return {
            Difference(
                self._paths[number],
                Kind.MISSING if data is None else Kind.ALTERED,
                stories.identity(number),
            )
            for number, data in self._touched.items()
        }

    # --- processes ---

    def _ensure(self) -> None:
        """Let a process hold the archive."""
        if not self._open:
            assert self._start()

    def _start(self, kill: int | None = None) -> bool:
        """Start a process and let it open the archive; say whether it did."""
        if self._worker is None:
            self._worker = self._hire()
        self._worker.send(
            "open", self._now, root=str(self._root), origin=self._town.origin, kill=kill
        )
        answer = self._worker.answer()
        self._starts += 1
        self._tally["starts"] += 1
        if kill is None:
            assert not answer.died
            if answer.trouble:
                assert answer.trouble[0] == "DiskError", answer.trouble
                return False
        if kill is not None and (answer.died or kill % 2):
            self._tally["kills at start"] += answer.died
            self._died(self._worker)
            return False
        self._open, self._dead = True, False
        self._resolve()
        return True

    def _reopen(self, worker: Worker) -> bool:
        """Open the archive anew in a process whose archive has refused."""
        worker.send("close", self._now)
        worker.answer()
        self._open = False
        return self._start()

    def _close(self) -> None:
        """Stop as a signal would."""
        self._ensure()
        assert self._worker
        self._worker.send("close", self._now)
        answer = self._worker.answer()
        assert answer.trouble is None, answer.trouble
        assert not answer.died
        self._open = False
        self._worker.kill()
        self._worker = None

    def _died(self, worker: Worker) -> None:
        worker.kill()
        self._tally["kills"] += 1
        self._worker, self._open, self._dead = None, False, True

    def _second_writer(self) -> None:
        other = self._hire()
        other.send("open", self._now, root=str(self._root), origin=self._town.origin)
        answer = other.answer()
        other.kill()
        assert answer.trouble, "two writers"
        assert answer.trouble[0] == "Busy", answer.trouble
        with pytest.raises(Busy):
            verify(self._root / "seeds", self._root / "state", repair=True)
        self._tally["writers refused"] += 1

    # --- what a kill has left ---

    def _resolve(self) -> None:
        """Look what has become of what was in doubt, and of files changed by hand."""
        seen = looking.look(self._root)
        known = len(self._model.log)
        assert seen.log[:known] == self._model.log, "the log has lost entries"
        tail = by_story(seen.log[known:])
        doubt, self._doubt = self._doubt, None
        for number, event in (doubt.events if doubt else {}).items():
            assert doubt
            self._settle(number, event, doubt, seen, tail.pop(number, ()))
        self._look_at_touched(tail)
        assert tail == {}, "entries of which nobody knows why"
        self._model.log = seen.log
        self._starts = 0

    def _settle(
        self, number: int, event: Event, doubt: Errand, seen: looking.Seen, told: Sequence[str]
    ) -> None:
        """Find which of the possible ends it was.

        A file without a row is as old as the last look whose page is in the raw archive.
        """
        found = seen.known.get(number)
        dates = (doubt.dates[number], *self._looked[number])
        ends = (after for date in dates for after in self._model.possible(number, event, date))
        for after in ends:
            again = list(told[len(after.log) :])
            if (
                (found or self._model.of(number)) == after.known
                and tuple(told[: len(after.log)]) == after.log
                and again == ["revised"] * len(again)
                and len(again) <= self._starts
            ):
                if found:
                    self._model.known[number] = found
                if after.writes or again:
                    self._put_right(number)
                return
        raise AssertionError((number, event, self._model.of(number), found, told))

    def _look_at_touched(self, tail: dict[int, tuple[str, ...]]) -> None:
        """Find what a start after a kill has undone of what hands did; it must tell of it.

        A start that was cut short may have told of it before.
        """
        files = looking.files(self._root)
        for number, data in list(self._touched.items()):
            if files.get(self._paths[number]) != data:
                told = tail.pop(number, ())
                assert set(told) == {"revised"}, (number, told)
                self._put_right(number)

    def _put_right(self, number: int) -> None:
        """Note that a file is the archive's again: what a hand wrote lies aside."""
        data = self._touched.pop(number, None)
        if data is not None:
            self._kept.add(data)


def by_story(log: Sequence[tuple[str, int]]) -> dict[int, tuple[str, ...]]:
    """Return the entries of each story, in order."""
    numbers = {number for _, number in log}
    return {n: tuple(op for op, number in log if number == n) for n in numbers}
