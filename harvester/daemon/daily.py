"""What is done once a day, by the newspaper's clock (UTC+8, no daylight saving)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from harvester.zaobao.urls import SINGAPORE

RECONCILE_AT = time(0, 30)
SNAPSHOT_AT = time(3, 30)


def latest_day(now: datetime, at: time) -> date:
    """Return the last Singapore day on which the hour `at` has come.

    However the clock jumps, a day has one such hour: work that notes its day is done once.
    """
    here = now.astimezone(SINGAPORE)
    return here.date() if here.time() >= at else here.date() - timedelta(days=1)


def is_wanting(done: str, day: date) -> bool:
    """Say whether the work of a day is still to be done; `done` is the last day noted, or empty.

    A day noted that lies ahead is of a clock that has been set right since.
    """
    if not done:
        return True
    noted = date.fromisoformat(done)
    return noted < day or noted > day + timedelta(days=1)
