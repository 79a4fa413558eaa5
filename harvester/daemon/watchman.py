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
_WRITE = Opinion(Course.WRITE)


class Watchman:
    """The scrutiny of the daemon. `changed` collects alarms that began or ended, for who tells."""

    def __init__(self, record: drift.Record, clock: Clock) -> None:
        self.record = record
        self.changed: deque[drift.Alarm] = deque()
        self._clock = clock

    def weigh(self, reading: Reading) -> Opinion:
        """Say what to do with a text: write it, look again, or hold it back."""
        ref, before, article, expected = (
            reading.ref,
            reading.before,
            reading.article,
            reading.expected,
        )
        replaces = expected.verdict is Verdict.REVISED and not expected.archival
        held = before is not None and before.state is VisitState.HELD
        look = drift.read_page(
            article,
            self._clock.now(),
            twin=expected.verdict is Verdict.DUPLICATE,
            revised=replaces if held else None,
        )
        again = _is_second_look(before, replaces=replaces)
        if not again:
            self._observe(look)
        if why := self.record.doubts(look, again=again):
            log.warning("doubtful", url=ref.url, why=why)
            return Opinion(Course.HOLD, why)
        return Opinion(Course.AGAIN) if replaces and not again else _WRITE

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


def _is_second_look(before: Visit | None, *, replaces: bool) -> bool:
    """Say whether the last look at the story held its text back, or saw that it had changed."""
    if before is None:
        return False
    if before.reason.startswith(judge.DOUBTFUL):
        return True
    return replaces and before.reason == judge.CHANGED
