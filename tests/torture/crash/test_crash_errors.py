"""A disk that is full or broken at any call: one clear error, nothing marked, nothing half done."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pytest

from tests.support.figures import Figures, cases
from tests.torture.crash.examine import KINDS, Found
from tests.torture.crash.order import Disk
from tests.torture.crash.tracer import Call, Ended, Tracer

ERRORS = ("ENOSPC", "EIO")
_SYNCS = frozenset({"fsync", "fdatasync"})
# What fails there changes the mode, the owner or the time of a file.
_LEFT_OUT = frozenset({"chmod", "fchmod", "chown", "fchown", "utimensat"})


@dataclass
class Failed:
    """Errors of an operation: those planned, those that came, and what the writer did then."""

    planned: int
    came: int = 0
    went_on: list[str] = field(default_factory=list)
    tried_again: list[str] = field(default_factory=list)
    unsafe_commits: list[str] = field(default_factory=list)
    found: Found = field(default_factory=Found)


def fail_at(tracer: Tracer, name: str, every: int, every_sync: int) -> Failed:
    """Let calls on our files fail, each so many-th, with one error and with the other.

    Of the syncs that are ours, not SQLite's (it uses `fdatasync`), each so many-th is taken too.
    """
    root = tracer.copy(name)
    calls = [
        call
        for number, call in enumerate(tracer.run(name, root).calls)
        if _concerns(call, root)
        and (not number % every or (call.name == "fsync" and not call.nth % every_sync))
    ]
    failed = Failed(planned=len(calls) * len(ERRORS))
    for call in calls:
        for error in ERRORS:
            root = tracer.copy(name)
            ended = tracer.run(name, root, fail=(call, error))
            disk = Disk.of(tracer.before(name)[0], root)
            disk.play(ended.calls)
            told = f"{error} at {call.name} {call.nth}: {call.path}"
            at = [each.nth for each in ended.calls if "INJECTED" in each.result]
            failed.came += at == [call.nth]
            passed_over = _is_passed_over(call) and ended.status == 0
            if not (_stopped(ended, call, root) or passed_over):
                failed.went_on.append(told)
            if call.name in _SYNCS and _synced_again(ended.calls, call):
                failed.tried_again.append(told)
            failed.unsafe_commits += disk.faults
            asyncio.run(failed.found.examine(root, ended.held | ended.done))
            shutil.rmtree(root)
    return failed


def _concerns(call: Call, root: Path) -> bool:
    return call.name not in _LEFT_OUT and call.path.startswith(f"{root}/")


def _is_passed_over(call: Call) -> bool:
    """Say whether SQLite or Python itself goes on, in another way, after an error of this call.

    SQLite does where the catalogue's folder cannot be opened or synced as a journal is made in it,
    and where a journal cannot be opened to see whether it is one to be rolled back (then it is).
    Python copies a file by reading and writing where the kernel cannot.
    """
    name = PurePosixPath(call.path).name
    is_look = (call.name, name) == ("openat", "harvester.db-journal")
    return (
        name == "state"
        or call.name in {"sendfile", "copy_file_range"}
        or (is_look and "O_CREAT" not in call.inside)
    )


def _stopped(ended: Ended, call: Call, root: Path) -> bool:
    """Say whether the writer ended with our error, and began no file and no commit after it.

    A post that cannot be read concerns that one alone; the manifest may still be written.
    """
    begun = (
        each
        for each in _after(ended.calls, call)
        if not each.failed
        and each.path.startswith(f"{root}/")
        and (each.name in {"rename", "mkdir"} or "O_CREAT" in each.inside)
    )
    is_reading = call.path.endswith(".md") and "O_RDONLY" in call.inside
    return (
        ended.status == 1
        and ended.error.startswith("DiskError /")
        and (is_reading or not any(begun))
    )


def _synced_again(calls: Sequence[Call], failed: Call) -> bool:
    """Say whether what could not be synced was synced once more without having been written anew.

    SQLite writes the former pages back to the catalogue, and syncs these.
    """
    path = next(call.path for call in calls if "INJECTED" in call.result)
    for call in _after(calls, failed):
        if call.path == path and call.name in _SYNCS:
            return True
        if call.path == path or str(PurePosixPath(call.path).parent) == path:
            return False
    return False


def _after(calls: Sequence[Call], call: Call) -> Sequence[Call]:
    at = [(each.name, each.nth) for each in calls].index((call.name, call.nth))
    return calls[at + 1 :]


@pytest.mark.gate("M3 M4", "ENOSPC and EIO at each write and fsync")
@pytest.mark.parametrize(
    ("name", "every", "every_sync"),
    [
        ("new story", cases(8, 1), 1),
        ("revision", cases(8, 1), 1),
        ("gone story", cases(4, 1), 1),
        ("group of 50", cases(100, 1), cases(20, 1)),
        ("pages", cases(12, 1), 1),
        ("manifest", cases(6, 1), 1),
        ("first start", cases(24, 1), 1),
        ("start", cases(4, 1), 1),
        ("sweep", cases(20, 1), cases(3, 1)),
    ],
)
def test_error_at_every_call(
    tracer: Tracer, figures: Figures, name: str, every: int, every_sync: int
) -> None:
    """Whatever call fails, the writer ends with a disk error, marks nothing and tries nothing."""
    failed = fail_at(tracer, name, every, every_sync)

    figures.all(f"{name}: errors that came of those planned", failed.came, of=failed.planned)
    figures.none("errors after which the writer went on", len(failed.went_on), of=failed.planned)
    figures.none("syncs tried again", len(failed.tried_again), of=failed.planned)
    figures.none("commits on what was not synced", len(failed.unsafe_commits), of=failed.planned)
    for kind in KINDS:
        figures.none(kind, failed.found.wrong[kind], of=failed.found.archives)
