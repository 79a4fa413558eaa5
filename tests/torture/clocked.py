"""The program with its wall clock set: `clocked.py SECONDS COMMAND ...` puts it forward.

What `faketime` does for any program, for this one alone: nothing else of it is changed, and the
times of files stay those of the machine.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from harvester.cli import main
from harvester.clock import SystemClock


def set_forward(seconds: float) -> None:
    """Put every `SystemClock` of this process forward, or back."""

    def now(_: object) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=seconds)

    SystemClock.now = now  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    set_forward(float(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
