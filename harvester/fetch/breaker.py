"""When a host in trouble is left alone, and for how long. Pure: nothing here asks or remembers.

    OPEN --3 failures in a row--> SHUT --the rest is over--> PROBE --answer--> OPEN
                                   ^                           |
                                   +----------failure----------+

What there is to know of a host is its number of failures in a row and the rest it was given, so
that a new start goes on where the last one ended.
"""

from __future__ import annotations

from enum import Enum
from random import Random
from typing import Final

_LIMIT: Final = 3
_FIRST: Final = 60.0
_LONGEST: Final = 6 * 3600.0
_PENANCE: Final = 3600.0
_JITTER: Final = 0.1
_DOUBLINGS: Final = 16  # beyond the longest; keeps the power small whatever was stored


class Gate(Enum):
    """Who is let through to a host."""

    OPEN = "open"
    PROBE = "probe"  # one request, whose outcome the others wait for
    SHUT = "shut"


def gate(failures: int, rest_left: float, *, probing: bool) -> Gate:
    """Say who is let through; `rest_left` is in seconds, `probing` means a probe is under way."""
    if failures < _LIMIT:
        return Gate.OPEN
    return Gate.SHUT if probing or rest_left > 0 else Gate.PROBE


def pause(failures: int, dice: Random) -> float:
    """Return the seconds of rest after so many failures in a row: 0, then 1 min to 6 h, ±10 %."""
    if failures < _LIMIT:
        return 0.0
    doubled = _FIRST * 2.0 ** min(failures - _LIMIT, _DOUBLINGS)
    return min(doubled, _LONGEST) * dice.uniform(1 - _JITTER, 1 + _JITTER)


def penance(times: int) -> float:
    """Return the seconds of rest after so many requests in a row that were too many."""
    return min(_FIRST * 2.0 ** min(times - 1, _DOUBLINGS), _PENANCE)


def is_trouble(status: int) -> bool:
    """Say whether a status means that the host is in trouble, or wants to be asked less."""
    return status >= 500 or status == 429
