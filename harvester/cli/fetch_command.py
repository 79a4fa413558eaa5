"""`harvester fetch`."""

from __future__ import annotations

import argparse

from harvester.cli.console import Screen
from harvester.cli.handover import body_asked, run_job
from harvester.cli.running import report
from harvester.clock import SystemClock
from harvester.runs import FetchOrder, fetch
from harvester.settings import Settings


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Archive the stories at the given addresses."""
    screen = Screen(verbose=True)
    order = FetchOrder(tuple(chosen.urls), body_asked(chosen, settings), chosen.all_revisions)
    outcome = run_job(
        order,
        chosen,
        settings,
        screen,
        lambda stopping: fetch(settings, order, screen, SystemClock(), stopping),
    )
    return report(outcome, screen, as_json=chosen.json)
