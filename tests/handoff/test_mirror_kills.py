"""A mirror: right in every line, whatever ends its making."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from harvester.handoff.mirror import Folder, Lines
from harvester.store import MANIFEST, Line
from tests.handoff.buckets import make_bucket, serving
from tests.handoff.mirrors import (
    archived,
    copy,
    digest,
    held,
    names,
    on_disk,
    put,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Serve S3 for the tests of this file."""
    with serving() as address:
        yield address


@dataclass
class Poller:
    """A reader that looks at a mirror without pause, until the block ends."""

    folder: Path
    known: frozenset[str | None]
    looks: int = 0
    wrong: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._poll)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _poll(self) -> None:
        while not self._ending.is_set():
            for path in on_disk(self.folder).keys() - {MANIFEST}:
                self.looks += 1
                if digest((self.folder / path).read_bytes()) not in self.known:
                    self.wrong.append(path)
            self._compare()

    def _compare(self) -> None:
        """Note lines that are false although they stand before and after their file is read."""
        lines = self._lines()
        seen = {path: digest((self.folder / path).read_bytes()) for path in lines}
        again = self._lines()
        self.wrong += [
            path
            for path, line in lines.items()
            if again.get(path) == line and seen[path] != line.sha256
        ]

    def _lines(self) -> dict[str, Line]:
        try:
            lines = Lines((self.folder / MANIFEST).read_bytes())
        except FileNotFoundError:
            return {}
        return {line.path: line for line in lines}


def killed_after(root: Path, address: str, posts: int, environ: Mapping[str, str]) -> bool:
    """Mirror in a process that is killed after so many posts; return whether it was too late."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.handoff.mirroring", str(root), address],
        cwd=ROOT,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        for number, line in enumerate(process.stdout):
            assert not line.startswith(b"said"), line
            if number == posts:
                process.kill()
        return process.wait() == 0


def test_a_killed_run_leaves_a_true_mirror(tmp_path: Path) -> None:
    """20 kills at random moments: each line is true after each, and the next run goes on.

    Nobody who polls the mirror meanwhile sees half a file or a false line.
    """
    many = names(120)
    put(tmp_path, dict.fromkeys(many[:60], "text"))
    first, folder = archived(tmp_path), tmp_path / "mirror"
    copy(tmp_path, Folder(folder))
    put(tmp_path, dict.fromkeys(many[30:], "revised"))
    known = frozenset(map(digest, (*first.values(), *archived(tmp_path).values())))

    with Poller(folder, known) as poller:
        for _ in range(20):
            killed_after(tmp_path, str(folder), random.randrange(12), {})  # noqa: S311
            held(on_disk(folder))
        assert killed_after(tmp_path, folder.as_uri(), -1, {})

    assert poller.wrong == []
    assert poller.looks > 100
    assert archived(tmp_path) == on_disk(folder)


def test_a_killed_run_leaves_a_true_bucket(tmp_path: Path, endpoint: str) -> None:
    """The same holds of an object store."""
    many, bucket = names(40), make_bucket(endpoint)
    put(tmp_path, dict.fromkeys(many[:20], "text"))
    copy(tmp_path, bucket.target(""))
    put(tmp_path, dict.fromkeys(many[10:], "revised"))

    address = f"s3://{bucket.name}"
    for _ in range(4):
        killed_after(tmp_path, address, random.randrange(10), bucket.environ)  # noqa: S311
        held(bucket.objects())
    assert killed_after(tmp_path, address, -1, bucket.environ)

    assert archived(tmp_path) == bucket.objects()
