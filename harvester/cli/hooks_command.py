"""`harvester hooks`: how the hooks stand, what was delivered, delivery by hand, replay."""

from __future__ import annotations

import argparse
import asyncio
import difflib
import json
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from harvester.cli.codes import EXIT_FAILED
from harvester.cli.hooks_view import status_line
from harvester.cli.output import stdout_line
from harvester.cli.text import printable
from harvester.clock import SystemClock
from harvester.errors import UsageError
from harvester.handoff.hooks import (
    Delivered,
    Delivery,
    deliver,
    delivery_json,
    open_ledger,
    replay,
    status_of,
)
from harvester.settings import Hook, Settings
from harvester.store import open_archive

_SHOWN = 100
_NONE = "no hooks are set; [[hooks]] in harvester.toml sets them"


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Do what was asked for with one hook or all."""
    hooks = _wanted(settings.hooks, chosen.name)
    if chosen.since is not None and chosen.action != "replay":
        raise UsageError(f"--since is for replay, not for {chosen.action}")
    return {"status": _status, "log": _log, "deliver": _deliver, "replay": _replay}[chosen.action](
        hooks, chosen, settings
    )


def _wanted(hooks: Sequence[Hook], name: str | None) -> Sequence[Hook]:
    if name is None:
        return hooks
    found = [hook for hook in hooks if hook.name == name]
    if not found:
        near = difflib.get_close_matches(name, [hook.name for hook in hooks], n=1, cutoff=0)
        hint = f"did you mean {near[0]!r}?" if near else _NONE
        raise UsageError(f"there is no hook {name!r}; {hint}")
    return found


def _status(hooks: Sequence[Hook], chosen: argparse.Namespace, settings: Settings) -> int:
    with (
        open_archive(settings.seeds, settings.state) as archive,
        open_ledger(settings.state, make=False) as ledger,
    ):
        found = [status_of(hook, archive, ledger) for hook in hooks]
    lines = [status_line(status) for status in found]
    _print(chosen, {"hooks": [status.as_json() for status in found]}, lines or [_NONE])
    return 0


def _log(hooks: Sequence[Hook], chosen: argparse.Namespace, settings: Settings) -> int:
    _require_state(settings.seeds, settings.state)
    with open_ledger(settings.state, make=False) as ledger:
        found = [one for hook in hooks for one in ledger.deliveries(hook.name, _SHOWN)]
    found.sort(key=lambda one: one.at)
    _print(chosen, {"deliveries": [delivery_json(one) for one in found]}, map(_log_line, found))
    return 0


def _log_line(one: Delivery) -> str:
    said = f" · {one.output}" if one.output else ""
    return (
        f"{one.at:%Y-%m-%d %H:%M:%S}Z {one.hook} {one.first_seq}-{one.last_seq} {one.message} "
        f"try {one.attempt}, {one.seconds:.1f} s: {one.outcome}{said}"
    )


def _deliver(hooks: Sequence[Hook], chosen: argparse.Namespace, settings: Settings) -> int:
    _require_state(settings.seeds, settings.state)
    ended = asyncio.run(_delivering(hooks, settings))
    told = {"hooks": [asdict(one) for one in ended]}
    _print(chosen, told, [_delivered_line(one) for one in ended] or [_NONE])
    return EXIT_FAILED if any(one.problem for one in ended) else 0


async def _delivering(hooks: Sequence[Hook], settings: Settings) -> list[Delivered]:
    """Deliver; SIGTERM ends it as Ctrl-C does, and with it a command that runs."""
    work = asyncio.ensure_future(deliver(hooks, settings.seeds, settings.state, SystemClock()))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    try:
        return await work
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _delivered_line(one: Delivered) -> str:
    if one.new and one.position is not None and not (one.messages or one.problem):
        return (
            f"{one.name}: seen for the first time; begins after change {one.position}; "
            f"`harvester hooks replay {one.name} --since 0` brings all there was"
        )
    line = f"{one.name}: {one.changes} changes delivered in {one.messages} messages"
    if one.position is not None:
        line += f", has had all up to {one.position}"
    return f"{line}; given up, {one.behind} wait: {one.problem}" if one.problem else line


def _replay(hooks: Sequence[Hook], chosen: argparse.Namespace, settings: Settings) -> int:
    if chosen.name is None or chosen.since is None:
        raise UsageError("replay needs the name of a hook, and --since SEQ")
    (hook,) = hooks
    with (
        open_archive(settings.seeds, settings.state) as archive,
        open_ledger(settings.state) as ledger,
    ):
        behind = replay(hook, chosen.since, archive, ledger)
    told = {"name": hook.name, "position": chosen.since, "behind": behind}
    line = f"{hook.name}: {behind} changes after {chosen.since} will be delivered; a daemon begins "
    _print(chosen, told, [line + "within a minute, `harvester hooks deliver` at once"])
    return 0


def _require_state(seeds: Path, state: Path) -> None:
    """Raise DatabaseUnusable where there is no archive: nothing is made beside none."""
    with open_archive(seeds, state):
        pass


def _print(chosen: argparse.Namespace, told: Mapping[str, object], lines: Iterable[str]) -> None:
    if chosen.json:
        stdout_line(json.dumps(told, ensure_ascii=False))
    else:
        for line in lines:
            stdout_line(printable(line))
