"""`harvester changes`: the change log as JSON lines, for programs that keep up."""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import NoReturn

from harvester.errors import DiskError, UsageError
from harvester.handoff.changes import as_json, follow, open_log
from harvester.handoff.consumers import Consumers, Log, begin_after, entry_at, open_consumers
from harvester.settings import Settings
from harvester.store import Change

# Hooks keep their positions under `hook:NAME`, which this cannot name.
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BATCH = 500
_PAUSE_MS = 500


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Print the entries; with `--follow` also those that come, until ended or read no more.

    Ctrl-C, SIGTERM or a closed pipe may come at any moment: what was written but not yet
    remembered is handed out once more.
    """
    with (
        _open_consumer(settings.state, chosen.consumer) as consumer,
        open_log(settings.seeds, settings.state) as log,
        _ended_by_sigterm() if chosen.follow else nullcontext(),
    ):
        since = _begin(log, chosen.since, consumer)
        handout = _Handout(consumer.remember if consumer else _forget)
        entries = follow(log, since, handout.wait) if chosen.follow else log.changes(since)
        for change in entries:
            handout.add(change)
        handout.flush()
    return 0
