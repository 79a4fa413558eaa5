"""`harvester import`."""

from __future__ import annotations

import argparse
from pathlib import Path

from harvester.cli.console import Screen
from harvester.cli.handover import run_job
from harvester.cli.running import report
from harvester.clock import SystemClock
from harvester.runs import ImportOrder, import_posts
from harvester.settings import Settings


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Import the given files and folders."""
    screen = Screen(verbose=chosen.verbose)
    order = ImportOrder(tuple(Path(path) for path in chosen.paths))
    outcome = run_job(
        order,
        chosen,
        settings,
        screen,
        lambda stopping: import_posts(settings, order.paths, screen, SystemClock(), stopping),
    )
    return report(outcome, screen, as_json=chosen.json, kept="their files were left as they are")
