"""A week of the daemon before a busy site: nothing of the process grows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harvester.store import verify
from tests.support.figures import FULL, Figures, cases

DAYS, HOURS = cases(2, 7), cases(3, 24)
# Each story is asked for about five times within a week.
EVERY = cases(1800, 27)
REQUESTS = cases(100, 100_000)


@pytest.mark.alone
@pytest.mark.timeout(7200)
@pytest.mark.gate("M11", "7 days simulated")
def test_a_week_leaves_the_process_as_it_was(folder: Path, figures: Figures) -> None:
    """Memory stays within a fifth of what it was after a day; handles and tasks do not grow."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.daemon.soak", str(folder)]
    ended = subprocess.run(
        [*command, str(DAYS), str(HOURS), str(EVERY)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    days = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    assert (ended.returncode, len(days)) == (0, DAYS), ended.stderr
    first, last = days[0], days[-1]
    figures.at_least("requests", last["requests"], REQUESTS)
    for name in ("handles", "threads", "tasks"):
        grown = max(0, last[name] - first[name])
        figures.none(f"growth of {name} after a day", grown, of=last[name])
    if FULL:
        growth = 100 * (last["memory"] / first["memory"] - 1)
        figures.at_most("growth of memory", growth, 20, "%")
    assert verify(folder / "seeds", folder / "state").differences == ()
