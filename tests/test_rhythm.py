"""How often a list is asked: bounds, order, and what the law says."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harvester.rhythm import expected, first_rate, jittered, pause, rate

NOW = datetime(2026, 10, 1, 4, 0, tzinfo=UTC)
SILENT = (math.nan,) * 24
# A list that brings nothing by night, most in the morning, then less and less.
DAY = (
    (0.0,) * 6
    + (4.0, 9.0, 12.0, 10.0, 9.0, 8.0, 7.0, 7.0, 6.0, 6.0, 5.0, 4.0, 4.0, 3.0)
    + (1.0,) * 4
)

_HOURS = st.tuples(*[st.floats(0, 200)] * 24)
_TIMES = st.integers(0, 27 * 366 * 86_400).map(
    lambda seconds: datetime(2013, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
_MINUTES = st.floats(0, 120)


def _singapore(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 10, 1, hour, minute, tzinfo=ZoneInfo("Asia/Singapore")).astimezone(UTC)


@given(_HOURS, _TIMES, st.integers(0, 200), _MINUTES)
def test_a_pause_is_between_2_and_60_minutes(
    hours: tuple[float, ...], now: datetime, recent: int, covered: float
) -> None:
    """Whatever is known, a list is asked at most every 2 minutes and at least every hour."""
    assert 120 <= pause(rate(hours, now, recent, covered)) <= 3600


@given(_HOURS, _TIMES, st.integers(0, 200), st.integers(0, 200), _MINUTES)
def test_more_news_never_means_a_longer_pause(
    hours: tuple[float, ...], now: datetime, recent: int, more: int, covered: float
) -> None:
    """One more story found lately never lets a list wait longer."""
    before, after = (pause(rate(hours, now, n, covered)) for n in (recent, recent + more))

    assert after <= before


@given(_HOURS, _TIMES, st.integers(0, 200), _MINUTES, _MINUTES)
def test_longer_silence_never_means_a_shorter_pause(
    hours: tuple[float, ...], now: datetime, recent: int, covered: float, longer: float
) -> None:
    """The same news in more time is less news, but silence at most halves the usual rate."""
    short, long = sorted((covered, longer))
    usual = rate(hours, now, 0, 0)

    assert rate(hours, now, recent, long) <= rate(hours, now, recent, short) * 1.000001
    assert rate(hours, now, recent, long) >= usual / 2


@pytest.mark.parametrize(
    ("stories_an_hour", "minutes"), [(0, 60), (1 / 3, 60), (3, 20), (12, 10), (48, 5), (1000, 2)]
)
def test_the_law(stories_an_hour: float, minutes: float) -> None:
    """Four times the news, half the pause: the square-root law of freshness, within its bounds."""
    assert pause(stories_an_hour / 60) == pytest.approx(60 * minutes, rel=1e-9)


@given(st.floats(0.006, 0.5), st.floats(0.2, 5))
def test_the_pause_is_the_best(stories: float, other: float) -> None:
    """No other pause costs less in requests and delay together."""

    def cost(minutes: float) -> float:
        return 10 / minutes + stories * minutes / 2

    best = pause(stories, shortest=0, longest=1e9) / 60

    assert cost(best) <= cost(best * other) * 1.000001


@given(st.floats(120, 3600), st.floats(0, 1, exclude_max=True))
def test_jitter_stays_in_bounds(wait: float, roll: float) -> None:
    """A jittered pause is within 10 % of the pause and never outside 2 to 60 minutes."""
    actual = jittered(wait, roll)

    assert 0.9 * wait <= actual <= 1.1 * wait
    assert 120 <= actual <= 3600


def test_jitter_spreads_the_longest_pauses() -> None:
    """Lists that all wait an hour do not come due together."""
    assert len({round(jittered(3600, n / 50)) for n in range(50)}) == 50


@given(_HOURS, _TIMES, st.floats(-3000, 3000), st.floats(-3000, 3000))
def test_expected_adds_up(
    hours: tuple[float, ...], start: datetime, first: float, second: float
) -> None:
    """What is expected in two spans one after the other is expected in both together."""
    middle, end = sorted(
        (start + timedelta(hours=abs(first)), start + timedelta(hours=abs(second)))
    )
    whole = expected(hours, start, end)

    assert whole == pytest.approx(
        expected(hours, start, middle) + expected(hours, middle, end), rel=1e-6, abs=1e-4
    )
    assert expected(hours, end, start) == 0


@given(_HOURS, _TIMES, st.integers(0, 500))
def test_a_day_brings_what_its_hours_bring(
    hours: tuple[float, ...], start: datetime, days: int
) -> None:
    """Every 24 hours, wherever they begin, bring the sum of the hours: there is no summer time."""
    assert expected(hours, start, start + timedelta(days=days)) == pytest.approx(
        days * sum(hours), rel=1e-6, abs=1e-4
    )


def test_hours_are_those_of_singapore() -> None:
    """The hour of a story is that of Singapore, in winter and in summer."""
    for month in (1, 7):
        eight = datetime(2026, month, 15, 8, tzinfo=ZoneInfo("Asia/Singapore"))

        assert expected(DAY, eight, eight + timedelta(hours=1)) == pytest.approx(DAY[8])
        assert expected(DAY, eight, eight + timedelta(minutes=90)) == pytest.approx(12 + 10 / 2)


@given(_HOURS, _TIMES)
def test_the_change_is_smooth(hours: tuple[float, ...], now: datetime) -> None:
    """From one second to the next the rate hardly moves."""
    before, after = (rate(hours, at, 0, 0) for at in (now, now + timedelta(seconds=1)))

    assert after == pytest.approx(before, abs=200 / 60 / 3000)


def test_the_morning_is_met() -> None:
    """A list that wakes at 6 is asked more often before 6."""
    night, dawn, morning = (
        pause(rate(DAY, _singapore(*time), 0, 120)) for time in ((3, 0), (5, 30), (8, 30))
    )

    assert night == 3600
    assert dawn < 1800
    assert morning < dawn


def test_news_is_followed_at_once() -> None:
    """Five stories in ten minutes of a quiet hour shorten the pause to less than half."""
    quiet = (1.0,) * 24

    assert pause(rate(quiet, NOW, 5, 10)) < pause(rate(quiet, NOW, 0, 10)) / 2


def test_a_usual_hour_stays_usual() -> None:
    """As much news as is usual leaves the rate as it is."""
    assert rate((6.0,) * 24, NOW, 12, 120) == pytest.approx(0.1)


def test_a_quiet_night_does_not_slow_the_morning() -> None:
    """Silence when silence is usual says nothing of the hour that begins."""
    dawn = _singapore(6)

    assert rate(DAY, dawn, 0, 120) == pytest.approx(rate(DAY, dawn, 0, 0))


def test_without_history() -> None:
    """Nothing known: six an hour by day, one by night, and news counts as ever."""
    assert rate(SILENT, _singapore(12), 0, 0) == pytest.approx(6 / 60)
    assert rate(SILENT, _singapore(2), 0, 0) == pytest.approx(1 / 60)
    assert rate(SILENT, _singapore(2), 30, 60) > 10 / 60


def test_an_hour_not_known_is_no_silent_hour() -> None:
    """Where only the morning is known the afternoon is taken as of any list, and awaits nothing."""
    half = (*DAY[:12], *SILENT[12:])

    assert rate(half, _singapore(9), 0, 0) == rate(DAY, _singapore(9), 0, 0)
    assert rate(half, _singapore(15), 0, 0) == pytest.approx(6 / 60)
    assert expected(half, _singapore(0), _singapore(20)) == pytest.approx(sum(DAY[:12]))


@given(st.lists(_TIMES, max_size=40), _TIMES)
def test_any_times_give_a_rate_or_none(times: list[datetime], now: datetime) -> None:
    """Times of a list in any order, also in the future, give a positive rate or none."""
    found = first_rate(times, now)

    assert found is None or found > 0


@given(st.integers(2, 60), st.floats(0.5, 300))
def test_a_list_tells_its_own_rate(cards: int, minutes: float) -> None:
    """A story every so many minutes in the list is one every so many minutes, pinned ones apart."""
    times = [NOW - timedelta(minutes=minutes * (n + 1)) for n in range(cards)]
    found = first_rate(times, NOW)
    assume(found is not None)

    assert found == pytest.approx(1 / minutes, rel=0.01)
    if cards > 5:
        pinned = first_rate([*times[:-1], NOW - timedelta(days=900)], NOW)
        assert pinned == pytest.approx(1 / minutes, rel=0.01)


@pytest.mark.parametrize("times", [[], [NOW], [NOW] * 5, [NOW + timedelta(hours=8)] * 5])
def test_too_few_times_give_no_rate(times: list[datetime]) -> None:
    """No times, one, or all the same moment: nothing can be told."""
    assert first_rate(times, NOW) is None
