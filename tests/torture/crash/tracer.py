"""One operation of a writer under strace: its calls, and what is done at one of them.

strace counts `when=N` by name and by thread, so it is attached to the one thread that touches the
disk, when the operation begins: every call that it counts is the operation's own.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.torture.crash.operations import prepare

ROOT = Path(__file__).resolve().parents[3]

# All calls that change a file, a folder or what is durable, and those that open files.
_NAMES = (
    "open openat openat2 creat write pwrite64 writev pwritev fsync fdatasync sync_file_range "
    "rename renameat renameat2 unlink unlinkat rmdir link linkat symlink symlinkat ftruncate "
    "truncate fallocate mkdir mkdirat mknod mknodat sendfile copy_file_range chmod fchmod "
    "fchmodat chown fchown fchownat utimensat"
)
TRACED = ",".join(f"?{name}" for name in _NAMES.split())

_CALL = re.compile(
    r"(?:\d+ +)?(?P<name>\w+)\((?P<inside>.*?)(?:\)\s+= (?P<result>.*)|\)? *<unfinished.*)?$"
)
_PATH = re.compile(r'"([^"]*)"(?!\.\.\.)|\d+<([^>]*)>')


@dataclass(frozen=True, slots=True)
class Call:
    """A system call: `nth` of its name; `paths` that it names, of handles too."""

    name: str
    nth: int
    inside: str
    result: str

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the paths among the arguments, in their order."""
        found = _PATH.findall(self.inside)
        if self.name not in {"rename", "link", "symlink"}:
            found = found[:2] if self.inside.startswith("AT_FDCWD") else found[:1]
        return tuple(a or b for a, b in found)

    @property
    def path(self) -> str:
        """Return the path that the call is about."""
        return self.paths[-1] if self.paths else ""

    @property
    def failed(self) -> bool:
        """Say whether nothing was done."""
        return self.result.startswith(("-1", "?")) or not self.result


@dataclass(frozen=True, slots=True)
class Ended:
    """How an operation ended: `status` as of a process, the error told, what was acknowledged.

    `done` is what the operation itself acknowledged, `held` what was before.
    """

    status: int
    held: frozenset[str]
    done: frozenset[str]
    error: str
    calls: tuple[Call, ...]


class Tracer:
    """Runs operations on copies of the archives before them, all below `folder`."""

    def __init__(self, strace: str, writer: subprocess.Popen[bytes], folder: Path) -> None:
        self._strace = strace
        self._writer = writer
        self._folder = folder
        self._before: dict[str, tuple[Path, frozenset[str]]] = {"next run": (folder, frozenset())}
        self._runs = 0

    def before(self, name: str) -> tuple[Path, frozenset[str]]:
        """Return the archive before an operation and what is acknowledged in it."""
        if name not in self._before:
            if name in {"start", "sweep"}:
                root, held = self._after_a_kill()
            else:
                root = self._folder / name.replace(" ", "-")
                root.mkdir()
                held = frozenset(asyncio.run(prepare(name, root)))
            self._before[name] = root, held
        return self._before[name]

    def _after_a_kill(self) -> tuple[Path, frozenset[str]]:
        """Return what a writer left that was killed in the middle of its commit."""
        calls = self.run("some texts", self.copy("some texts")).calls
        last = [call for call in calls if call.name == "pwrite64" and "harvester.db" in call.path]
        root = self.copy("some texts")
        ended = self.run("some texts", root, kill=last[-1])
        assert (ended.status, ended.done) == (-9, frozenset())
        assert any((root / "state").glob("harvester.db-*")), "a commit was begun"
        (root / "seeds" / "2021" / "11" / ".harvester-7.tmp").write_text("half a po")
        return root, self.before("some texts")[1]

    def copy(self, name: str) -> Path:
        """Return a fresh copy of the archive before an operation."""
        self._runs += 1
        root = self._folder / f"run-{self._runs}"
        return Path(shutil.copytree(self.before(name)[0], root))

    def run(
        self,
        name: str,
        root: Path,
        *,
        variant: str = "",
        kill: Call | None = None,
        fail: tuple[Call, str] | None = None,
        follow: bool = False,
    ) -> Ended:
        """Run an operation; at one call kill the writer, or let that call fail with an error.

        With `follow` the calls of all threads are told.
        """
        self._tell(json.dumps((name, variant, str(root))).encode() + b"\n")
        heard = [self._hear()]
        while heard[-1][0] != "ready":
            heard.append(self._hear())
        options = ["-f"] if follow else []
        if kill:
            options += ["-e", f"inject={kill.name}:signal=SIGKILL:when={kill.nth}"]
        if fail:
            options += ["-e", f"inject={fail[0].name}:error={fail[1]}:when={fail[0].nth}"]
        log = self._folder / "log"
        with self._attached(heard[-1][1], options, log):
            self._tell(b"!")
            while heard[-1][0] != "ended":
                heard.append(self._hear())
        return Ended(
            status=int(heard[-1][1]),
            held=self.before(name)[1] | {each[1] for each in heard if each[0] == "held"},
            done=frozenset(each[1] for each in heard if each[0] == "done"),
            error=" ".join(next((each[1:] for each in heard if each[0] == "failed"), ())),
            calls=tuple(_calls(log)),
        )

    @contextmanager
    def _attached(self, thread: str, options: Sequence[str], log: Path) -> Iterator[None]:
        command = [self._strace, "-y", "-s", "1", "-e", f"trace={TRACED}", "-o", str(log)]
        command += [*options, "-p", thread]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
            assert strace.stderr
            told = strace.stderr.readline()
            if "attached" not in told:
                self._writer.kill()
                raise PermissionError(told)
            yield
            strace.stderr.read()

    def _tell(self, line: bytes) -> None:
        assert self._writer.stdin
        self._writer.stdin.write(line)

    def _hear(self) -> list[str]:
        assert self._writer.stdout
        words = self._writer.stdout.readline().decode().split()
        assert words, "the writing process has ended"
        return words


@contextmanager
def open_tracer(strace: str, folder: Path) -> Iterator[Tracer]:
    """Start the process that forks writers; end it at the end."""
    command = [sys.executable, "-B", "-m", "tests.torture.crash.writer"]
    # Or the allocator makes calls of its own, now and then.
    environment = os.environ | {"MALLOC_TRIM_THRESHOLD_": str(2**30)}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdin
        try:
            yield Tracer(strace, writer, folder)
        finally:
            writer.stdin.close()


def _calls(log: Path) -> Iterator[Call]:
    counted: Counter[str] = Counter()
    for line in log.read_text().splitlines():
        if found := _CALL.match(line):
            counted[found["name"]] += 1
            yield Call(
                found["name"], counted[found["name"]], found["inside"], found["result"] or ""
            )
