"""Moments in every form the site has used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.zaobao.times import parse_day, parse_instant

AFTERNOON = datetime(2021, 1, 22, 7, 33, tzinfo=UTC)  # 15:33 in Singapore
WITH_SECONDS = datetime(2021, 1, 22, 7, 33, 21, tzinfo=UTC)
MIDNIGHT = datetime(2021, 1, 21, 16, 0, tzinfo=UTC)  # 00:00
AFTER_MIDNIGHT = datetime(2021, 1, 21, 16, 30, tzinfo=UTC)  # 00:30
NOON = datetime(2021, 1, 22, 4, 0, tzinfo=UTC)  # 12:00
AFTER_NOON = datetime(2021, 1, 22, 4, 30, tzinfo=UTC)  # 12:30
BEFORE_MIDNIGHT = datetime(2021, 1, 22, 15, 59, tzinfo=UTC)  # 23:59
MORNING = datetime(2021, 1, 22, 1, 5, tzinfo=UTC)  # 09:05

FORMS = [
    # RFC 3339 with a zone
    ("2021-01-22T15:33:21+08:00", WITH_SECONDS),
    ("2021-01-22T15:33:21+0800", WITH_SECONDS),
    ("2021-01-22T07:33:21Z", WITH_SECONDS),
    ("2021-01-22T07:33:21.000Z", WITH_SECONDS),
    ("2021-01-22T02:33:21-05:00", WITH_SECONDS),
    ("2021-01-22T13:03:21.5+05:30", WITH_SECONDS),
    ("2021-01-22T00:00:00+08:00", MIDNIGHT),
    ("2021-01-22T15:33+08:00", AFTERNOON),
    ("2021-01-21T23:59:00-08:00", AFTERNOON + timedelta(minutes=26)),
    # and without: the clock of the site
    ("2021-01-22T15:33:21", WITH_SECONDS),
    ("2021-01-22 15:33:21", WITH_SECONDS),
    ("2021-01-22 15:33", AFTERNOON),
    ("2021-01-22 00:00", MIDNIGHT),
    ("2021/01/22 15:33", AFTERNOON),
    ("2021/1/22  9:05", MORNING),
    ("2021-1-22 9:05", MORNING),
    # JSON-LD of 2019 to 2024
    ("01/22/2021 - 15:33", AFTERNOON),
    ("01/22/2021 - 15:33:21", WITH_SECONDS),
    ("01/22/2021 - 00:00", MIDNIGHT),
    ("01/22/2021-23:59", BEFORE_MIDNIGHT),
    # bylines, 12-hour clock
    ("发布 / 2021年1月22日 3:33 PM", AFTERNOON),
    ("发布/2021年1月22日 3:33 PM", AFTERNOON),
    ("发布 / 2021年01月22日 03:33 pm", AFTERNOON),
    ("2021年1月22日 3:33:21 PM", WITH_SECONDS),
    ("2021年1月22日 12:00 AM", MIDNIGHT),
    ("2021年1月22日 12:30 AM", AFTER_MIDNIGHT),
    ("2021年1月22日 12:00 PM", NOON),
    ("2021年1月22日 12:30 p.m.", AFTER_NOON),
    ("2021年1月22日 11:59 PM", BEFORE_MIDNIGHT),
    ("2021年1月22日 9:05 AM", MORNING),
    ("2021年1月22日 下午3:33", AFTERNOON),
    ("2021年1月22日 上午9:05", MORNING),
    ("2021年1月22日 凌晨12:30", AFTER_MIDNIGHT),
    ("2021年1月22日 中午12:30", AFTER_NOON),
    # bylines, 24-hour clock
    ("发布/2021年1月22日 15:33", AFTERNOON),
    ("2021年1月22日 星期五 15:33", AFTERNOON),
    ("2021年 1月 22日 15：33", AFTERNOON),
    # seconds and milliseconds since 1970
    (1611300801, WITH_SECONDS),
    ("1611300801000", WITH_SECONDS),
    (1611300801.9, WITH_SECONDS),
]

NO_MOMENTS: list[object] = [
    *("", "  ", "今天", "2021年1月22日", "2021-01-22", "22/01/2021", "15:33", "3 小时前"),
    *("22/01/2021 - 15:33", "13/01/2021 - 15:33", "2021-13-01 15:33", "2021-02-30 15:33"),
    *("2021-01-22 24:00", "2021-01-22 15:60", "2021年2月30日 3:33 PM", "2021年1月22日 25:00"),
    *("0000-00-00 00:00:00", "0001-01-01 00:00", "161130080", "16113008010", "1.6e9"),
    *("2021-01-22T15:33:21+99:99", None, True, False, [], {}, b"2021-01-22T15:33:21Z", 0, -1),
]


def test_there_are_forty_forms() -> None:
    """The threat model asks for 40 forms."""
    assert len(FORMS) == 40


@pytest.mark.parametrize(("value", "instant"), FORMS)
def test_the_moment_is_exact(value: object, instant: datetime) -> None:
    """Each form names one moment, of UTC+8 where no zone is given, to the second where stated."""
    parsed = parse_instant(value)

    assert instant == parsed
    assert parsed is not None
    assert parsed.utcoffset() == timedelta(0)


@pytest.mark.parametrize("value", NO_MOMENTS, ids=repr)
def test_what_is_no_moment_is_refused(value: object) -> None:
    """A day without a time, a time that cannot be, and other kinds of values are no moment."""
    assert parse_instant(value) is None


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_numbers_without_a_value_are_no_moment(value: float) -> None:
    """JSON of the site may hold `Infinity`, `NaN` or 1e999; Python's reader accepts them."""
    assert parse_instant(value) is None


@pytest.mark.parametrize(
    ("text", "hour"),
    [(f"2021年1月22日 {hour % 12 or 12}:07 {'AP'[hour >= 12]}M", hour) for hour in range(24)],
)
def test_every_hour_of_the_12_hour_clock(text: str, hour: int) -> None:
    """The 24 hours of the 12-hour clock are told apart."""
    singapore = timezone(timedelta(hours=8))

    assert datetime(2021, 1, 22, hour, 7, tzinfo=singapore) == parse_instant(text)


# hypothesis asks for bounds without a zone
_FIRST, _LAST = (datetime(year, 1, 1) for year in (2013, 2099))  # noqa: DTZ001


@given(
    st.datetimes(_FIRST, _LAST),
    st.sampled_from([None, 0, 8, -5, 5.5]),
)
def test_iso_moments_are_read_back(local: datetime, hours: float | None) -> None:
    """What the standard library writes is read back, in the zone of the site if there is none."""
    zone = timezone(timedelta(hours=8 if hours is None else hours))
    aware = local.replace(microsecond=0, tzinfo=zone)
    written = (aware if hours is not None else aware.replace(tzinfo=None)).isoformat()

    assert aware == parse_instant(written)


@given(
    st.text()
    | st.integers()
    | st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
)
def test_any_value_is_a_moment_or_none(value: object) -> None:
    """No value raises."""
    parsed = parse_instant(value)

    assert parsed is None or parsed.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2017年3月03日 星期五", datetime(2017, 3, 2, 16, 0, tzinfo=UTC)),
        ("发布：2017年12月31日", datetime(2017, 12, 30, 16, 0, tzinfo=UTC)),
        ("2017年2月30日", None),
        ("3月3日", None),
        ("", None),
    ],
)
def test_a_day_begins_at_midnight_of_the_site(text: str, day: datetime | None) -> None:
    """A day without a time stands for its first moment in UTC+8."""
    assert day == parse_day(text)
