"""When a story was published, read from the two clocks of its post.

For long stretches of 2020 to 2022 the feed ran 8 or 16 hours ahead; the address tells the day in
Singapore and so shows it. Periods and rules are measured over 9,266 posts of NodeBE4/waimei; with
them the corrected day equals the day in the address in every one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from harvester.model import Instant
from harvester.post.post import Post

_SINGAPORE = timezone(timedelta(hours=8))
_ZERO, _EIGHT, _SIXTEEN = (timedelta(hours=hours) for hours in (0, 8, 16))
_SOURCES = {_ZERO: "post", _EIGHT: "post+8h", _SIXTEEN: "post+16h"}

_MENDED = datetime(2020, 7, 30, tzinfo=UTC)
_BROKEN_AGAIN = datetime(2021, 1, 21, 6, tzinfo=UTC)

# The shift of the feed from this value of `date` on; None where it is not known.
_PERIODS: tuple[tuple[datetime, timedelta | None], ...] = (
    (datetime(2022, 6, 15, tzinfo=UTC), _ZERO),
    (datetime(2022, 1, 11, tzinfo=UTC), None),
    (datetime(2021, 7, 1, tzinfo=UTC), _EIGHT),
    (datetime(2021, 5, 21, tzinfo=UTC), None),
    (_BROKEN_AGAIN, _SIXTEEN),
    (_MENDED, _ZERO),
    (datetime.min.replace(tzinfo=UTC), _EIGHT),
)

# The original generator writes the key `comments` since then; an older post with it is our own, and
# ours hold the right instant twice.
_COMMENTS_SINCE = datetime(2022, 2, 2, tzinfo=UTC)

# In 4 of 629 shifted posts publication lies up to 22 minutes after the fetch (`date`).
_FETCH_TOLERANCE = timedelta(minutes=30)
_DAY = timedelta(days=1)
# Only under /realtime/ is the day in the address that of publication; elsewhere it is a print day.
_PRINT_LEAD = timedelta(days=5)
_ISSUE_DAY = re.compile(r"/story([0-9]{4})([0-9]{2})([0-9]{2})-")


def published(post: Post) -> Instant:
    """Return the corrected instant; its source says what was taken off the epoch.

    `post`: nothing, `post+8h` and `post+16h`: a shift. `post-uncertain`: the clocks do not agree
    with the address under any shift, or the epoch is `NaN`; then it is `date`, which is only an
    upper bound.
    """
    epoch, midnight = post.epoch, _issue_midnight(post.url)
    if post.comments and epoch == post.date < _COMMENTS_SINCE:
        return Instant(post.date, "post")
    if epoch is None or midnight is None:
        return Instant(post.date, "post-uncertain")
    lead = _ZERO if "/realtime/" in post.url else _PRINT_LEAD
    fitting = [
        shift
        for shift in _SOURCES
        if -lead <= epoch - shift - midnight < _DAY
        and epoch - shift - post.date <= _FETCH_TOLERANCE
    ]
    if not fitting:
        return Instant(post.date, "post-uncertain")
    shift = _chosen(fitting, _shift_of_period(post.date, epoch), epoch - post.date)
    return Instant(epoch - shift, _SOURCES[shift])


def _chosen(fitting: list[timedelta], of_period: timedelta | None, ahead: timedelta) -> timedelta:
    """Return one of the fitting shifts; `ahead` is how far the epoch runs ahead of `date`."""
    if of_period in fitting:
        return of_period
    if len(fitting) > 1 and ahead > _ZERO:
        # Shifts lie 8 hours apart and the tolerance is shorter, so one of several is before `date`.
        return min(shift for shift in fitting if shift >= ahead)
    return min(fitting)


def _shift_of_period(date: datetime, epoch: datetime) -> timedelta | None:
    if _MENDED <= date < _BROKEN_AGAIN and epoch > date:
        return _EIGHT  # two posts of a feed that was right otherwise
    return next(shift for start, shift in _PERIODS if date >= start)


def _issue_midnight(url: str) -> datetime | None:
    """Return when the day in the address began in Singapore, if the address has one."""
    day = _ISSUE_DAY.search(url)
    if not day:
        return None
    try:
        return datetime(int(day[1]), int(day[2]), int(day[3]), tzinfo=_SINGAPORE)
    except ValueError:
        return None
