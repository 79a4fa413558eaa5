"""What the CDX server writes, read by the letter."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.elsewhere.wayback import issue_days, read_lines
from harvester.errors import SourceUnreadable
from harvester.model import Scope
from tests.elsewhere.support import story

URL = "https://web.archive.org/cdx/search/cdx"
HEADER = ["urlkey", "timestamp", "original", "digest"]
TODAY = date(2026, 11, 21)


def row(number: int, timestamp: str = "20211107010203") -> list[str]:
    """Return a row about a story."""
    return ["key", timestamp, story(number), f"DIGEST{number}"]


def written(*rows: list[str]) -> bytes:
    """Return rows as the server writes them."""
    return ("[" + ",\n".join(map(json.dumps, [HEADER, *rows])) + "]\n").encode()


rows = st.lists(st.integers(1, 10**7).map(row), max_size=8)


@given(rows, st.text(max_size=20))
def test_rows_and_the_key_are_read_as_they_were_written(told: list[list[str]], key: str) -> None:
    """Each row is one capture, and a key after an empty row says how to go on."""
    tail = [[], [key]] if key else []

    lines = read_lines(written(*told, *tail), URL)

    assert [each[2] for each in told] == [seen.url for seen in lines.seen]
    assert [each[3] for each in told] == [seen.digest for seen in lines.seen]
    assert (lines.resume, lines.broken) == (key, 0)


@given(rows, st.integers(0, 2_000))
def test_an_answer_that_breaks_off_gives_what_is_whole(told: list[list[str]], cut: int) -> None:
    """Of a damaged answer the whole rows are taken, and nothing else."""
    body = written(*told)[:cut]
    try:
        lines = read_lines(body, URL)
    except SourceUnreadable:
        return

    whole = [each[2] for each in told]
    assert whole[: len(lines.seen)] == [seen.url for seen in lines.seen]
    assert len(lines.seen) >= body.count(b"]") - 2


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: f"[{text}".encode()))
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    """Nothing but SourceUnreadable comes of odd answers."""
    with suppress(SourceUnreadable):
        read_lines(body, URL)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
)


@given(st.lists(json_values, max_size=5), rows)
def test_lines_of_another_kind_do_no_harm(odd: list[object], told: list[list[str]]) -> None:
    """Between odd lines the good ones are found; each odd one is counted, but for the end."""
    odd = [each for each in odd if each != []]
    body = json.dumps([HEADER, *odd, *told]).encode()

    lines = read_lines(body, URL)

    assert [each[2] for each in told] == [seen.url for seen in lines.seen]
    assert len(odd) == lines.broken


@pytest.mark.parametrize(
    "body",
    [
        b"org.archive.wayback.exception.AdministrativeAccessControlException: Blocked Site Error",
        b"<html><title>Internet Archive: Temporarily Offline</title></html>",
        b"",
        b"\n",
        b'[["no","fields","of","ours"]]',
        b"[" * 100_000,
    ],
)
def test_words_of_an_error_are_no_index(body: bytes) -> None:
    """With status 200 too; the problem says what was there instead, in few words."""
    with pytest.raises(SourceUnreadable) as caught:
        read_lines(body, URL)

    assert len(caught.value.problem) < 200


def test_no_captures_is_an_answer() -> None:
    """An empty list is an index that has nothing."""
    assert read_lines(b"[]\n", URL).seen == ()


def test_what_is_no_story_is_left_out() -> None:
    """Not every address that begins like a story's is one."""
    other = ["key", "20211107010203", f"{story(1)}/amp", "D"]

    lines = read_lines(written(other, row(2)), URL)

    assert ([story(2)], 0) == ([seen.url for seen in lines.seen], lines.broken)


@pytest.mark.parametrize("timestamp", ["2021", "20211399000000", "", "2021110701020x"])
def test_a_line_with_a_broken_instant_is_counted(timestamp: str) -> None:
    """One line that cannot be read costs no other."""
    lines = read_lines(written(row(1, timestamp), row(2)), URL)

    assert ([story(2)], 1) == ([seen.url for seen in lines.seen], lines.broken)


days = st.dates(date(2013, 1, 1), date(2026, 11, 21))


@given(days, st.integers(0, 1_500), st.integers(0, 1_500))
def test_each_day_of_a_scope_is_asked_for_once(since: date, length: int, nth: int) -> None:
    """Its months, or years, cover it and do not overlap."""
    until = since + timedelta(days=length)
    day = since + timedelta(days=min(nth, length))

    starts = issue_days(Scope(since, until), TODAY)

    assert [f"{day:%Y%m%d}".startswith(start) for start in starts].count(True) == 1
    assert {len(start) for start in starts} in [{4}, {6}]
    if length <= 92:
        assert len(starts[0]) == 6
    if length > 124:
        assert len(starts[0]) == 4


@pytest.mark.parametrize(
    ("since", "until", "starts"),
    [
        (None, None, [""]),
        (date(2026, 10, 30), None, ["202610", "202611"]),
        (date(2025, 1, 1), None, ["2025", "2026"]),
        (date(2021, 12, 1), date(2022, 1, 2), ["202112", "202201"]),
        (date(2022, 1, 1), date(2021, 1, 1), []),
    ],
)
def test_an_open_end_is_today_and_none_is_all(
    since: date | None, until: date | None, starts: list[str]
) -> None:
    """Issues of the next days are out already, so the end lies a little ahead."""
    assert starts == issue_days(Scope(since, until), TODAY)
