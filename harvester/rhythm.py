"""How often a list is asked. Pure decisions: plain values in and out, no clock.

A request costs the site and us something, waiting costs the news its freshness. Let one request be
worth `worth` article-minutes of delay. Asked every `p` minutes, a list with `r` stories a minute
costs `worth / p` for requests and `r * p / 2` for delay, for a story waits half a pause on average.
The sum is least at `p = sqrt(2 * worth / r)`: four times the news, half the pause.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

# Singapore has kept UTC+8, without daylight saving, since 1982 (IANA tz database, Asia/Singapore).
_SINGAPORE = timedelta(hours=8)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
# Half of the longest pause: so the morning is met and not overslept.
_AHEAD = timedelta(minutes=30)
SHORTEST, LONGEST = 120.0, 3600.0
# The hours of a list of which nothing is known: stories an hour.
_UNKNOWN = (1.0,) * 6 + (6.0,) * 18
# A list that never had a story at this hour may have one: stories a minute.
_LEAST = 0.1 / 60
# The past weighs as much as one story, at most so many minutes: news outweighs a quiet hour.
_TRUST = 60.0


def rate(hours: tuple[float, ...], now: datetime, recent: int, covered: float) -> float:
    """Return how many fresh stories a minute are to be expected now.

    `hours` are 24 mean numbers of fresh stories an hour, of the Singapore day; NaN where an hour is
    not known. The usual rate of this hour, or of half an hour on if that is more, is set
    right by the `recent` stories found in the last `covered` minutes, compared with what was usual
    then: more of them raise it at once, as far as one story or an hour of the past allows; fewer
    lower it, at most by half.
    """
    day = _known(hours, _UNKNOWN)
    usual = max(_LEAST, _at(day, now) / 60, _at(day, now + _AHEAD) / 60)
    foreseen = expected(day, now - timedelta(minutes=covered), now)
    if recent < foreseen:
        return usual * max(0.5, (1 + recent) / (1 + foreseen))
    return usual + (recent - foreseen) / (min(1 / usual, _TRUST) + covered)


def pause(
    rate: float, *, shortest: float = SHORTEST, longest: float = LONGEST, worth: float = 10.0
) -> float:
    """Return the best pause in seconds for `rate` stories a minute, between the two bounds.

    `worth` is how many article-minutes of delay one request may save.
    """
    if rate <= 0:
        return longest
    return min(longest, max(shortest, 60 * math.sqrt(2 * worth / rate)))


def jittered(pause: float, roll: float) -> float:
    """Return a pause within 10 % of `pause`, for a `roll` in [0, 1).

    At the bounds it is spread to the inner side only, evenly, so that lists that all wait the
    longest pause do not come due together.
    """
    low = max(0.9 * pause, min(pause, SHORTEST))
    high = min(1.1 * pause, max(pause, LONGEST))
    return min(high, low + (high - low) * roll)


def expected(hours: tuple[float, ...], since: datetime, until: datetime) -> float:
    """Return how many fresh stories `hours` (see `rate`) let expect between two instants.

    None in hours of which nothing is known, or where `until` is not after `since`. Takes the same
    time for years as for minutes.
    """
    hours = _known(hours, (0.0,) * 24)
    return max(0.0, _until(hours, until) - _until(hours, since))


def first_rate(times: Sequence[datetime], now: datetime) -> float | None:
    """Return the stories a minute that the times stated in a list itself show, None if too few.

    Only the newer half is looked at: lists keep old stories pinned. Times in the future count as
    now.
    """
    ages = sorted(max(timedelta(0), now - time) for time in times)
    half = (len(ages) + 1) // 2
    span = ages[half - 1] / timedelta(minutes=1) if len(ages) > 1 else 0.0
    return half / span if span else None


def _known(hours: tuple[float, ...], otherwise: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(
        other if math.isnan(hour) else hour for hour, other in zip(hours, otherwise, strict=True)
    )


def _singapore_hours(at: datetime) -> float:
    """Return the hours since the start of a day in Singapore long ago."""
    return (at - _EPOCH + _SINGAPORE) / _HOUR


def _at(hours: tuple[float, ...], at: datetime) -> float:
    """Return the stories an hour at an instant: straight lines between the middles of the hours."""
    whole, part = divmod(_singapore_hours(at) - 0.5, 1)
    here, following = hours[int(whole) % 24], hours[int(whole + 1) % 24]
    return here + (following - here) * part


def _until(hours: tuple[float, ...], at: datetime) -> float:
    """Return the stories from the start of `_singapore_hours` to an instant."""
    days, hour = divmod(_singapore_hours(at), 24)
    whole = int(hour)
    return days * sum(hours) + sum(hours[:whole]) + hours[whole] * (hour - whole)
