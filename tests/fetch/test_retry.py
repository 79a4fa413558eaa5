"""Retry-After: both forms, and never an untyped error."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.fetch.retry import LONGEST_REST, parse_retry_after

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("999999999", LONGEST_REST),
        ("9" * 5000, LONGEST_REST),
        ("Sun, 01 Nov 2026 12:02:00 GMT", 120.0),
        ("Sun, 01 Nov 2026 20:02:00 +0800", 120.0),
        ("Sun, 01 Nov 2026 12:02:00 -0000", 120.0),
        ("Sunday, 01-Nov-26 12:02:00 GMT", 120.0),
        ("Sun, 01 Nov 2026 11:00:00 GMT", 0.0),
        ("Sun, 01 Nov 2099 12:00:00 GMT", LONGEST_REST),
        ("Sun, 99 Nov 2026 12:02:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    """Both forms give seconds from now, 0 to a day; what cannot be read is as good as absent."""
    assert seconds == parse_retry_after(value, NOW)


@given(
    st.text()
    | st.from_regex(r"\A[A-Z][a-z]{2}, ?\d{1,3} [A-Z][a-z]{2} \d{1,6} \d\d:\d\d:\d\d [-+A-Z0-9]+\Z")
)
def test_retry_after_never_raises(value: str) -> None:
    """Whatever a server writes there, the outcome is a number within bounds or None."""
    seconds = parse_retry_after(value, NOW)

    assert seconds is None or 0 <= seconds <= LONGEST_REST
