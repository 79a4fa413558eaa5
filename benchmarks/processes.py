"""Commands in processes of their own, and what they cost: time, processor, memory. Needs Linux."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

_ROOT = Path(__file__).parents[1]
_EVERY = 0.1
_PSS = re.compile(r"^Pss:\s+(\d+)", re.MULTILINE)
_RSS = re.compile(r"^VmRSS:\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended well.

    `seconds` on the clock on the wall from its start to its end, `cpu` in seconds of all its
    processes, `peak` in bytes of all of them together (proportional shares, sampled).
    """

    seconds: float
    cpu: float
    peak: int
    stdout: str


@dataclass(slots=True)
class _Peak:
    bytes: int = 0


def run(words: Sequence[object], cwd: Path, given: str = "") -> Ran:
    """Run a command to its end. Raises CalledProcessError if it fails."""
    before, begun = _cpu(), perf_counter()
    with subprocess.Popen(  # noqa: S603
        list(map(str, words)),
        cwd=cwd,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        with sampled(process.pid) as peak:
            stdout, stderr = process.communicate(given)
        seconds = perf_counter() - begun
    if process.returncode:
        sys.stderr.write(stderr)
        raise subprocess.CalledProcessError(process.returncode, process.args, stdout)
    return Ran(seconds, _cpu() - before, peak.bytes, stdout)


def harvester(*words: object) -> list[object]:
    """Return a command line of the program."""
    return [sys.executable, "-m", "harvester.cli", *words]


def module(name: str, *words: object) -> list[object]:
    """Return the command line of a module of this package."""
    return [sys.executable, "-m", f"benchmarks.{name}", *words]


def environment() -> dict[str, str]:
    """Return the environment without settings of the machine; this checkout is what is imported.

    Python's own are left out as well: without files of byte code every start would make them anew.
    """
    ours = ("HARVESTER_", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"PYTHONPATH": str(_ROOT)}


@contextmanager
def sampled(pid: int) -> Iterator[_Peak]:
    """Watch the memory of a process and those below it while the block lasts."""
    peak, done = _Peak(), threading.Event()

    def watch() -> None:
        while not done.wait(_EVERY):
            peak.bytes = max(peak.bytes, sum(map(_share, _tree(pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def resident(pid: int) -> int:
    """Return how much memory a process has now, in bytes; 0 if it has ended."""
    return _kilobytes(Path(f"/proc/{pid}/status"), _RSS)


def _share(pid: int) -> int:
    return _kilobytes(Path(f"/proc/{pid}/smaps_rollup"), _PSS)


def _kilobytes(path: Path, field: re.Pattern[str]) -> int:
    try:
        found = field.search(path.read_text("utf-8"))
    except OSError:  # it has ended
        return 0
    return 1024 * int(found[1]) if found else 0


def _tree(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text("utf-8").split():
                yield from _tree(int(child))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
