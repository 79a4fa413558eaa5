"""Moments in every form the site has used."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import Unreadable
from harvester.model import Era
from harvester.zaobao import read_article, story_ref
from harvester.zaobao.times import parse_day, parse_instant
from harvester.zaobao.urls import singapore_day
from tests.support.figures import Figures
from tests.support.pages import LONG, page, paragraphs

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
    # and with zones that others write
    ("2021-01-22T07:33:21z", WITH_SECONDS),
    ("2021-01-22 07:33:21 UTC", WITH_SECONDS),
    ("2021-01-22 07:33:21 GMT", WITH_SECONDS),
    ("2021-01-22 15:33:21 GMT+0800", WITH_SECONDS),
    ("2021-01-22 15:33 UTC+8", AFTERNOON),
    ("2021-01-22T15:33:21+08", WITH_SECONDS),
    ("2021-01-22T02:33:21-05", WITH_SECONDS),
    ("2021-01-22T02:33:21\N{MINUS SIGN}05:00", WITH_SECONDS),
    ("2021-01-22 23:59 SGT", BEFORE_MIDNIGHT),
    ("2021-01-21 16:00 UTC", MIDNIGHT),
    ("2021-01-22 15:33 +0800", AFTERNOON),
    ("2021-01-22 15:33:21 +0800", WITH_SECONDS),
    ("2021-01-22 02:33:21 -05:00", WITH_SECONDS),
    # counters and ranges are no zones
    ("2021-01-22 15:33 -2", AFTERNOON),
    ("2021-01-22 15:33 +1 更新", AFTERNOON),
    ("2021-01-22 15:33-16:33", AFTERNOON),
    ("2021-01-22 15:33 - 16:33", AFTERNOON),
    # and without: the clock of the site
    ("2021-01-22T15:33:21", WITH_SECONDS),
    ("2021-01-22 15:33:21", WITH_SECONDS),
    ("2021-01-22 15:33", AFTERNOON),
    ("2021-01-22 00:00", MIDNIGHT),
    ("2021/01/22 15:33", AFTERNOON),
    ("2021-01-22 15:33 zaobao.com", AFTERNOON),
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
    *("0000000000", "0000000000000", "2021-01-22T15:33-5:99", "2021-01-22T15:33+25"),
    *("2021-01-22T15:33:21+99:99", None, True, False, [], {}, b"2021-01-22T15:33:21Z", 0, -1),
]


ERAS = sorted(set(Era) - {Era.POST})
FETCHED = datetime(2021, 2, 1, tzinfo=UTC)
_BYLINE = re.compile(r"\d{4}年\d+月\d+日 \d+:\d\d [AP]M")


def stating(value: object, era: Era, where: str, byline: str = "") -> datetime:
    """Return the moment that is read from a page that states it there, its byline another."""
    node = json.dumps({"@type": "NewsArticle", "headline": "", "datePublished": value})
    stated = {
        "json-ld": f'<script type="application/ld+json">{node}</script>',
        "meta": f'<meta property="article:published_time" content="{value}">',
        "byline": "",
    }
    html = page(paragraphs([LONG, LONG[::-1]]), era=era, head='<meta charset="utf-8"><head-end>')
    html = _BYLINE.sub(str(value) if where == "byline" else byline, html)
    html = html.replace("<head-end>", stated[where])
    ref = story_ref("/realtime/china/story20210122-1370001")
    return read_article(html.encode(), ref, FETCHED).published.at


def is_read(value: object, era: Era) -> bool:
    """Say whether a page that states this, and nothing else, has a time."""
    try:
        stating(value, era, "json-ld")
    except Unreadable as problem:
        return "time of publication" not in problem.problem  # another reason would prove nothing
    return True


@pytest.mark.gate("A4", "times")
def test_no_form_is_off_by_a_day(figures: Figures) -> None:
    """Fifty forms, each by itself, and in scripts and metas of a page of every era."""
    assert len({value for value, _ in FORMS}) == len(FORMS) >= 50
    alone = [(parse_instant(value), at) for value, at in FORMS]
    wrong = sum(found is None or singapore_day(found) != singapore_day(at) for found, at in alone)
    figures.none("forms off by a day", wrong, of=len(FORMS))
    pages = [
        (value, era, where, at)
        for value, at in FORMS
        for era in ERAS
        for where in ("json-ld", "meta", "byline")
        if where == "json-ld"
        or (where == "meta" and not isinstance(value, float))  # a number of JSON alone
        or "年" in str(value)  # bylines are for readers
    ]
    other = [each for each in pages if stating(*each[:3], "2021年1月30日 8:00 AM") != each[3]]
    figures.none("pages with another moment", len(other), of=len(pages))


@pytest.mark.gate("A4", "times")
def test_no_time_no_post_and_none_from_the_future(figures: Figures) -> None:
    """What states no moment, or one more than 48 hours ahead, is refused in every era."""
    days = (parse_day, "2021年1月22日", "2021年2月30日")  # a day is a time in one small template
    stated = [value for value in NO_MOMENTS if value not in days and not isinstance(value, bytes)]
    read = [value for era in ERAS for value in stated if is_read(value, era)]
    figures.none("pages without a time that were read", len(read), of=len(stated) * len(ERAS))
    ahead = [timedelta(hours=48, seconds=1), timedelta(days=9), timedelta(days=365 * 60)]
    near = [timedelta(hours=hours) for hours in (-1, 1, 47, 48)]
    read = [d for era in ERAS for d in ahead if is_read((FETCHED + d).isoformat(), era)]
    figures.none("pages of the future that were read", len(read), of=len(ahead) * len(ERAS))
    near = [d for d in near if is_read((FETCHED + d).isoformat(), Era.SG_2024)]
    figures.all("pages of the next two days that were read", len(near), of=4)


def test_a_leap_second_is_told_by_the_byline() -> None:
    """Second 60 is no moment of ours; the same page's byline is."""
    read = stating("2021-01-22T15:59:60Z", Era.SG_2019, "json-ld", "2021年1月22日 11:59 PM")

    assert read == BEFORE_MIDNIGHT


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
