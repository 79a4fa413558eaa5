"""Time as a seam: the program asks a `Clock`, so tests and simulations bring their own."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the program needs of time."""

    def now(self) -> datetime:
        """Return the wall clock as aware UTC; may jump."""

    def monotonic(self) -> float:
        """Return seconds that only go forward; for intervals."""

    async def sleep(self, seconds: float) -> None:
        """Wait, letting other tasks run."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the wall clock as aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return `time.monotonic()`."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(seconds)
