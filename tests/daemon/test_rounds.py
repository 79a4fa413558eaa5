"""Which lists are looked at, and when: pure decisions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from harvester.daemon.daily import RECONCILE_AT, is_wanting, latest_day
from harvester.daemon.rounds import is_due, watched
from harvester.model import Watch

NOW = datetime(2026, 10, 1, 4, 0, tzinfo=UTC)


def test_one_list_stands_for_the_sections_of_realtime_news() -> None:
    """By default one list and the sitemap; sections asked for stand for themselves."""
    assert watched((), ()) == ("realtime", "sitemap")
    assert watched(("news/sea", "realtime/china"), ()) == ("news/sea", "realtime/china", "sitemap")


def test_a_list_that_was_never_there_is_not_relied_on() -> None:
    """Looked for twice in vain, the lists of its sections are looked at beside it."""
    names = watched((), [Watch("realtime", failures=2)])

    assert names[0] == "realtime"
    assert {"realtime/china", "realtime/world", "sitemap"} <= set(names)
    assert watched((), [Watch("realtime", failures=9, checked_at=NOW)]) == ("realtime", "sitemap")


@pytest.mark.parametrize(
    ("ahead", "pause", "due"),
    [(0, 600, True), (-5, 600, True), (9, 600, False), (10, 600, False), (60, 600, True)],
)
def test_a_slot_further_ahead_than_its_pause_is_due(ahead: int, pause: float, due: bool) -> None:
    """It is of a clock that was set back; in minutes ahead, and seconds of pause."""
    watch = Watch("realtime", next_check_at=NOW + timedelta(minutes=ahead), pause=pause)

    assert is_due(watch, NOW) is due
    assert is_due(Watch("realtime"), NOW)


@pytest.mark.parametrize(
    ("now", "day"),
    [("2026-09-30T16:29:59", 30), ("2026-09-30T16:30:00", 1), ("2026-10-01T15:59:00", 1)],
)
def test_a_day_is_reconciled_after_its_midnight_in_singapore(now: str, day: int) -> None:
    """At 00:30 there, which is 16:30 UTC of the day before."""
    assert latest_day(datetime.fromisoformat(f"{now}+00:00"), RECONCILE_AT).day == day


@pytest.mark.parametrize(
    ("done", "wanting"),
    [
        ("", True),
        ("2026-09-29", True),
        ("2026-09-30", False),
        ("2026-10-01", False),
        ("2026-10-30", True),
    ],
)
def test_a_day_is_done_once(done: str, wanting: bool) -> None:
    """Also when the clock goes back over midnight; a day far ahead was noted by a wrong clock."""
    assert is_wanting(done, datetime(2026, 9, 30, tzinfo=UTC).date()) is wanting
