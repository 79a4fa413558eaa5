"""The program, made to hang on a signal: `sick.py SECONDS COMMAND ...`.

SECONDS is the daemon's beat, a minute without this. SIGUSR1 blocks its event loop for ever, while
its other threads live on; SIGUSR2 stops its scheduler, while the loop and all else live on.
"""

from __future__ import annotations

import gc
import signal
import sys
import time

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from harvester.cli import main
from harvester.daemon import duty, service


def block_loop(*_: object) -> None:
    """Never return to the event loop: signals are handled on its thread."""
    while True:
        time.sleep(3600)


def stop_scheduler(*_: object) -> None:
    """Let the scheduler call nothing any more."""
    for each in gc.get_objects():
        if isinstance(each, AsyncIOScheduler):
            each.pause()


def quicken(seconds: float) -> None:
    """Let the daemon beat, and be judged by its beats, so often."""
    duty.BEAT = seconds
    setattr(service, "BEAT", seconds)  # noqa: B010 - its name there is no export
    duty.TICK = min(duty.TICK, seconds / 3)


if __name__ == "__main__":
    quicken(float(sys.argv[1]))
    signal.signal(signal.SIGUSR1, block_loop)
    signal.signal(signal.SIGUSR2, stop_scheduler)
    sys.exit(main(sys.argv[2:]))
