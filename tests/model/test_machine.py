"""Whatever happens to it in whatever order, the archive is what a dictionary would be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import ArchiveMachine
from tests.model.processes import nursery, town
from tests.support.figures import FULL, Figures, cases

EXAMPLES = cases(15, 360)  # some end early
STEPS = cases(20, 50)


@pytest.mark.timeout(7200 if FULL else 1200)
@pytest.mark.gate("M1 M3 M5 M6", "model: archive and dictionary agree")
@pytest.mark.parametrize("part", ["one", "two"])
def test_machine(tmp_path: Path, figures: Figures, part: str) -> None:  # noqa: ARG001
    """Through edits, removals, kills, restarts, jumps, full disks and hands: they agree."""
    tally: Counter[str] = Counter()
    asked = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        suppress_health_check=list(HealthCheck),
    )
    with nursery(tmp_path) as hire, town() as site:

        class Machine(ArchiveMachine):
            def __init__(self) -> None:
                super().__init__(hire, site, tally)

        disagreements: list[Exception] = []
        try:
            run_state_machine_as_test(Machine, settings=asked)
        except Exception as found:  # noqa: BLE001 - it is raised below
            disagreements.append(found)

    try:
        figures.none("disagreements", len(disagreements), of=tally["comparisons"])
    finally:
        for disagreement in disagreements:
            raise disagreement
    if FULL:
        figures.at_least("steps", tally["steps"], 250 * STEPS)
    figures.at_least("kills at work", tally["kills at work"], EXAMPLES / 10)
