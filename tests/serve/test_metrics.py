"""The metrics: each event moves its own series, and no text of the site makes a new one."""

from __future__ import annotations

import re

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from harvester.model import Lane, Verdict
from harvester.serve import Metrics
from harvester.serve.report import STATES

_OWN = "harvester_"


def _samples(metrics: Metrics) -> dict[str, float]:
    """Return the own samples, `name{label=value}` to value, as Prometheus reads them."""
    text = generate_latest(metrics.registry).decode()
    return {
        sample.name + (f"{{{labels}}}" if labels else ""): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith(_OWN) and not sample.name.endswith("_created")
        for labels in [",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))]
    }


def _moved(metrics: Metrics, before: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in _samples(metrics).items() if before.get(name) != value}


def test_each_event_has_its_series() -> None:
    """What happens is counted where it belongs, and nowhere else."""
    metrics = Metrics()
    before = _samples(metrics)

    metrics.ended(Verdict.NEW, Lane.LIVE)
    metrics.ended(Verdict.NEW, Lane.LIVE)
    metrics.polled("realtime/china", "read", 3)
    metrics.asked(Lane.BACKFILL)
    metrics.asked(Lane.BACKFILL, 4)
    metrics.drift(2)
    metrics.queue(Lane.AGAIN, 7)
    metrics.free(10**9)

    assert _moved(metrics, before) == {
        "harvester_visits_total{lane=live,verdict=new}": 2,
        "harvester_polls_total{outcome=read,watch=realtime/china}": 1,
        "harvester_fresh_stories_total{watch=realtime/china}": 3,
        "harvester_requests_total{lane=backfill}": 5,
        "harvester_drift_alarms": 2,
        "harvester_queue_size{lane=again}": 7,
        "harvester_free_bytes": 10**9,
    }


def test_a_series_is_there_before_its_first_event() -> None:
    """Every end state of every lane begins at 0: a first failure is seen as a rise."""
    samples = _samples(Metrics())

    assert {
        f"harvester_visits_total{{lane={lane.name.lower()},verdict={verdict}}}"
        for lane in Lane
        for verdict in Verdict
    } <= set(samples)


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(-5.0, "60.0"), (59.0, "60.0"), (299.0, "300.0"), (10**6, "+Inf")]
)
def test_the_delay_falls_into_its_bucket(seconds: float, bucket: str) -> None:
    """Delays run from a minute to days; a time to come counts as none."""
    metrics = Metrics()
    metrics.delay(seconds)

    samples = _samples(metrics)
    prefix = "harvester_publication_delay_seconds"
    filled = [
        match[1]
        for name, value in samples.items()
        if value and (match := re.fullmatch(rf"{prefix}_bucket{{le=(.+)}}", name))
    ]
    assert filled[0] == bucket
    assert samples[f"{prefix}_sum"] == max(seconds, 0)


@pytest.mark.parametrize("status", STATES)
def test_one_state_at_a_time(status: str) -> None:
    """The state that holds is 1, the others are 0."""
    metrics = Metrics()
    metrics.state("ok")
    metrics.state(status)

    samples = _samples(metrics)
    assert {
        f"harvester_state{{harvester_state={one}}}": float(one == status) for one in STATES
    }.items() <= samples.items()


def test_a_state_of_no_known_word_is_a_bug() -> None:
    """A misspelt state is told at once and makes no series."""
    with pytest.raises(ValueError, match="not in"):
        Metrics().state("fine")


def test_registries_do_not_share() -> None:
    """Two sets of metrics in one process have nothing to do with each other."""
    one, other = Metrics(), Metrics()
    one.drift(5)

    assert _samples(other)["harvester_drift_alarms"] == 0


def test_names_follow_the_conventions() -> None:
    """Counters end in _total, units are base units, every metric has its help."""
    text = generate_latest(Metrics().registry).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    own = [family for name, family in families.items() if name.startswith(_OWN)]

    assert all(family.documentation for family in own)
    assert all(
        sample.name.endswith("_total")
        for family in own
        if family.type == "counter"
        for sample in family.samples
    )
    assert {"process_resident_memory_bytes", "python_info", "python_gc_collections"} <= set(
        families
    )
