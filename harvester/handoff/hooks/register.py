"""Hooks that are seen for the first time: they begin with what comes from then on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harvester.handoff.hooks.ledger import Ledger, open_ledger
from harvester.settings import Hook
from harvester.store import Reader, open_archive


def register_hooks(hooks: Iterable[Hook], seeds: Path, state: Path) -> None:
    """Make hooks known before an archive is written, so that what a run brings is theirs.

    Raises Busy, DiskError and DatabaseUnusable.
    """
    with open_archive(seeds, state) as archive, open_ledger(state) as ledger:
        for hook in hooks:
            welcome(hook, archive, ledger)


def welcome(hook: Hook, archive: Reader, ledger: Ledger) -> None:
    """Let a new hook begin after the last change: nobody wants all the past by accident."""
    if not ledger.knows(hook.name):
        ledger.welcome(hook.name, next(archive.changes(archive.last_change() - 1), None))
