"""Commands run in the event loop of uvloop where it is installed."""

from __future__ import annotations

import asyncio
import sys

import pytest

from harvester.cli import loop


async def kind() -> str:
    """Return where the event loop that runs comes from."""
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


def test_uvloop_where_it_is() -> None:
    """It is among what the tests need."""
    assert loop.run(kind()) == "uvloop"


def test_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra: all works without."""
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert loop.run(kind()) == "asyncio"
