"""A mirroring process for the tests: `python -m tests.handoff.mirroring ROOT TARGET`.

Copies as the command does, but puts a manifest after every post, and prints a line for each.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from harvester.clock import SystemClock
from harvester.handoff.mirror import mirror, open_target
from harvester.store import open_archive


class _Printer:
    def progress(self, what: str, done: int, total: int) -> None:
        """Print how far it is."""
        print(what, done, total, flush=True)  # noqa: T201

    def say(self, text: str) -> None:
        """Print what is wrong."""
        print("said", text, flush=True)  # noqa: T201


def _main(root: Path, address: str) -> None:
    with open_archive(root / "seeds", root / "state") as archive:
        target = open_target(address, root / "seeds", root / "state")
        asyncio.run(mirror(archive, target, SystemClock(), _Printer(), checkpoint=0))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2])
