"""The pulse: both beats must be fresh."""

from __future__ import annotations

from harvester.daemon.pulse import Pulse


def test_a_start_counts_as_a_beat() -> None:
    """A daemon that has just begun is alive for two intervals, also without a beat."""
    pulse = Pulse(100.0)

    assert pulse.is_alive(120.0, interval=10.0)
    assert not pulse.is_alive(120.1, interval=10.0)


def test_both_beats_are_needed() -> None:
    """A schedule that goes round over a dead writer is no life, nor the other way round."""
    only_schedule, only_database = Pulse(0.0), Pulse(0.0)
    only_schedule.ticked(50.0)
    only_database.wrote(50.0)

    assert not only_schedule.is_alive(50.0, interval=10.0)
    assert not only_database.is_alive(50.0, interval=10.0)


def test_it_comes_back() -> None:
    """After a pause, such as a machine that slept, the next beats make it alive again."""
    pulse = Pulse(0.0)
    assert not pulse.is_alive(1000.0, interval=10.0)

    pulse.ticked(1000.0)
    pulse.wrote(1001.0)

    assert pulse.is_alive(1020.0, interval=10.0)
