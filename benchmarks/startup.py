"""How soon it is there: `python -m benchmarks.startup [--scale S] [--json FILE]`.

`harvester --help` and a Python that does nothing, in turn; then the daemon, on an empty archive,
from its start until it says READY (sd_notify(3)). Medians, time on the wall.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.figures import Figure
from benchmarks.harness import alone, scaled
from benchmarks.processes import environment, harvester

_STARTS = 15
_DAEMONS = 5
_PATIENCE = 30.0
_OVER_BARE, _READY = 150.0, 1_000.0


def startup(folder: Path, scale: float) -> Iterator[Figure]:
    """Measure both."""
    commands = ([sys.executable, "-c", "pass"], harvester("--help"))
    rounds = [[_ended(each, folder) for each in commands] for _ in range(scaled(_STARTS, scale, 3))]
    yield Figure("Python that does nothing", median(bare for bare, _ in rounds), "ms")
    yield Figure("harvester --help", median(ours for _, ours in rounds), "ms")
    over = median(ours - bare for bare, ours in rounds)
    yield Figure("harvester --help over a bare Python", over, "ms", most=_OVER_BARE)
    daemons = [_ready(folder / f"{n}") for n in range(scaled(_DAEMONS, scale, 1))]
    yield Figure("daemon until READY", median(daemons), "ms", most=_READY)


def _ended(words: Sequence[object], folder: Path) -> float:
    """Run a command to its end; return milliseconds."""
    begun = perf_counter()
    subprocess.run(  # noqa: S603
        list(map(str, words)),
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return 1000 * (perf_counter() - begun)


def _ready(folder: Path) -> float:
    """Start a daemon that nobody answers; return after how many milliseconds it was ready."""
    folder.mkdir()
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        site = f"http://127.0.0.1:{listening.getsockname()[1]}"
    words = harvester(
        *("daemon", "--http", "off", "--site-origin", site),
        *("--seeds", folder / "seeds", "--state", folder / "state"),
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hearing:
        hearing.bind(str(folder / "notify"))
        hearing.settimeout(_PATIENCE)
        return 1000 * _until_ready(words, folder, hearing)


def _until_ready(words: Sequence[object], folder: Path, hearing: socket.socket) -> float:
    begun = perf_counter()
    with subprocess.Popen(  # noqa: S603
        list(map(str, words)),
        cwd=folder,
        env=environment() | {"NOTIFY_SOCKET": str(folder / "notify")},
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            while b"READY=1" not in hearing.recv(4096):
                pass
            return perf_counter() - begun
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(alone(startup, __doc__))
