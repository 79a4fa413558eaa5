"""The rule of the breaker, on plain values."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.fetch.breaker import Gate, gate, is_trouble, pause

HOUR = 3600.0


class Even(Random):
    """Dice that always fall on the middle."""

    def uniform(self, a: float, b: float) -> float:
        """Return the mean."""
        return (a + b) / 2


def test_rests_double_from_a_minute_to_six_hours() -> None:
    """Two failures are forgiven; from the third on each costs twice as much as the last."""
    rests = [pause(failures, Even()) for failures in range(14)]

    assert rests[:5] == [0.0, 0.0, 0.0, 60.0, 120.0]
    assert all(later == min(2 * earlier, 6 * HOUR) for earlier, later in pairwise(rests[3:]))
    assert rests[-1] == 6 * HOUR


@given(st.integers(0, 10**9), st.randoms(use_true_random=False))
def test_a_rest_differs_by_a_tenth_at_most(failures: int, dice: Random) -> None:
    """However long an outage was, the rest stays within ten percent of its rule."""
    rest, middle = pause(failures, dice), pause(failures, Even())

    assert 0.9 * middle <= rest <= 1.1 * middle


@pytest.mark.parametrize(
    ("failures", "rest_left", "probing", "expected"),
    [
        (0, 0.0, False, Gate.OPEN),
        (2, 50.0, False, Gate.OPEN),  # the pause was asked for: not the breaker's
        (3, 0.1, False, Gate.SHUT),
        (3, 0.0, False, Gate.PROBE),
        (3, 0.0, True, Gate.SHUT),
        (99, 50.0, True, Gate.SHUT),
    ],
)
def test_the_gate_follows_from_what_is_remembered(
    failures: int, rest_left: float, probing: bool, expected: Gate
) -> None:
    """Failures in a row, the rest, and whether somebody probes decide; nothing else does."""
    assert expected is gate(failures, rest_left, probing=probing)


@pytest.mark.parametrize("status", [200, 304, 302, 403, 404, 410, 428, 499])
def test_an_answer_below_500_is_no_trouble(status: int) -> None:
    """A refusal is an answer of a host that is well."""
    assert not is_trouble(status)


@pytest.mark.parametrize("status", [429, 500, 503, 522, 599])
def test_trouble_is_5xx_and_429(status: int) -> None:
    """These say that the host cannot serve us now."""
    assert is_trouble(status)
