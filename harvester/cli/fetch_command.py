"""`harvester fetch`."""

from __future__ import annotations

import argparse

from harvester.cli.console import Screen
from harvester.cli.running import report, run_to_end
from harvester.clock import SystemClock
from harvester.runs import fetch
from harvester.settings import Settings


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Archive the stories at the given addresses."""
    screen = Screen(verbose=True)
    outcome = run_to_end(
        lambda stopping: fetch(settings, chosen.urls, screen, SystemClock(), stopping), screen
    )
    return report(outcome, screen, as_json=chosen.json)
