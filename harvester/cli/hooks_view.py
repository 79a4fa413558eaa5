"""How hooks stand, in lines for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harvester.errors import HarvesterError
from harvester.settings import Hook
from harvester.store import Reader

if TYPE_CHECKING:
    from harvester.handoff.hooks import HookStatus


def hook_statuses(hooks: Sequence[Hook], archive: Reader, state: Path) -> list[HookStatus]:
    """Return how hooks stand; where that cannot be read, why is the problem of each."""
    if not hooks:
        return []
    # It loads what delivers, which takes long; most have no hooks.
    from harvester.handoff.hooks import HookStatus, open_ledger, status_of  # noqa: PLC0415

    try:
        with open_ledger(state, make=False) as ledger:
            return [status_of(hook, archive, ledger) for hook in hooks]
    except HarvesterError as problem:
        return [HookStatus(hook.name, hook.target, problem=str(problem)) for hook in hooks]


def status_line(status: HookStatus) -> str:
    """Return how a hook stands in a line."""
    who = f"{status.name} ({status.target})"
    if status.position is None:
        return f"{who}: {status.problem or _begins(status.name)}"
    last = f"{status.delivered_at:%Y-%m-%d %H:%M:%S}Z" if status.delivered_at else "never"
    line = f"{who}: has had all up to {status.position}, "
    line += f"{status.behind} behind, last delivery {last}"
    if status.failing_since:
        line += f"; fails since {status.failing_since:%Y-%m-%d %H:%M:%S}Z, {status.attempts} tries"
    if status.next_try:
        line += f", next {status.next_try:%Y-%m-%d %H:%M:%S}Z"
    return line + (f": {status.problem}" if status.problem else "")


def hook_advice(statuses: Sequence[HookStatus]) -> Iterator[str]:
    """Return what to do where hooks fail, or have lost their place in the change log."""
    for status in statuses:
        name = status.name
        if status.failing_since:
            yield (
                f"hook {name} fails; `harvester hooks log {name}` tells what it said, "
                f"`harvester hooks deliver {name}` tries at once"
            )
        elif status.problem and status.position is not None:
            yield (
                f"hook {name} has lost its place; `harvester hooks replay {name} --since SEQ` "
                "says after which change it goes on"
            )


def _begins(name: str) -> str:
    return (
        "new; it begins with what comes from now on "
        f"(`harvester hooks replay {name} --since 0`: with all there is)"
    )
