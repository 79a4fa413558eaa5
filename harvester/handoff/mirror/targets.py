"""Where a mirror can stand: a folder, or an object store."""

from __future__ import annotations

import hashlib
import re
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from harvester.errors import SiteUnreachable, UsageError
from harvester.store import locked, make_folder, replace_file, resolved
from harvester.store.tree import PostTree, folder_of

# A folder whose name looks so can be given as ./name:…
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)
# Those of https://docs.rs/object_store/latest/object_store/enum.ObjectStoreScheme.html that name
# an object store; of https it knows the hosts of Amazon, Cloudflare and Azure.
_STORES = frozenset({"s3", "s3a", "gs", "az", "adl", "azure", "abfs", "abfss", "https"})
KINDS = "a folder, file:///folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"


class TargetUnreachable(SiteUnreachable):
    """A mirror's object store cannot be reached, or refuses us (exit 69)."""


class Target(Protocol):
    """A place for files by relative path, for many threads.

    `name` is for messages, `key` is one however the address is written. Raises DiskError or
    TargetUnreachable.
    """

    name: str
    key: str

    def read(self, path: str) -> bytes | None:
        """Return the bytes at a path, None if there are none."""

    def write(self, path: str, data: bytes) -> None:
        """Put bytes at a path in one step, durable after the next `settle`."""

    def settle(self) -> None:
        """Make what was written durable."""


class Folder:
    """A folder on disk, made where it is missing."""

    def __init__(self, root: Path) -> None:
        self.name = str(root)
        self.key = str(root.resolve())
        self.root = root
        self._tree = PostTree(root)
        self._unsettled: set[str] = set()
        self._folders = threading.Lock()  # two threads would make the same one
        make_folder(root.absolute())

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file, None if there is no regular one."""
        return self._tree.read(path) if self._tree.digest(path) else None

    def write(self, path: str, data: bytes) -> None:
        """Put a file in one step; its temporary one is hidden and of a name of its own."""
        place = self._tree.locate(path)
        with self._folders:
            make_folder(place.parent)
        mark = hashlib.sha256(path.encode()).hexdigest()[:16]
        replace_file(place, [data], mark)
        with self._folders:
            self._unsettled.add(folder_of(path))

    def settle(self) -> None:
        """Make the names of the files durable; their bytes are."""
        with self._folders:
            folders, self._unsettled = self._unsettled, set()
        self._tree.sync_folders(folders)


def open_target(address: str, seeds: Path, state: Path) -> Target:
    """Return the target of an address: a path, `file://…`, or that of an object store.

    Raises UsageError for one that cannot be, or that lies in the archive's own folders, and
    DiskError.
    """
    if not _SCHEME.match(address):
        return Folder(_beside(Path(address).expanduser(), seeds, state))
    parts = urlsplit(address)
    if parts.query or parts.fragment:
        raise UsageError(f"{address}: '?' and '#' are written %3F and %23 in an address")
    if parts.scheme in _STORES and parts.netloc:
        return _open_objects(address)
    if parts.scheme != "file":
        raise UsageError(f"{address}: not known; a mirror stands in {KINDS}")
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise UsageError(f"{address}: a folder's address is file:///path")
    return Folder(_beside(Path(unquote(parts.path)), seeds, state))


def _beside(folder: Path, seeds: Path, state: Path) -> Path:
    try:
        place = resolved(folder)
    except OSError as problem:
        raise UsageError(f"{folder}: {problem}; choose another folder") from problem
    for what, own in (("posts themselves", seeds), ("archive's own state", state)):
        if place.is_relative_to(own.resolve()):
            raise UsageError(f"{folder}: lies in the {what} ({own}); choose another folder")
    return folder


def _open_objects(address: str) -> Target:
    try:
        from harvester.handoff.mirror.objects import open_objects  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as problem:
        if problem.name != "obstore":
            raise
        raise UsageError(
            f"{address}: object stores need obstore: pip install 'zaobao-harvester[mirror]', or "
            "in a checkout pip install --editable '.[mirror]'"
        ) from None
    return open_objects(address)


def alone(target: Target, state: Path) -> AbstractContextManager[None]:
    """Hold a target against other runs of a mirror on this machine. Raises Busy and DiskError.

    Two runs at one target could put a manifest over a newer post. A folder is held itself, an
    object store by a file in `state` that is named after it and stays.
    """
    busy = f"{target.name}: another run of a mirror is at work; wait for it to end"
    if isinstance(target, Folder):
        return locked(target.root, busy, folder=True)
    mark = hashlib.sha256(target.key.encode()).hexdigest()[:16]
    return locked(state / f"mirror-{mark}.lock", busy)
