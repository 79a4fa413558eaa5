"""Is the daemon at work? What /healthz and the watchdog of systemd ask, without I/O."""

from __future__ import annotations

_MISSED = 2


class Pulse:
    """The last beat of the schedule and of the database, in monotonic seconds.

    A start counts as a beat of both. A process that answers but whose schedule hangs, or whose
    writer does, has no pulse.
    """

    def __init__(self, now: float) -> None:
        self._ticked = now
        self._wrote = now

    def ticked(self, now: float) -> None:
        """Note that the schedule came round."""
        self._ticked = now

    def wrote(self, now: float) -> None:
        """Note that the database committed a write."""
        self._wrote = now

    def is_alive(self, now: float, interval: float) -> bool:
        """Say whether both beats lie within two intervals (seconds)."""
        return now - min(self._ticked, self._wrote) <= _MISSED * interval
