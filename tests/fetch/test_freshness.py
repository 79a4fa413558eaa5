"""Cache-Control, Expires, Age: for how long an answer is fresh."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from harvester.fetch.freshness import LONGEST, max_age

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
DATE = "Sun, 01 Nov 2026 12:00:00 GMT"
IN_A_MINUTE = "Sun, 01 Nov 2026 12:01:00 GMT"
NAMES = ("Cache-Control", "Expires", "Date", "Age")


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ("max-age=60", 60.0),
        ("public, max-age=60, s-maxage=5", 60.0),
        ("MAX-AGE=60", 60.0),
        ('max-age="60"', 60.0),
        ("s-maxage=60", None),
        ("private", None),
        ("", None),
        ("max-age=0", 0.0),
        ("max-age=60, max-age=5", 60.0),
        ("no-store, max-age=60", 0.0),
        ("no-cache", 0.0),
        ('private="x, max-age=5", max-age=60', 60.0),
        ("max-age=99999999", LONGEST),
        ("max-age=" + "9" * 5000, LONGEST),
        ("max-age=soon", 0.0),
        ("max-age=-60", 0.0),
        ("max-age", 0.0),
    ],
)
def test_cache_control_says_how_long(control: str, expected: float | None) -> None:
    """`max-age` counts, `no-store` and `no-cache` overrule it, the unreadable means stale."""
    assert expected == max_age(CIMultiDict({"Cache-Control": control}), NOW)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Age": "10"}, None),
        ({"Cache-Control": "max-age=60", "Age": "10"}, 50.0),
        ({"Cache-Control": "max-age=60", "Age": "100"}, 0.0),
        ({"Cache-Control": "max-age=60", "Age": "old"}, 60.0),
        ({"Cache-Control": "max-age=" + "9" * 400, "Age": "9" * 400}, 0.0),
        ({"Expires": IN_A_MINUTE}, 60.0),
        ({"Expires": IN_A_MINUTE, "Age": "10"}, 50.0),
        ({"Expires": IN_A_MINUTE, "Date": "Sun, 01 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"Expires": DATE, "Date": DATE}, 0.0),
        ({"Expires": "0"}, 0.0),
        ({"Expires": "Sun, 01 Nov 2099 12:00:00 GMT"}, LONGEST),
        ({"Expires": IN_A_MINUTE, "Cache-Control": "max-age=5"}, 5.0),
        ({"Expires": IN_A_MINUTE, "Cache-Control": "no-cache"}, 0.0),
    ],
)
def test_the_age_is_taken_off_and_expires_comes_second(
    headers: dict[str, str], expected: float | None
) -> None:
    """What lay in a cache on the way is less fresh; Expires counts where max-age is not said."""
    assert expected == max_age(CIMultiDict(headers), NOW)


def test_several_lines_of_cache_control_are_one() -> None:
    """A header may be sent in pieces (RFC 9110, 5.3)."""
    headers = CIMultiDict([("Cache-Control", "public"), ("cache-control", "max-age=60")])

    assert max_age(headers, NOW) == 60.0


values = (
    st.text(max_size=80)
    | st.from_regex(
        r"\A(max-age|no-cache|private|[a-z]{1,3})(=\"?-?\d{0,6}\"?)?(, ?max-age=\d+)?\Z"
    )
    | st.from_regex(r"\A[A-Z][a-z]{2}, ?\d{1,3} [A-Z][a-z]{2} \d{1,6} \d\d:\d\d:\d\d [-+A-Z0-9]+\Z")
    | st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT"))
)


@given(st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=6))
def test_freshness_never_raises(headers: list[tuple[str, str]]) -> None:
    """Whatever a server writes there, the outcome is a number within bounds or None."""
    seconds = max_age(CIMultiDict(headers), NOW)

    assert seconds is None or 0 <= seconds <= 86400
