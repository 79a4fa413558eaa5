"""pywb, which replays web archives: another program that reads our WARC files.

It pins packages that are older than ours, so it has an environment of its own and is never
imported. `brotlipy`, which it wants for bodies in `br`, is not built for every machine and is left
out: such bodies are given out as they are.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Final

import pytest

_ROOT: Final = Path(__file__).resolve().parents[2]
_BIN: Final = _ROOT / ".venv" / "pywb" / "bin"
_SERVER: Final = Path(__file__).with_name("pywb_server.py")
_CONFIG: Final = """\
collections:
  pages:
    archive_paths: {folder}/
    index_paths: {index}
"""
_DEADLINE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Replay:
    """A running pywb."""

    host: str

    def get(self, url: str, at: datetime) -> tuple[int, HTTPMessage, bytes]:
        """Return status, head and body of what was archived of an address at that second.

        The body is as it was archived (`id_`), but for its content coding where pywb knows that
        (gzip, deflate).
        """
        return self._ask(f"/pages/{at.astimezone(UTC):%Y%m%d%H%M%S}id_/{url}")

    def lines(self, *domains: str) -> list[dict[str, str]]:
        """Return what the index has of domains: an object for each capture."""
        asked = (f"/pages/cdx?url={each}&matchType=domain&output=json" for each in domains)
        answers = (self._ask(path)[2] for path in asked)
        return [json.loads(line) for answer in answers for line in answer.splitlines()]

    def _ask(self, path: str) -> tuple[int, HTTPMessage, bytes]:
        connection = HTTPConnection(self.host, timeout=_DEADLINE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


@contextmanager
def replay(folder: Path, work: Path) -> Iterator[Replay]:
    """Serve the WARC files of a folder on loopback, from an index in `work`; skip without pywb.

    It says its port when it listens, so that nothing is asked too early.
    """
    if not _BIN.is_dir():
        pytest.skip(f"pywb is not set up in {_BIN.parent}: no archived page is replayed")
    work.mkdir()
    index = work / "index.cdxj"
    environ = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "NO_PROXY": "*"}
    subprocess.run(
        [_BIN / "cdx-indexer", "--sort", "--cdxj", "--output", index, folder],
        env=environ,
        check=True,
        capture_output=True,
        timeout=_DEADLINE,
    )
    (work / "config.yaml").write_text(_CONFIG.format(folder=folder.absolute(), index=index))
    log = work / "log"
    with (
        log.open("w") as told,
        subprocess.Popen(
            [_BIN / "python", "-I", _SERVER],
            cwd=work,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout
            said = (line.split() for line in process.stdout)
            port = next((words[1] for words in said if words[:1] == ["port"]), "")
            assert port, log.read_text()
            yield Replay(f"127.0.0.1:{port}")
        finally:
            process.kill()
