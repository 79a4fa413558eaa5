"""`harvester import`."""

from __future__ import annotations

import argparse
from pathlib import Path

from harvester.cli.console import Screen
from harvester.cli.running import report, run_to_end
from harvester.clock import SystemClock
from harvester.runs import import_posts
from harvester.settings import Settings


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Import the given files and folders."""
    screen = Screen(verbose=chosen.verbose)
    paths = [Path(path) for path in chosen.paths]
    outcome = run_to_end(
        lambda stopping: import_posts(settings, paths, screen, SystemClock(), stopping), screen
    )
    return report(outcome, screen, as_json=chosen.json, kept="their files were left as they are")
