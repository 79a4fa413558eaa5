"""A web server on loopback for a folder of packed files, with a log of what was asked for.

nginx, where it is on PATH; else one of ours (`benchmarks.fileserver`), which is slower.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import environment, module

_PATIENCE = 10.0
# Where nginx would put what it does not do here; a build without a module does not know its name.
_TEMPORARY = {
    "": "client_body_temp_path",
    "proxy": "proxy_temp_path",
    "fastcgi": "fastcgi_temp_path",
    "uwsgi": "uwsgi_temp_path",
    "scgi": "scgi_temp_path",
}
_CONFIGURATION = """
{user}
daemon off;
worker_processes 1;
pid {work}/nginx.pid;
error_log {work}/nginx.error;
events {{ worker_connections 512; }}
http {{
  {temporary}
  log_format asked '$request_uri $status';
  access_log {log} asked;
  types {{ application/xml xml; text/plain txt; }}
  default_type text/html;
  charset utf-8;
  keepalive_requests 1000000;
  sendfile on;
  gzip_static always;
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs: where, what it is, and where it says what was asked for."""

    origin: str
    name: str
    log: Path

    def asked(self) -> list[tuple[str, int]]:
        """Return the paths that were asked for so far, with the status of the answer."""
        lines = self.log.read_text("utf-8").splitlines()
        return [(path, int(status)) for path, _, status in (line.rpartition(" ") for line in lines)]


def store(root: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write files to be served, by path, each packed."""
    for path, body in files:
        target = root / f"{path}.gz"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.compress(body, 6, mtime=0))


@contextmanager
def serving(root: Path, work: Path) -> Iterator[Server]:
    """Serve a folder while the block lasts; `work` is for what the server writes."""
    work.mkdir(parents=True, exist_ok=True)
    port, log = _free_port(), work / "asked.log"
    log.write_bytes(b"")
    nginx = shutil.which("nginx")
    name = f"nginx {_about(nginx)[0]}" if nginx else "a server of our own"
    command = _nginx(nginx, root, work, log, port) if nginx else _ours(root, log, port)
    with subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            _await(port, process)
            yield Server(f"http://127.0.0.1:{port}", name, log)
        finally:
            process.terminate()


def _nginx(program: str, root: Path, work: Path, log: Path, port: int) -> list[str]:
    _, without = _about(program)
    temporary = " ".join(
        f"{directive} {work}/temporary;"
        for part, directive in _TEMPORARY.items()
        if part not in without
    )
    user = "user root;" if os.geteuid() == 0 else ""  # else it could not look into our folder
    text = _CONFIGURATION.format(
        user=user, work=work, temporary=temporary, log=log, port=port, root=root
    )
    (work / "nginx.conf").write_text(text, "utf-8")
    return [program, "-p", str(work), "-e", str(work / "nginx.error"), "-c", f"{work}/nginx.conf"]


def _about(program: str) -> tuple[str, frozenset[str]]:
    """Return the version of nginx, and which of its parts were left out."""
    told = subprocess.run([program, "-V"], stderr=subprocess.PIPE, text=True, check=True).stderr  # noqa: S603
    number = re.search(r"nginx/([\d.]+)", told)
    left_out = re.findall(r"--without-http_(\w+)_module", told)
    return number[1] if number else "", frozenset(left_out)


def _ours(root: Path, log: Path, port: int) -> list[str]:
    return list(map(str, module("fileserver", root, log, port)))


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port: int = listening.getsockname()[1]
        return port


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers. Raises RuntimeError if it does not."""
    end = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("the web server does not answer")
