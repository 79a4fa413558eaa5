"""The daemon's figures for Prometheus, in a registry of their own.

Every label takes values from a short list: verdicts, lanes, states, watches and hooks of the
settings. Names follow https://prometheus.io/docs/practices/naming/.
"""

from __future__ import annotations

from functools import partial

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Enum,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

from harvester.model import Lane, Verdict
from harvester.serve.report import STATES

_MINUTE, _HOUR = 60.0, 3600.0
# From "within a look or two" to "found days later".
_DELAYS = (
    *(minutes * _MINUTE for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * _HOUR for hours in (1, 2, 4, 8, 24, 72)),
)


class Metrics:
    """One method for each event, named after it. `registry` is what `/metrics` shows."""

    def __init__(self) -> None:
        self.registry = own = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=own)
        counter, gauge = partial(Counter, registry=own), partial(Gauge, registry=own)
        by_lane, by_watch = ("lane",), ("watch",)
        self._ended = counter("harvester_visits_total", "Visits to stories", ("verdict", *by_lane))
        self._polls = counter("harvester_polls_total", "Looks at lists", (*by_watch, "outcome"))
        self._fresh = counter("harvester_fresh_stories_total", "Stories first seen", by_watch)
        self._asked = counter("harvester_requests_total", "Requests sent to the site", by_lane)
        self._delay = Histogram(
            "harvester_publication_delay_seconds",
            "From a story's publication to its file on disk",
            buckets=_DELAYS,
            registry=own,
        )
        self._drift = gauge("harvester_drift_alarms", "Alarms of drift that stand")
        self._state = Enum("harvester_state", "State of the daemon", states=STATES, registry=own)
        self._queue = gauge("harvester_queue_size", "Jobs that wait", by_lane)
        self._behind = gauge("harvester_hook_behind", "Changes that a hook has not had", ("hook",))
        self._free = gauge("harvester_free_bytes", "Free room on the fullest disk")
        self._begin_at_zero()

    def ended(self, verdict: Verdict, lane: Lane) -> None:
        """Count a story's visit that has come to its end."""
        self._ended.labels(verdict.value, _word(lane)).inc()

    def polled(self, watch: str, outcome: str, fresh: int) -> None:
        """Count a look at a watch, and the stories first seen in it.

        `outcome` is a short fixed word, never the text of an error.
        """
        self._polls.labels(watch, outcome).inc()
        self._fresh.labels(watch).inc(fresh)

    def asked(self, lane: Lane, requests: int = 1) -> None:
        """Count requests sent."""
        self._asked.labels(_word(lane)).inc(requests)

    def delay(self, seconds: float) -> None:
        """Note how long after its publication a story's file was there.

        A site that states a time to come has a delay of 0.
        """
        self._delay.observe(max(seconds, 0.0))

    def drift(self, alarms: int) -> None:
        """Tell how many alarms stand."""
        self._drift.set(alarms)

    def state(self, status: str) -> None:
        """Tell the state of the daemon, a word of `STATES`."""
        self._state.state(status)

    def queue(self, lane: Lane, size: int) -> None:
        """Tell how many jobs of a lane wait."""
        self._queue.labels(_word(lane)).set(size)

    def hook(self, name: str, behind: int) -> None:
        """Tell how many changes wait for a hook of the settings."""
        self._behind.labels(name).set(behind)

    def free(self, room: int) -> None:
        """Tell the free room (bytes) of the fullest disk."""
        self._free.set(room)

    def _begin_at_zero(self) -> None:
        """Make the series whose labels are known, so that the first event is seen as a rise."""
        for lane in Lane:
            self._asked.labels(_word(lane))
            self._queue.labels(_word(lane))
            for verdict in Verdict:
                self._ended.labels(verdict.value, _word(lane))


def _word(lane: Lane) -> str:
    return lane.name.lower()
