"""A daemon that hangs must not look alive: to a health check, to systemd, to whoever asks."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.e2e.processes import DEADLINE, environment, harvester, replica
from tests.support.figures import FULL, Figures

BEAT = 60.0 if FULL else 1.0
"""Seconds of an interval: the daemon's own at full scale."""
WATCHDOG = 30.0 if FULL else 1.0
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
        """Wait until a health check says so; return the seconds."""
        began = time.monotonic()
        while self.is_healthy() is not healthy:
            assert time.monotonic() < began + DEADLINE + 3 * BEAT
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
        """Wait until systemd is told a line that begins so; return it."""
        until = time.monotonic() + DEADLINE + 3 * BEAT
        while not (told := [each for each in self.listen(0.1) if each.startswith(begin)]):
            assert time.monotonic() < until
        return told[0]

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
                watched.becomes(healthy=True)
                assert watched.is_fed()
                yield watched
            finally:
                process.kill()


def block(watched: Watched) -> None:
    """Block the event loop; other threads live."""
    watched.process.send_signal(signal.SIGUSR1)


def stop(watched: Watched) -> None:
    """Stop the scheduler; the event loop lives."""
    watched.process.send_signal(signal.SIGUSR2)


@contextmanager
def locked(place: Path) -> Iterator[None]:
    """Keep the catalogue locked."""
    path = place / "state" / "harvester.db"
    with closing(sqlite3.connect(path, isolation_level=None, timeout=DEADLINE)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield


@pytest.mark.gate("M12", "hangs that look alive")
@pytest.mark.alone
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("hang", "shown"),
    [
        (block, "no daemon answers"),
        (stop, "hanging: the schedule or the database hangs"),
    ],
    ids=["blocked loop", "dead scheduler"],
)
def test_what_hangs_is_not_alive(
    place: Path, figures: Figures, hang: Callable[[Watched], None], shown: str
) -> None:
    """Within two beats health is gone, the watchdog is no longer fed, `status` says so."""
    with replica(3) as (origin, _), daemon(place, origin) as watched:
        hang(watched)
        seconds = watched.becomes(healthy=False)
        figures.all("health gone", 1, 1)
        watched.listen(0.1)
        figures.none("feeds of the watchdog", watched.is_fed(), 1)
        figures.all("status says so", shown in watched.status(), 1)
        assert watched.process.poll() is None
    if FULL:
        figures.at_most("seconds until health is gone", seconds, 2 * BEAT, " s")


@pytest.mark.gate("M12", "hangs that look alive")
@pytest.mark.alone
@pytest.mark.timeout(600)
def test_a_locked_catalogue_is_told_and_waited_for(place: Path, figures: Figures) -> None:
    """Health goes and systemd is told why; the daemon lives on, for a restart would not help."""
    with replica(3) as (origin, _), daemon(place, origin) as watched:
        with locked(place):
            seconds = watched.becomes(healthy=False)
            figures.all("health gone", 1, 1)
            figures.all("status says so", "keeps it locked" in watched.status(), 1)
            figures.all(
                "systemd is told why", "keeps it locked" in watched.hears("STATUS=paused"), 1
            )
        assert watched.process.poll() is None
    if FULL:
        figures.at_most("seconds until health is gone", seconds, 2 * BEAT, " s")
