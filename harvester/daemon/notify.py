"""What systemd is told of the service: sd_notify(3), sd_watchdog_enabled(3).

Without the variables of systemd nothing is done.
"""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Mapping

_log = logging.getLogger(__name__)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class Notifier:
    """Sends states to the socket that $NOTIFY_SOCKET names.

    A state that cannot be sent is logged and no error: the service itself is well.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        name = environ.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the NUL of an abstract name; other families are not for us.
        self._address = f"\0{name[1:]}" if name.startswith("@") else name
        self._wanted = name.startswith(("/", "@"))

    def ready(self) -> None:
        """Tell that the start, or a reload, is over."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """Tell in a line what goes on."""
        # Each line is a state of its own: foreign text must not bring one.
        self._send(f"STATUS={_CONTROLS.sub(' ', text)}")

    def reloading(self, now: float) -> None:
        """Tell that a reload begins; `now` is CLOCK_MONOTONIC in seconds, `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={int(now * 1_000_000)}")

    def watchdog(self) -> None:
        """Tell that the service is alive."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Tell that the end has begun."""
        self._send("STOPPING=1")

    def _send(self, state: str) -> None:
        if not self._wanted:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                # A full socket must not hold up the event loop.
                sender.setblocking(False)
                sender.sendto(state.encode("utf-8", "replace"), self._address)
        except OSError as problem:
            _log.warning("systemd was not told %s: %s", state.partition("\n")[0], problem)


def watchdog_interval(environ: Mapping[str, str], pid: int | None = None) -> float | None:
    """Return within how many seconds systemd wants each WATCHDOG=1; None: it does not.

    `pid` is that of this process; the variables may be meant for another one, such as a parent.
    """
    meant = environ.get("WATCHDOG_PID", "")
    if meant and meant != str(pid or os.getpid()):
        return None
    microseconds = environ.get("WATCHDOG_USEC", "")
    if not (microseconds.isascii() and microseconds.isdigit()):
        return None
    return int(microseconds) / 1_000_000 or None
