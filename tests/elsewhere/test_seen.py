"""Which capture of a story is the best."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.elsewhere import Seen, best_first
from harvester.elsewhere.seen import parse_instant
from harvester.zaobao import story_ref
from harvester.zaobao.urls import singapore_day
from tests.elsewhere.support import story

REF = story_ref(story(1))
NEXT_DAY = datetime(2021, 11, 5, 16, tzinfo=UTC)  # midnight in Singapore


def capture(at: datetime, digest: str, place: str = "") -> Seen:
    """Return a capture of the one story."""
    return Seen(REF, REF.url, at, digest, place or f"{at:%Y%m%d%H%M%S}")


captures = st.lists(
    st.builds(
        capture,
        st.integers(-10 * 86_400, 10 * 86_400).map(lambda s: NEXT_DAY + timedelta(seconds=s)),
        st.sampled_from(["", "-", "A", "B", "C", "D"]),
        st.sampled_from(["x", "y", "z"]),
    ),
    max_size=12,
    unique=True,
)


def is_settled(seen: Seen) -> bool:
    """Say whether it was captured on a later day than that of the issue."""
    return seen.captured_at >= NEXT_DAY


@given(captures)
def test_settled_ones_come_in_order_of_time_and_then_the_others_backwards(
    seen: list[Seen],
) -> None:
    """The first of a later day is the best; the last of the first day comes before its first."""
    order = best_first(seen)

    times = [each.captured_at for each in order]
    settled = sum(map(is_settled, order))
    assert all(map(is_settled, order[:settled]))
    assert sorted(times[:settled]) == times[:settled]
    assert sorted(times[settled:], reverse=True) == times[settled:]


@given(captures)
def test_each_digest_comes_once_by_its_best_capture(seen: list[Seen]) -> None:
    """Nothing is lost but what is there already; captures without a digest are all kept."""
    order = best_first(seen)

    known = [each.digest for each in order if each.digest not in {"", "-"}]
    assert len(set(known)) == len(known)
    assert {each.digest for each in seen} == {each.digest for each in order}
    assert {each for each in seen if each.digest in {"", "-"}} <= set(order)
    assert order == best_first(order)
    for each in order:
        alike = [one for one in seen if one.digest == each.digest and each.digest not in {"", "-"}]
        assert best_first([*alike, each])[0].captured_at == each.captured_at or not alike


@given(captures, st.randoms(use_true_random=False))
def test_the_order_in_which_an_index_tells_them_is_nothing(
    seen: list[Seen], dice: random.Random
) -> None:
    """The same captures have the same best one."""
    mixed = [*seen]
    dice.shuffle(mixed)

    assert best_first(seen) == best_first(mixed)


def test_the_day_is_that_of_the_site() -> None:
    """What was captured in the evening of UTC is of the next day in Singapore, so it is settled."""
    evening = capture(NEXT_DAY, "A")
    before = capture(NEXT_DAY - timedelta(seconds=1), "B")

    assert singapore_day(evening.captured_at) > REF.day
    assert best_first([before, evening]) == [evening, before]


@given(st.datetimes(datetime(1996, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - made aware below
def test_an_instant_is_read_as_it_was_written(at: datetime) -> None:
    """All indexes write 14 digits, in UTC."""
    at = at.replace(microsecond=0, tzinfo=UTC)

    assert parse_instant(f"{at:%Y%m%d%H%M%S}") == at


@pytest.mark.parametrize(
    "text", ["", "2021", "20211301000000", "20210230000000", "２0211105000000", "20211105000000 "]
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    """Neither fewer digits nor days that there are not are guessed at."""
    with pytest.raises(ValueError, match=r"\S"):
        parse_instant(text)
