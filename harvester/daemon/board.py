"""What is known of the daemon at this moment: for the status page, systemd and the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import structlog

from harvester.clock import Clock
from harvester.daemon.pulse import Pulse
from harvester.drift import Alarm
from harvester.handoff.hooks import HookStatus
from harvester.model import Lane, Verdict, Watch
from harvester.serve.metrics import Metrics
from harvester.serve.report import Report

log = structlog.stdlib.get_logger(__name__)


class Board:
    """Written by the daemon, read by everyone who asks how it is.

    `paused` is why nothing may be written (the disk is full), `offline` whether our own network is
    down, `resting` until when hosts are left alone.
    """

    def __init__(self, clock: Clock, interval: float, state: Path) -> None:
        self._state = state.resolve()
        self._clock = clock
        self._interval = interval
        self.pulse = Pulse(clock.monotonic())
        self.metrics = Metrics()
        self.started_at = clock.now()
        self.began = False
        self.stopping = False
        self.paused = ""
        self.offline = False
        self.resting: Mapping[str, datetime] = {}
        self.alarms: tuple[Alarm, ...] = ()
        self.watches: tuple[Watch, ...] = ()
        self.waiting: Mapping[Lane, int] = {}
        self.asked: Counter[Lane] = Counter()
        self.ended: Counter[Verdict] = Counter()
        self.reconciled = ""
        self.hooks: tuple[HookStatus, ...] = ()
        self._told = ""

    def condition(self) -> tuple[str, str]:
        """Return the state of the daemon in a word, and why; what needs a person comes first."""
        if self.stopping:
            return "stopping", "told to end"
        if self.began and not self.is_alive:
            return "hanging", ""
        return self._condition_at_work()

    def _condition_at_work(self) -> tuple[str, str]:
        if self.paused:
            return "paused", self.paused
        if self.alarms:
            more = f" (and {len(self.alarms) - 1} more)" if len(self.alarms) > 1 else ""
            return "drifting", self.alarms[0].text + more
        if self.offline:
            return "offline", "our own network is down"
        if self.resting:
            host, until = next(iter(self.resting.items()))
            return "resting", f"{host} is left alone until {until:%Y-%m-%d %H:%M:%S}Z"
        return ("ok", "") if self.began else ("starting", "")

    @property
    def is_alive(self) -> bool:
        """Say whether schedule and database are at work; a pause on purpose is life too."""
        return self.pulse.is_alive(self._clock.monotonic(), self._interval)

    def report(self) -> Report:
        """Return the state of this moment, with figures."""
        status, reason = self.condition()
        return Report(status, reason, self.is_alive, self._details())

    def publish(self) -> str:
        """Bring the figures up to date, log a change of state, return the state in a line."""
        status, reason = self.condition()
        metrics = self.metrics
        metrics.state(status)
        metrics.drift(len(self.alarms))
        for lane in Lane:
            metrics.queue(lane, self.waiting.get(lane, 0))
        for hook in self.hooks:
            metrics.hook(hook.name, hook.behind)
        if status != self._told:
            log.info("state", state=status, **({"why": reason} if reason else {}))
            self._told = status
        return f"{status}: {reason}" if reason else status

    def _details(self) -> dict[str, object]:
        return {
            "state": str(self._state),
            "started_at": self.started_at,
            "now": self._clock.now(),
            "alarms": [
                {
                    "section": alarm.section,
                    "sign": alarm.sign.value,
                    "layout": alarm.layout,
                    "since": alarm.since,
                    "text": alarm.text,
                    "examples": list(alarm.examples),
                }
                for alarm in self.alarms
            ],
            "resting": dict(self.resting),
            "watches": [
                {
                    "name": watch.name,
                    "checked_at": watch.checked_at,
                    "next_check_at": watch.next_check_at,
                    "pause": round(watch.pause),
                    "newest": watch.newest,
                    "problem": watch.problem,
                }
                for watch in self.watches
            ],
            "waiting": {lane.name.lower(): self.waiting.get(lane, 0) for lane in Lane},
            "requests": {lane.name.lower(): self.asked[lane] for lane in Lane},
            "ended": {verdict.value: self.ended[verdict] for verdict in Verdict},
            "reconciled": self.reconciled,
            "hooks": [hook.as_json() for hook in self.hooks],
        }
