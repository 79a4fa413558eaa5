"""Watches what is read and what lists show; holds doubtful texts back while something has drifted.

A text that replaces another is looked at twice before it is written: in between, a mass of them
shows that not the stories have changed but the site, or its reader.
"""

from __future__ import annotations

from collections import deque

import structlog

from harvester import drift, judge
from harvester.clock import Clock
from harvester.daemon.rounds import SITEMAP, Told
from harvester.model import StoryRef, Verdict, Visit, VisitState
from harvester.visitor import Course, Opinion, Reading

log = structlog.stdlib.get_logger(__name__)

# The sitemap is first with what appears once a day, and the paper does not appear every day: its
# silence weighs so much less than that of a live list.
_DAILY = 6
_HOUR, _DAY = 3600.0, 86_400.0
# Texts that changed within an hour, in number and against the mean of a day, that are a mass.
_MASS_LEAST, _MASS_TIMES = 30, 5
_WRITE = Opinion(Course.WRITE)


class Watchman:
    """The scrutiny of the daemon. `changed` collects alarms that began or ended, for who tells."""

    def __init__(self, record: drift.Record, clock: Clock) -> None:
        self.record = record
        self.changed: deque[drift.Alarm] = deque()
        self._clock = clock
        self._changes: deque[float] = deque()

    def weigh(self, reading: Reading) -> Opinion:
        """Say what to do with a text: write it, look again, or hold it back."""
        ref, before, article, expected = (
            reading.ref,
            reading.before,
            reading.article,
            reading.expected,
        )
        replaces = expected.verdict is Verdict.REVISED and not expected.archival
        looks = _looks_before(before, replaces=replaces)
        look = drift.read_page(
            article,
            self._clock.now(),
            twin=expected.verdict is Verdict.DUPLICATE,
            revised=replaces if self._tells_of_edits(ref, before) else None,
        )
        if not looks:
            self._observe(look)
            self._note_change(replaces=replaces)
        if why := self.record.doubts(look, before=looks):
            log.warning("doubtful", url=ref.url, why=why)
            return Opinion(Course.HOLD, why)
        return Opinion(Course.AGAIN) if replaces and not looks else _WRITE

    def _tells_of_edits(self, ref: StoryRef, before: Visit | None) -> bool:
        """Say whether a look tells how often held texts change.

        One that followed a hint of the sitemap does not, for it was made because of a change;
        unless there is a mass of them, which no newspaper edits.
        """
        if before is None or before.state is not VisitState.HELD:
            return False
        return self._is_mass() or not judge.is_heard_of(ref, before, self._clock.now())

    def _note_change(self, *, replaces: bool) -> None:
        now = self._clock.monotonic()
        if replaces:
            self._changes.append(now)
        while self._changes and now - self._changes[0] > _DAY:
            self._changes.popleft()

    def _is_mass(self) -> bool:
        """Say whether far more texts than usual changed in the last hour."""
        hour_ago = self._clock.monotonic() - _HOUR
        lately = sum(at > hour_ago for at in self._changes)
        return lately > _MASS_LEAST and lately > _MASS_TIMES * len(self._changes) / 24

    def unmodified(self, ref: StoryRef) -> None:
        """Take in that a held story is as it was."""
        self._observe(drift.unchanged_page(ref.section, ref.url, self._clock.now()))

    def missed(self, ref: StoryRef, verdict: Verdict, reason: str) -> None:
        """Take in that a page gave no text."""
        now = self._clock.now()
        if verdict is Verdict.FAILED:
            self._observe(drift.unreadable_page(ref.section, ref.url, now))
        elif reason in judge.PASSING:
            self._observe(drift.hidden_page(ref.section, ref.url, now))
        elif reason not in {judge.MISSING, "robots", "redirected"}:
            self._observe(drift.rejected_page(ref.section, ref.url, now))

    def polled(self, told: Told) -> None:
        """Take in what a list showed; trouble on the way to it is not the list's."""
        poll = told.poll
        if poll.problem and not told.unreadable:
            return
        expected = told.expected / (_DAILY if poll.watch == SITEMAP else 1)
        look = drift.list_look(
            told.before,
            poll.at,
            cards=0 if told.unreadable else told.cards,
            newest=told.newest,
            expected=0.0 if poll.fresh else expected,
            skipped=told.skipped,
        )
        self._observe(look)

    def _observe(self, look: drift.Look) -> None:
        self.changed.extend(self.record.observe(look))


def _looks_before(before: Visit | None, *, replaces: bool) -> int:
    """Return how many looks before this one showed the text and did not have it written."""
    if before is None:
        return 0
    if before.reason.startswith(judge.DOUBTFUL):
        return before.failures
    return 1 if replaces and before.reason == judge.CHANGED else 0
