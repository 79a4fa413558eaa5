"""A file system of 20 MB that is really full: a clear error, nothing half done, then it goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.figures import Figures, cases
from tests.torture.crash.examine import KINDS
from tests.torture.crash.tracer import ROOT

_MOUNT = 'mount -t tmpfs -o size=20m tmpfs "$1" && shift'
_IN_A_NAMESPACE = ("unshare", "--map-root-user", "--mount", "sh", "-c")


@pytest.mark.gate("M3", "ENOSPC and EIO at each write and fsync")
def test_full_disk(tmp_path: Path, figures: Figures) -> None:
    """With any room left too small the writer ends with a disk error; with room all completes."""
    try:
        subprocess.run([*_IN_A_NAMESPACE, _MOUNT, "sh", tmp_path], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        pytest.skip(f"no file system can be mounted here to be filled: {problem}")
    command = [sys.executable, "-B", "-m", "tests.torture.crash.full_disk"]
    done = subprocess.run(
        [
            *(*_IN_A_NAMESPACE, f'{_MOUNT} && exec "$@"', "sh", tmp_path),
            *(*command, str(tmp_path), str(cases(12, 1))),
        ],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    told = json.loads(done.stdout)

    figures.at_least("20 MB file system: tries that ended with a disk error", told["full"], 12)
    figures.none("tries that do not complete with room", told["incomplete"], of=told["tries"])
    for kind in KINDS:
        figures.none(kind, told["wrong"].get(kind, 0), of=told["archives"])
    assert told["program"] == [74, 0, 0], "import, import again, verify"
