"""What a power loss would take, read from a trace: what is not synced, at every moment.

A file is unsafe from a write to it until it is synced, a folder from a change of its names until
the folder is. Three things must never be: a rename of an unsafe file, a sync of the catalogue
while something else is unsafe, and anything unsafe when the operation has been acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tests.torture.crash.tracer import Call

_MAKING = frozenset({"mkdir", "rename", "unlink", "rmdir", "link", "symlink"})
_WRITING = frozenset(
    {"write", "pwrite64", "writev", "pwritev", "ftruncate", "sendfile", "copy_file_range"}
)
_SYNCING = frozenset({"fsync", "fdatasync"})
# What they change is of no consequence after a power loss.
_HARMLESS = frozenset({"chmod", "fchmod", "chown", "fchown", "utimensat", "openat", "open"})


@dataclass
class Disk:
    """The files below `root` during an operation."""

    root: Path
    unsafe_files: set[str] = field(default_factory=set)
    unsafe_folders: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    renames: int = 0
    commits: int = 0
    faults: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, before: Path, root: Path) -> Disk:
        """Return the disk as it was when the operation began on a copy of `before`."""
        known = {str(root / path.relative_to(before)) for path in before.rglob("*")}
        return cls(root, known=known)

    def play(self, calls: Iterable[Call]) -> None:
        """Take all calls of an operation in their order."""
        for call in calls:
            if not call.failed and f"{call.path}/".startswith(f"{self.root}/"):
                self._take(call)

    def unsafe(self) -> list[str]:
        """Return what is unsafe now; what a killed writer left of a temporary file may be."""
        files = (each for each in self.unsafe_files if "/.harvester-" not in each)
        return sorted({*files, *self.unsafe_folders})

    def _take(self, call: Call) -> None:
        path, name = call.path, call.name
        if name in _SYNCING:
            self._sync(path)
        elif name in _WRITING:
            self._write(path)
        elif name in _MAKING:
            self._change_names(call)
        elif "O_CREAT" in call.inside and path not in self.known:
            self.known.add(path)
            self._unsafe(path)
        else:
            assert name in _HARMLESS, f"{name}: nobody has said what a power loss does to it"

    def _sync(self, path: str) -> None:
        if _is_catalogue(path):
            self.commits += 1
            catalogue = str(self.root / "state")
            self.faults += [
                f"{each} unsafe at a commit"
                for each in self.unsafe()
                if each != catalogue and not _is_catalogue(each)
            ]
        self.unsafe_files.discard(path)
        self.unsafe_folders.discard(path)

    def _write(self, path: str) -> None:
        if not path.endswith("/state/lock"):  # names the process that holds it
            self.unsafe_files.add(path)

    def _change_names(self, call: Call) -> None:
        source = call.paths[0]
        if call.name == "rename":
            self.renames += 1
            if source in self.unsafe_files:
                self.faults.append(f"{source} renamed unsafe")
                self.unsafe_files.add(call.path)
        if call.name in {"rename", "unlink", "rmdir"}:
            self.known.discard(source)
            self.unsafe_files.discard(source)
            self._unsafe(source)
        if call.name not in {"unlink", "rmdir"}:
            self.known.add(call.path)
        self._unsafe(call.path)

    def _unsafe(self, path: str) -> None:
        self.unsafe_folders.add(str(PurePosixPath(path).parent))


def _is_catalogue(path: str) -> bool:
    return PurePosixPath(path).name.startswith("harvester.db")
