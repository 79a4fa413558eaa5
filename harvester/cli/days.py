"""Days as people give them: a date, or an age."""

from __future__ import annotations

import re
from datetime import date, timedelta

from harvester.errors import UsageError

_AGE = re.compile(r"(\d{1,5})([dwmy])")


# Beyond these there is nothing to find, and no room for days around them.
_FIRST, _LAST = date(1900, 1, 1), date(2999, 12, 31)


def parse_day(text: str, today: date, option: str) -> date:
    """Return the day that `2021-11-01` or an age such as `7d`, `2w`, `3m`, `2y` names.

    Raises `UsageError` that names the option.
    """
    age = _AGE.fullmatch(text.strip())
    try:
        day = _ago(int(age[1]), age[2], today) if age else date.fromisoformat(text.strip())
        return max(_FIRST, min(day, _LAST))
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option}: {text!r} is neither a day such as 2021-11-01 nor an age such as 7d, 3m, 2y"
        ) from None


def _ago(number: int, unit: str, today: date) -> date:
    if unit in "dw":
        return today - timedelta(days=number * (7 if unit == "w" else 1))
    months = today.year * 12 + today.month - 1 - number * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(today.day, last))
