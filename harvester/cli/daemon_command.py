"""`harvester daemon`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from collections.abc import Callable

from harvester.clock import SystemClock
from harvester.daemon import logs, service
from harvester.settings import Settings


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Archive what is published, until told to end."""
    clock = SystemClock()

    def load() -> Settings:
        from harvester.cli.main import settings_of  # noqa: PLC0415 - main imports this module

        new = settings_of(chosen)
        configure(new)
        return new

    def configure(settings: Settings) -> None:
        logs.configure(settings.log_format, settings.log_level, clock)

    configure(settings)
    asyncio.run(_run(settings, clock, load))
    return 0


async def _run(settings: Settings, clock: SystemClock, load: Callable[[], Settings]) -> None:
    signals = service.Signals()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, signals.stop)
    loop.add_signal_handler(signal.SIGHUP, signals.hang_up)
    await service.run(settings, clock, signals, os.environ, load)
