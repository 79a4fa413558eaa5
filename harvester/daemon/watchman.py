"""Watches what is read and what lists show; holds doubtful texts back while something has drifted.

A text that replaces another is looked at twice before it is written: in between, a mass of them
shows that not the stories have changed but the site, or its reader.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime

from harvester import drift, judge
from harvester.clock import Clock
from harvester.daemon.rounds import SITEMAP, Told
from harvester.model import StoryRef, Verdict, Visit
from harvester.visitor import Course, Opinion, Reading

# The sitemap is first with what appears once a day, and the paper does not appear every day: its
# silence weighs so much less than that of a live list.
_DAILY = 6
# How the reasons of visits begin whose pages were counted already.
_UNREAD = (judge.UNREADABLE, judge.DRIFTING)
# Reasons of a rejection that say nothing of how pages look.
_NOT_THE_PAGE = frozenset({judge.MISSING, "robots", "redirected"})
_HOUR, _DAY = 3600.0, 86_400.0
# A changed text waits for so many looks at other held stories that tell of edits, but not longer
# than two hours.
_COMPARED = 5
_LONGEST_WAIT = 2 * _HOUR
# Texts that changed within an hour, in number and against the mean of a day, that are a mass.
_MASS_LEAST, _MASS_TIMES = 15, 5
_WRITE = Opinion(Course.WRITE)


class Watchman:
    """The scrutiny of the daemon. `changed` collects alarms that began or ended, for who tells."""

    def __init__(self, record: drift.Record, clock: Clock) -> None:
        self.record = record
        self.changed: deque[drift.Alarm] = deque()
        self._clock = clock
        self._changes: deque[float] = deque()
        self._looked = 0
        self._waiting: dict[str, tuple[int, float]] = {}

    def weigh(self, reading: Reading) -> Opinion:
        """Say what to do with a text: write it, look again, or hold it back."""
        replaces = reading.replaces
        looks = _looks_before(reading)
        if not looks:
            counts = reading.of_held and self._tells_of_edits(reading)
            self._looked += counts
            self._observe(self._look(reading, revised=replaces if counts else None))
            self._note_change(replaces=replaces)
        if why := self.alarming(reading):
            return Opinion(Course.DRIFT, why)
        look = self._look(reading, revised=None)
        if why := self.record.odd(look, before=looks):
            return Opinion(Course.HOLD, why)
        waits = replaces and not self._was_compared(reading.ref.story_id, first=not looks)
        return Opinion(Course.AGAIN) if waits else _WRITE

    def _was_compared(self, story_id: str, *, first: bool) -> bool:
        """Say whether a changed text has waited for so many looks at others as tell a mass."""
        now = self._clock.monotonic()
        if first:
            self._waiting[story_id] = (self._looked, now)
            self._waiting = {k: w for k, w in self._waiting.items() if now - w[1] < _DAY}
            return False
        looked, since = self._waiting.get(story_id, (0, 0.0))
        return self._looked - looked > _COMPARED or now - since > _LONGEST_WAIT

    def alarming(self, reading: Reading) -> str:
        """Return which alarm is on about something that this page shows, empty if none."""
        return self.record.alarming(self._look(reading, revised=reading.replaces or None))

    def _look(self, reading: Reading, *, revised: bool | None) -> drift.Look:
        twin = reading.expected.verdict is Verdict.DUPLICATE
        return drift.read_page(reading.article, self._clock.now(), twin=twin, revised=revised)

    def _tells_of_edits(self, reading: Reading) -> bool:
        """Say whether a look at a held story tells how often texts change.

        One that followed a hint of the sitemap does not, for it was made because of a change;
        unless there is a mass of them, which no newspaper edits.
        """
        before, now = reading.before, self._clock.now()
        hinted = before is not None and judge.is_heard_of(reading.ref, before, now)
        return not hinted or self._is_mass()

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
        self._looked += 1
        self._observe(drift.unchanged_page(ref.section, ref.url, self._clock.now()))

    def missed(self, ref: StoryRef, before: Visit | None, verdict: Verdict, reason: str) -> bool:
        """Take in that a page gave no text; say whether there is an alarm about that.

        A story counts once, or few that are broken for good would look like many.
        """
        if reason in _NOT_THE_PAGE:
            return False
        look = _missed_look(ref, verdict, reason, self._clock.now())
        if before is None or not before.reason.startswith((*_UNREAD, reason)):
            self._observe(look)
        return bool(self.record.alarming(look))

    def polled(self, told: Told) -> None:
        """Take in what a list showed; trouble on the way to it is not the list's.

        One that never was there (sections move) has not changed.
        """
        poll = told.poll
        if poll.problem and not (told.unreadable and told.before.checked_at):
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


class Guard:
    """The watchman's word for orders: they write nothing that an alarm is about.

    What they see is of all years and tells nothing of today.
    """

    def __init__(self, watchman: Watchman) -> None:
        self._watchman = watchman

    def weigh(self, reading: Reading) -> Opinion:
        """Hold back what shows the sign of an alarm."""
        why = self._watchman.alarming(reading)
        return Opinion(Course.DRIFT, why) if why else _WRITE

    def unmodified(self, ref: StoryRef) -> None:
        """Nothing to learn."""

    def missed(self, *_: object) -> bool:
        """Nothing to learn."""
        return False


def _missed_look(ref: StoryRef, verdict: Verdict, reason: str, now: datetime) -> drift.Look:
    if verdict is Verdict.FAILED:
        return drift.unreadable_page(ref.section, ref.url, now)
    shown = drift.hidden_page if reason in judge.PASSING else drift.rejected_page
    return shown(ref.section, ref.url, now)


def _looks_before(reading: Reading) -> int:
    """Return how many looks before this one showed the text and did not have it written."""
    before = reading.before
    if before is None:
        return 0
    if before.reason.startswith((judge.DOUBTFUL, judge.DRIFTING)):
        return before.failures
    return 1 if reading.replaces and before.reason == judge.CHANGED else 0
