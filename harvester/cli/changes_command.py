"""`harvester changes`: the change log as JSON lines, for programs that keep up."""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from harvester.cli.output import standard_output
from harvester.cli.text import escaped
from harvester.errors import UsageError
from harvester.handoff.changes import as_json, follow, open_log
from harvester.handoff.consumers import (
    Consumers,
    Log,
    begin_after,
    entry_before,
    open_consumers,
)
from harvester.handoff.lock import only_one
from harvester.settings import Settings
from harvester.store import Change

# Hooks have their positions under `hook:NAME`, which nobody can name here.
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BATCH = 500
_PAUSE_MS = 500


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Print the entries wanted; with `--follow` those that come, too, until it is ended.

    It may be ended at any moment: what was written but not yet remembered is handed out again.
    """
    name = _checked(chosen.consumer)
    with (
        open_log(settings.seeds, settings.state) as log,
        _open_consumer(settings.state, name) as consumer,
        _ended_by_sigterm() if chosen.follow else nullcontext(),
    ):
        since = _begin(chosen, log, consumer)
        handout = _Handout(consumer)
        for change in follow(log, since, handout.wait) if chosen.follow else log.changes(since):
            handout.add(change)
        handout.flush()
    return 0


@dataclass(frozen=True, slots=True)
class _Consumer:
    """A consumer by its name, and where its position is kept."""

    name: str
    kept: Consumers

    def begin(self, log: Log) -> int:
        return begin_after(log, f"consumer {self.name!r}", self.kept.position(self.name))

    def remember(self, last: Change | None) -> None:
        if last:
            self.kept.remember(self.name, last)
        else:
            self.kept.forget(self.name)


class _Handout:
    """Writes entries in batches; a batch is remembered when it has left this process."""

    def __init__(self, consumer: _Consumer | None) -> None:
        self._consumer = consumer
        self._batch: list[Change] = []

    def add(self, change: Change) -> None:
        self._batch.append(change)
        if len(self._batch) == _BATCH:
            self.flush()

    def flush(self) -> None:
        if not self._batch:
            return
        _write("".join(map(_line, self._batch)).encode())
        if self._consumer:
            self._consumer.remember(self._batch[-1])
        self._batch.clear()

    def wait(self) -> bool:
        """Let some time pass. Raises BrokenPipeError as soon as nobody reads any more.

        Without that a follower whose reader has gone would stay until the next change.
        """
        self.flush()
        output = select.poll()
        output.register(sys.stdout.fileno(), 0)  # errors are told unasked
        if output.poll(_PAUSE_MS):
            raise BrokenPipeError
        return True


def _checked(name: str | None) -> str | None:
    if name is not None and not _NAME.fullmatch(name):
        raise UsageError(f"--consumer {name!r}: expected 1 to 64 letters, digits or . _ -")
    return name


@contextmanager
def _open_consumer(state: Path, name: str | None) -> Iterator[_Consumer | None]:
    if name is None:
        yield None
        return
    with only_one(state, "consumer", name), open_consumers(state) as consumers:
        yield _Consumer(name, consumers)


def _begin(chosen: argparse.Namespace, log: Log, consumer: _Consumer | None) -> int:
    """Return the number to begin after; one that is given is where the consumer stands now."""
    since: int | None = chosen.since
    if since is None:
        return consumer.begin(log) if consumer else 0
    entry = entry_before(log, since)
    if consumer:
        consumer.remember(entry)
    return since


def _line(change: Change) -> str:
    return escaped(json.dumps(as_json(change), ensure_ascii=False)) + "\n"


def _write(data: bytes) -> None:
    """Write to standard output. Nothing is kept back that could block or fail at the exit."""
    rest = memoryview(data)
    with standard_output() as output:
        while rest:
            rest = rest[os.write(output.fileno(), rest) :]


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Within the block SIGTERM is a clean end (exit 0): it is how services are stopped."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
