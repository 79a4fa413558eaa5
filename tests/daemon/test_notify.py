"""What reaches systemd, over a real datagram socket."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from harvester.daemon.notify import Notifier, watchdog_interval


@pytest.fixture(params=["path", "abstract"])
def named(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the text of $NOTIFY_SOCKET for both kinds of names."""
    return f"@harvester-{uuid4()}" if request.param == "abstract" else str(tmp_path / "notify")


@pytest.fixture
def systemd(named: str) -> Iterator[socket.socket]:
    """Yield the other end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.settimeout(5)
        receiver.bind(f"\0{named[1:]}" if named.startswith("@") else named)
        yield receiver


def test_every_state_is_sent_as_systemd_reads_it(named: str, systemd: socket.socket) -> None:
    """Each call is one datagram; a reload carries its monotonic time in microseconds."""
    notifier = Notifier({"NOTIFY_SOCKET": named})

    notifier.ready()
    notifier.status("ok: 早报")
    notifier.reloading(12.5)
    notifier.watchdog()
    notifier.stopping()

    assert [systemd.recv(4096).decode() for _ in range(5)] == [
        "READY=1",
        "STATUS=ok: 早报",
        "RELOADING=1\nMONOTONIC_USEC=12500000",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


def test_a_status_brings_no_state_of_its_own(named: str, systemd: socket.socket) -> None:
    """Foreign text in a status stays in its line."""
    Notifier({"NOTIFY_SOCKET": named}).status("down\nSTOPPING=1\x1b[2J\udc80")

    assert systemd.recv(4096) == b"STATUS=down STOPPING=1 [2J?"


def _all(notifier: Notifier) -> None:
    notifier.ready()
    notifier.status("ok")
    notifier.reloading(1.0)
    notifier.watchdog()
    notifier.stopping()


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_without_systemd_nothing_happens(
    environ: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """Started by hand, or told by other means than a Unix socket, the daemon is silent."""
    _all(Notifier(environ))

    assert caplog.records == []


def test_a_lost_socket_does_not_stop_the_daemon(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be told is logged, and the work goes on."""
    with caplog.at_level(logging.WARNING):
        Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).reloading(1.0)

    assert caplog.messages == [
        "systemd was not told RELOADING=1: [Errno 2] No such file or directory"
    ]


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "42"}, 1.5),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "43"}, None),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "x"}, None),
        ({}, None),
        ({"WATCHDOG_PID": "42"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "³"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_asked_for(environ: dict[str, str], seconds: float | None) -> None:
    """The interval is in microseconds, and only for the process it names."""
    assert seconds == watchdog_interval(environ, pid=42)


def test_the_watchdog_is_for_this_process() -> None:
    """Without a number the process's own is meant."""
    environ = {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid())}

    assert watchdog_interval(environ) == 1.0
