"""Values of HTTP fields. Pure; whatever a server writes there, nothing is raised."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def parse_seconds(text: str) -> float | None:
    """Return a number of seconds (RFC 9111, 1.2.2); None if it is none; infinite if too long."""
    text = text.strip()
    return float(text) if text.isascii() and text.isdigit() else None


def seconds_until(text: str, now: datetime) -> float | None:
    """Return the seconds from `now` to a date (RFC 9110, 5.6.7), negative if past; None if none."""
    try:
        at = parsedate_to_datetime(text)
        return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    except (ValueError, OverflowError):
        return None
