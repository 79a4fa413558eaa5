"""The machine: rules that drive the program as the world would, and a model beside it.

After every step archive and model are compared, whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from harvester.store import verify
from tests.model import looking, stories
from tests.model.doing import Doing
from tests.model.jobs import HOURS, NUMBER, TEXT

T = TypeVar("T")


class ArchiveMachine(Doing):
    """Rules of the site, of the clock and of hands; and the comparison."""

    # --- the site ---

    @rule(number=NUMBER, text=TEXT)
    def publish(self, number: int, text: int) -> None:
        """Show a story that was never there."""
        unknown = [n for n in range(stories.STORIES) if n not in self._texts | self._removed]
        if unknown:
            chosen = _pick(number, unknown)
            self._town.change(lambda: self._site.publish(stories.shown(chosen, text)))
            self._texts[chosen] = text

    @precondition(lambda self: self._texts)
    @rule(number=NUMBER, text=TEXT)
    def edit(self, number: int, text: int) -> None:
        """Let the site show another text of a story."""
        chosen = _pick(number, sorted(self._texts))
        title, blocks = stories.said(text)
        identity = stories.identity(chosen)
        self._town.change(lambda: self._site.edit(identity, blocks=blocks, title=title))
        self._texts[chosen] = text

    @precondition(lambda self: self._texts)
    @rule(number=NUMBER)
    def remove(self, number: int) -> None:
        """Take a page away."""
        chosen = _pick(number, sorted(self._texts))
        self._town.change(lambda: self._site.remove(stories.identity(chosen)))
        self._removed[chosen] = self._texts.pop(chosen)

    @precondition(lambda self: self._removed)
    @rule(number=NUMBER)
    def restore(self, number: int) -> None:
        """Bring a page back."""
        chosen = _pick(number, sorted(self._removed))
        self._town.change(lambda: self._site.restore(stories.identity(chosen)))
        self._texts[chosen] = self._removed.pop(chosen)

    # --- clock and hands ---

    @rule(hours=HOURS, back=st.booleans())
    def jump(self, hours: int, back: bool) -> None:
        """Let the clock jump."""
        target = stories.later(self._now, -hours if back else hours)
        self._now = max(target, stories.later(stories.BEGIN, -24 * 40))
        self._tally["clock jumps"] += 1

    @precondition(lambda self: self._whole() and self._untouched())
    @rule(number=NUMBER)
    def edit_by_hand(self, number: int) -> None:
        """Write into a post."""
        chosen = _pick(number, self._untouched())
        path = self._root / "seeds" / self._paths[chosen]
        self._edits += 1
        data = path.read_bytes() + f"by hand, {self._edits}\n".encode()
        path.write_bytes(data)
        self._touched[chosen] = data

    @precondition(lambda self: self._whole() and self._untouched())
    @rule(number=NUMBER)
    def delete_by_hand(self, number: int) -> None:
        """Delete a post."""
        chosen = _pick(number, self._untouched())
        (self._root / "seeds" / self._paths[chosen]).unlink()
        self._touched[chosen] = None

    @rule()
    def repair(self) -> None:
        """Run `verify --repair` while nobody writes: all that hands did is undone, and told."""
        self._close()
        report = verify(self._root / "seeds", self._root / "state", repair=True)
        assert set(report.repaired) == self._differences()
        assert report.differences == ()
        touched = set(self._touched)
        self._model.log += [("revised", story) for story in touched]
        for number in touched:
            self._put_right(number)
        self._learn_order(touched)

    # --- after every step ---

    @invariant()
    def agree(self) -> None:
        """Archive and model agree."""
        self._now += timedelta(seconds=7)
        self._tally["steps"] += 1
        if self._whole():
            self._compare()
            self._tally["comparisons"] += 1

    def _compare(self) -> None:
        seen = looking.look(self._root)
        assert seen.known == self._model.known
        assert seen.log == self._model.log
        assert seen.numbers == list(range(1, len(seen.log) + 1)), "numbers of the log"
        self._compare_files(seen)
        self._compare_validators(seen)
        found = verify(
            self._root / "seeds", self._root / "state", patience=0 if self._touched else 1
        )
        assert set(found.differences) == self._differences()

    def _compare_files(self, seen: looking.Seen) -> None:
        """Hold that each story has one file, at its path for ever, and that there is no other."""
        files = looking.files(self._root)
        for number, (path, sha256) in seen.files.items():
            assert self._paths.setdefault(number, path) == path, "its path has changed"
            if number in self._touched:
                assert files.pop(path, None) == self._touched[number]
                continue
            assert hashlib.sha256(files.pop(path)).hexdigest() == sha256
        assert files == {}, sorted(files)
        left = looking.leftovers(self._root)
        assert left == [], left
        told = looking.promised(self._root)
        held = {path: (sha256, number) for number, (path, sha256) in seen.files.items()}
        assert told.items() <= held.items()
        assert looking.aside(self._root) >= self._kept

    def _compare_validators(self, seen: looking.Seen) -> None:
        """Hold that a page is asked for conditionally only where its text is held."""
        for number, text in seen.validators.items():
            held = self._model.of(number).held
            assert held is None or text in held.texts, (number, text)


def _pick(number: int, options: Sequence[T]) -> T:
    return options[number % len(options)]
