"""The corrected instant of publication."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harvester.model import Instant
from harvester.post import Post, published, read_post


def _post(date: str, epoch: str, day: str, section: str = "realtime/china") -> Post:
    """Return an old post with these clocks (minutes of UTC; epoch may be `NaN`)."""
    if epoch != "NaN":
        epoch = str(int(_utc(epoch).timestamp()) * 1000)
    return Post(
        header_title="钟",
        date=_utc(date),
        author="联合早报",
        url=f"https://www.zaobao.com/{section}/story{day}-1000001",
        tags=("联合早报",),
        categories=("联合早报",),
        epoch_text=epoch,
        link_title="钟",
        body="",
        comments=False,
    )


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "epoch", "day", "at", "source"),
    [
        # The six periods, each at its edges.
        ("2020-07-21T10:00", "2020-07-21T10:00", "20200721", "2020-07-21T02:00", "post+8h"),
        ("2020-07-29T23:59", "2020-07-30T07:50", "20200730", "2020-07-29T23:50", "post+8h"),
        ("2020-07-30T00:00", "2020-07-30T00:00", "20200730", "2020-07-30T00:00", "post"),
        ("2021-01-21T05:59", "2021-01-21T05:59", "20210121", "2021-01-21T05:59", "post"),
        ("2021-01-21T06:00", "2021-01-21T20:00", "20210121", "2021-01-21T04:00", "post+16h"),
        ("2021-05-20T23:00", "2021-05-21T14:00", "20210521", "2021-05-20T22:00", "post+16h"),
        ("2021-07-01T05:00", "2021-07-01T12:00", "20210701", "2021-07-01T04:00", "post+8h"),
        ("2022-01-10T05:00", "2022-01-10T12:00", "20220110", "2022-01-10T04:00", "post+8h"),
        ("2022-06-15T00:00", "2022-06-15T00:00", "20220615", "2022-06-15T00:00", "post"),
        # A feed that ran ahead while it was right otherwise.
        ("2020-10-02T07:30", "2020-10-02T13:09", "20201002", "2020-10-02T05:09", "post+8h"),
        # The corrected time may lie up to half an hour after the fetch, not more.
        ("2020-07-23T12:30", "2020-07-23T21:00", "20200723", "2020-07-23T13:00", "post+8h"),
        ("2020-07-23T12:30", "2020-07-23T21:01", "20200723", "2020-07-23T05:01", "post+16h"),
        # The shift of the period does not fit the address: the one that does.
        ("2023-02-01T05:00", "2023-02-01T17:00", "20230201", "2023-02-01T01:00", "post+16h"),
        # The gaps: one fits; several fit and the epoch is ahead; several fit and it is not.
        ("2021-06-01T18:00", "2021-06-01T18:00", "20210601", "2021-06-01T10:00", "post+8h"),
        ("2022-03-01T12:00", "2022-03-01T15:00", "20220301", "2022-03-01T07:00", "post+8h"),
        ("2022-03-01T15:00", "2022-03-01T15:00", "20220301", "2022-03-01T15:00", "post"),
        # 0 is not among those that fit.
        ("2022-03-01T16:30", "2022-03-01T16:30", "20220301", "2022-03-01T08:30", "post+8h"),
        # Nothing fits, there is no epoch, or the address has no day.
        ("2022-03-01T15:00", "2022-03-01T15:00", "20220305", "2022-03-01T15:00", "post-uncertain"),
        ("2023-02-01T05:00", "NaN", "20230201", "2023-02-01T05:00", "post-uncertain"),
        ("2023-02-01T05:00", "2023-02-01T05:00", "20230299", "2023-02-01T05:00", "post-uncertain"),
        ("2023-02-01T05:00", "2023-02-01T05:00", "", "2023-02-01T05:00", "post-uncertain"),
    ],
)
def test_the_shift_of_the_feed_is_taken_off(
    date: str, epoch: str, day: str, at: str, source: str
) -> None:
    """The period proposes a shift, the day in the address decides."""
    assert published(_post(date, epoch, day)) == Instant(_utc(at), source)


@pytest.mark.parametrize(
    ("day", "source"),
    [
        ("20230201", "post"),
        ("20230206", "post"),
        ("20230207", "post-uncertain"),
        ("20230131", "post+16h"),
        ("20230130", "post-uncertain"),
    ],
)
def test_a_print_day_may_lie_up_to_five_days_later(day: str, source: str) -> None:
    """Outside /realtime/ the address names the issue, not the day of publication."""
    post = _post("2023-02-01T00:00", "2023-02-01T00:00", day, "news/china")

    assert published(post).source == source


def test_a_post_past_the_calendar_is_no_crash() -> None:
    """Clocks at the end of datetime's range are judged like all others."""
    post = _post("9999-12-31T23:59", "9999-12-31T23:59", "99991231")

    assert published(post).source == "post+8h"


@pytest.mark.shared
def test_real_posts_fall_on_the_day_of_their_address(shared: Path) -> None:
    """For every real post under /realtime/ the corrected Singapore day is that of its address."""
    folders = [shared / "seeds", shared / "corpus" / "zaobao"]
    posts = [read_post(path.read_bytes()) for folder in folders for path in folder.glob("*.md")]
    found = {post.url: _singapore_day(post) for post in posts if "/realtime/" in post.url}

    assert found == {url: re.findall(r"story(\d{8})-", url)[0] for url in found}
    assert len(found) > 300


def _singapore_day(post: Post) -> str:
    return (published(post).at + timedelta(hours=8)).strftime("%Y%m%d")
