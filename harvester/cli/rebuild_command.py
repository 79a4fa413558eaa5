"""`harvester rebuild`."""

from __future__ import annotations

import argparse

from harvester.cli.console import Screen
from harvester.cli.running import report, run_to_end
from harvester.clock import SystemClock
from harvester.runs import rebuild
from harvester.settings import Settings


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Set the catalogue aside and take up the posts of the tree."""
    screen = Screen(verbose=chosen.verbose)
    outcome = run_to_end(
        lambda stopping: rebuild(settings, screen, SystemClock(), stopping, discard=chosen.discard),
        screen,
    )
    return report(
        outcome, screen, as_json=chosen.json, kept="their files and pages stay as they are"
    )
