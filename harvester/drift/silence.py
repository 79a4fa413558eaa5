"""Sections from which nothing new comes: a list, a sitemap or a reader may fail without a word.

The usual pause of a section is the longest lately, so night, weekend and an issue a day are in it.
Three times as long is silence. Pauses are told by the stories' own times, and only those count
through which somebody looked: downtime is no usual pause.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

_TIMES = 3
# A section is judged once so long is known of it.
_KNOWN = timedelta(days=7)
# The longest pause counts half after so long without another like it.
_HALVED = timedelta(days=30)
# Who has not looked for so long begins to wait anew: much may have come that is yet to be read.
_ASLEEP = timedelta(hours=2)
# A section that stays silent for so long is closed.
_CLOSED = timedelta(days=30)
_MOST = 600


@dataclass(slots=True)
class Flow:
    """A section's stories: the times of the first and the newest, the usual pause in seconds."""

    first: datetime
    newest: datetime
    pause: float = 0.0
    alarmed: bool = False

    def take(self, at: datetime, awake: datetime | None) -> None:
        """Take in a story; a pause is usual if somebody looked all along, and none that alarmed."""
        passed = (at - self.newest).total_seconds()
        if passed <= 0:
            return
        if not self.alarmed and awake is not None and self.newest >= awake:
            faded = self.pause * 0.5 ** (passed / _HALVED.total_seconds())
            self.pause = max(passed, faded)
        self.newest = at

    def is_silent(self, now: datetime, awake: datetime) -> bool:
        """Say whether nothing came for too long, to somebody `awake` since then."""
        known = self.pause > 0 and self.newest - self.first >= _KNOWN
        return known and now - max(self.newest, awake) > self._patience()

    def is_closed(self, now: datetime) -> bool:
        """Say whether it has been silent for so long that nothing is to be expected."""
        return self.alarmed and now - self.newest > self._patience() + _CLOSED

    def _patience(self) -> timedelta:
        return timedelta(seconds=_TIMES * self.pause)


class Silence:
    """The flows of all sections, at most 600 of them."""

    def __init__(self) -> None:
        self.flows: dict[str, Flow] = {}
        self.looked: datetime | None = None
        self.awake: datetime | None = None

    def came(self, section: str, at: datetime) -> dict[str, Flow]:
        """Take in a story published then; return the flow, by section, whose alarm this ends."""
        flow = self.flows.pop(section, None) or Flow(at, at)
        self.flows[section] = flow
        if len(self.flows) > _MOST:
            del self.flows[next(iter(self.flows))]
        flow.take(at, self.awake)
        if not (flow.alarmed and flow.newest == at):
            return {}
        flow.alarmed = False
        return {section: flow}

    def look(self, now: datetime) -> dict[str, Flow]:
        """Look at the time; return the flows that fall silent now, and those that are closed."""
        if self.looked is None or not timedelta() <= now - self.looked <= _ASLEEP:
            self.awake = now
        self.looked, awake = now, self.awake or now
        silent = {k: f for k, f in self.flows.items() if not f.alarmed and f.is_silent(now, awake)}
        closed = {k: f for k, f in self.flows.items() if f.is_closed(now)}
        for flow in silent.values():
            flow.alarmed = True
        for section, flow in closed.items():
            flow.alarmed = False
            del self.flows[section]
        return silent | closed

    def dump(self) -> list[object]:
        """Return all as JSON values, for `load`; datetimes are left as they are."""
        flows = [[name, f.first, f.newest, f.pause, f.alarmed] for name, f in self.flows.items()]
        return [self.looked, self.awake, flows]

    @classmethod
    def load(cls, data: list[object]) -> Silence:
        """Return what `dump` wrote. Raises `ValueError` or `TypeError` for anything else."""
        looked, awake, flows = data
        if not isinstance(flows, list):
            raise TypeError("no flows")
        silence = cls()
        silence.looked, silence.awake = _instant_or_none(looked), _instant_or_none(awake)
        for name, first, newest, pause, alarmed in flows[-_MOST:]:
            flow = Flow(aware_instant(first), aware_instant(newest), float(pause), bool(alarmed))
            silence.flows[str(name)] = flow
        return silence


def _instant_or_none(text: object) -> datetime | None:
    return None if text is None else aware_instant(text)


def aware_instant(text: object) -> datetime:
    """Return an instant that was dumped. Raises `ValueError` for anything else."""
    at = datetime.fromisoformat(str(text))
    if at.tzinfo is None:
        raise ValueError(f"no time zone: {text}")
    return at
