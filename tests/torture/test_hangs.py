"""A daemon that hangs must not look alive: to a health check, to systemd, to whoever asks."""

from __future__ import annotations

import math
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.processes import DEADLINE, environment, harvester, replica
from tests.support.figures import FULL, Figures

BEAT = 60.0 if FULL else 2.0
"""Seconds of an interval: the daemon's own at full scale."""
WATCHDOG = 30.0 if FULL else 2.0
SICK = Path(__file__).with_name("sick.py")
_PATIENCE = 2.0


class Watched:
    """A daemon, asked as a health check, systemd and a person would."""

    def __init__(
        self, process: subprocess.Popen[bytes], place: Path, http: str, notify: socket.socket
    ) -> None:
        self.process = process
        self.place = place
        self._http = http
        self._notify = notify

    def is_healthy(self) -> bool:
        """Ask as a health check does, which has a time-out."""
        url = f"http://{self._http}/healthz"
        try:
            with urllib.request.urlopen(url, timeout=_PATIENCE) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as refused:
            refused.close()
            return False
        except OSError:
            return False

    def becomes(self, *, healthy: bool) -> float:
        """Wait until a health check says so; return the seconds, infinity if it never does."""
        began = time.monotonic()
        while self.is_healthy() is not healthy:
            if time.monotonic() > began + DEADLINE + 3 * BEAT:
                return math.inf
            self.listen(0.1)
        return time.monotonic() - began

    def listen(self, seconds: float) -> list[str]:
        """Return what systemd is told within so many seconds."""
        told: list[str] = []
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._notify.settimeout(left)
            try:
                told.append(self._notify.recv(4096).decode())
            except TimeoutError:
                break
        return told

    def hears(self, begin: str) -> str:
        """Wait until systemd is told a line that begins so; return it, "" if it never is."""
        until = time.monotonic() + DEADLINE + 3 * BEAT
        while time.monotonic() < until:
            for told in self.listen(0.1):
                if told.startswith(begin):
                    return told
        return ""

    def is_fed(self) -> bool:
        """Say whether systemd would let it live: it hears of it in the time it gives."""
        return "WATCHDOG=1" in self.listen(WATCHDOG)

    def status(self) -> str:
        """Return what `harvester status` shows, or why it shows nothing."""
        shown = harvester("status", "--http", self._http, cwd=self.place)
        return shown.stdout + shown.stderr


@contextmanager
def daemon(place: Path, origin: str) -> Iterator[Watched]:
    """Run a daemon that can be made to hang, its systemd being us; it is well when yielded."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        http = f"127.0.0.1:{free.getsockname()[1]}"
    options = ("--site-origin", origin, "--http", http, "--min-free", "0", "--rate", "500")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(place / "notify"))
        microseconds = str(int(WATCHDOG * 1_000_000))
        environ = {"NOTIFY_SOCKET": str(place / "notify"), "WATCHDOG_USEC": microseconds}
        with subprocess.Popen(
            [sys.executable, SICK, str(BEAT), "daemon", *options],
            cwd=place,
            env=environment(environ),
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                watched = Watched(process, place, http, notify)
                assert watched.becomes(healthy=True) < math.inf
                assert watched.hears("WATCHDOG=1")
                yield watched
            finally:
                process.kill()


@contextmanager
def block(watched: Watched) -> Iterator[None]:
    """Block the event loop; other threads live."""
    watched.process.send_signal(signal.SIGUSR1)
    yield


@contextmanager
def stop(watched: Watched) -> Iterator[None]:
    """Stop the scheduler; the event loop lives."""
    watched.process.send_signal(signal.SIGUSR2)
    yield


@contextmanager
def lock(watched: Watched) -> Iterator[None]:
    """Keep the catalogue locked."""
    path = watched.place / "state" / "harvester.db"
    with closing(sqlite3.connect(path, isolation_level=None, timeout=DEADLINE)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield


@dataclass(frozen=True)
class Told:
    """What was told of a hang: to a health check after so many seconds, to systemd, by `status`."""

    seconds: float
    by_systemd: bool
    by_status: bool


HANGS: dict[Callable[[Watched], AbstractContextManager[None]], str] = {
    block: "no daemon answers",
    stop: "hanging: the schedule or the database hangs",
    lock: "keeps it locked",
}
"""What makes a daemon hang, and what `status` says of it."""


def told_of(
    hang: Callable[[Watched], AbstractContextManager[None]], place: Path, origin: str
) -> Told:
    """Let a daemon hang; return what is told of it. It does not end by itself.

    Of a locked catalogue systemd is told the reason and the daemon lives on, for a restart would
    not help; of the other hangs it is told no more, so that it restarts the daemon.
    """
    place.mkdir()
    with daemon(place, origin) as watched, hang(watched):
        seconds = watched.becomes(healthy=False)
        if hang is lock:
            by_systemd = HANGS[hang] in watched.hears("STATUS=paused")
        else:
            watched.listen(0.1)
            by_systemd = not watched.is_fed()
        by_status = HANGS[hang] in watched.status()
        assert watched.process.poll() is None
    return Told(seconds, by_systemd, by_status)


@pytest.mark.gate("M12", "hangs that look alive")
@pytest.mark.alone
@pytest.mark.timeout(1800 if FULL else 300)
def test_what_hangs_is_not_alive(place: Path, figures: Figures) -> None:
    """Within two beats health is gone, systemd knows, and `status` says so."""
    with replica(3) as (origin, _):
        told = {hang.__name__: told_of(hang, place / hang.__name__, origin) for hang in HANGS}
    print(told)  # noqa: T201
    gone = sum(each.seconds < math.inf for each in told.values())
    figures.all("hangs after which health is gone", gone, len(HANGS))
    by_systemd = sum(each.by_systemd for each in told.values())
    figures.all("hangs that systemd learns of", by_systemd, len(HANGS))
    figures.all(
        "hangs that status tells", sum(each.by_status for each in told.values()), len(HANGS)
    )
    if FULL:
        slowest = max(each.seconds for each in told.values())
        figures.at_most("seconds until health is gone", slowest, 2 * BEAT, " s")
