"""The files of the post tree: written as a whole or not at all, and never outside the root."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path, PurePosixPath

from harvester.errors import DiskError

# Empty ones stand before, behind or between slashes too many.
_ODD_PARTS = frozenset({"", ".", ".."})
_POST = re.compile(r"\d{4}-\d{2}-\d{2}-.*\.md", re.DOTALL)
_LEFTOVER = re.compile(r"\.harvester-.*\.tmp", re.DOTALL)
# What a killed writer was copying aside is copied again at the next start, in the same folder.
_ASIDE = ".harvester-aside.tmp"
# A pipe or a link planted under a post's name must neither block us nor lead us elsewhere.
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
# The root, or what stands above it, may well be a link; what lies below has been checked.
_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into a DiskError that names `path`."""
    try:
        yield
    except OSError as error:
        raise DiskError(f"{path}: {error.strerror or error}") from error


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in one folder and concerns us: names of posts and of temporary files."""

    posts: frozenset[str]
    leftovers: frozenset[str]


class PostTree:
    """The post tree below `root`. Paths are relative to it, with `/`; a folder may be ''.

    Only `YYYY-MM-DD-*.md` and our temporary files are ours; everything else is left alone. Every
    method raises DiskError.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def locate(self, path: str) -> Path:
        """Return the place of `path` on disk; refuse one that leads outside the root."""
        if _ODD_PARTS.intersection(path.split("/")) or "\0" in path or not _is_text(path):
            raise DiskError(f"{path!r}: not a path inside {self.root}")
        self.folder(folder_of(path))
        return self.root / path

    def folder(self, folder: str) -> Path:
        """Return the place of a folder; refuse one that a link leads outside."""
        place = self.root / folder
        if ".." in folder or _has_link(self.root, folder):
            with disk_errors(place):
                if not place.resolve().is_relative_to(self.root.resolve()):
                    raise DiskError(f"{place}: leads outside {self.root} by a symbolic link")
        return place

    def is_free(self, path: str) -> bool:
        """Return whether nothing lies at `path`, not even a dangling link."""
        target = self.locate(path)
        with disk_errors(target):
            try:
                target.lstat()
            except (FileNotFoundError, NotADirectoryError):
                return True
            return False

    def write(self, path: str, data: bytes, story_id: str) -> None:
        """Put `data` at `path` in one step; `sync_folders` makes the new name durable.

        A failed fsync is never tried again: the kernel may have dropped the page.
        """
        target = self.locate(path)
        make_folder(target.parent)
        replace_file(target, [data], mark=story_id)

    def settle(self, folders: Iterable[str]) -> None:
        """Make the names in these folders and in all above them durable, where they are there.

        A writer that was killed may have made or changed them and not come to it.
        """
        pure = map(PurePosixPath, folders)
        ways = {str(each) for folder in pure for each in (folder, *folder.parents)}
        for place in map(self.folder, sorted(ways)):
            if place.is_dir():
                sync_folder(place)

    def sync_file(self, path: str) -> None:
        """Make the bytes of a file that somebody else has written durable."""
        sync(self.locate(path), _READ)

    def sync_folders(self, folders: Iterable[str]) -> None:
        """Make the names in these folders durable."""
        for folder in sorted(set(folders)):
            sync_folder(self.root / folder)

    def read(self, path: str) -> bytes:
        """Return the bytes at `path`; links are not followed."""
        target = self.locate(path)
        with disk_errors(target), os.fdopen(os.open(target, _READ), "rb") as file:
            return file.read()

    def digest(self, path: str) -> str | None:
        """Return the SHA-256 of a file; None if there is none, '' if it is no regular file."""
        target = self.locate(path)
        try:
            with os.fdopen(os.open(target, _READ), "rb") as file:
                return hashlib.sha256(file.read()).hexdigest()
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR}:
                return None
            if error.errno in {errno.ELOOP, errno.EISDIR, errno.ENXIO}:
                return ""
            raise DiskError(f"{target}: {error.strerror}") from error

    def remove(self, path: str) -> None:
        """Delete a file, durably."""
        target = self.locate(path)
        with disk_errors(target):
            target.unlink(missing_ok=True)
        sync_folder(target.parent)

    def copy_aside(self, path: str, aside: Path) -> Path:
        """Copy a file, or a link as it is, below `aside` under a name that is free there."""
        source = self.locate(path)
        target = free_name(aside / path)
        make_folder(target.parent)
        PostTree(aside).settle([folder_of(path)])
        temporary = target.with_name(_ASIDE)
        with disk_errors(target), _removed_on_error(temporary):
            temporary.unlink(missing_ok=True)
            shutil.copy2(source, temporary, follow_symlinks=False)
            if not temporary.is_symlink():
                sync(temporary, _READ)
            temporary.replace(target)
        sync_folder(target.parent)
        return target

    def listing(self, folder: str) -> Listing:
        """Return the names in a folder that are ours; none if the folder is not there."""
        where = self.folder(folder)
        try:
            names = [entry.name for entry in where.iterdir() if _is_text(entry.name)]
        except (FileNotFoundError, NotADirectoryError):
            names = []
        except OSError as error:
            raise DiskError(f"{where}: {error.strerror}") from error
        return Listing(
            posts=frozenset(filter(_POST.fullmatch, names)),
            leftovers=frozenset(filter(_LEFTOVER.fullmatch, names)),
        )

    def folders(self) -> Iterator[str]:
        """Walk the folders of the tree, the root ('') first; links are not followed."""
        with disk_errors(self.root):
            for folder, _, _ in os.walk(self.root, onerror=_reraise):
                relative = Path(folder).relative_to(self.root).as_posix()
                if _is_text(relative):
                    yield "" if relative == "." else relative


def replace_file(target: Path, chunks: Iterable[bytes], mark: str, *, durable: bool = True) -> None:
    """Put bytes at `target` in one step: a reader sees the file before or the whole one after.

    `mark` tells the temporary file beside it from those of others, which a killed writer may have
    left. The new name is durable once its folder is synced (`sync`). Raises DiskError.
    """
    temporary = target.with_name(f".harvester-{mark}.tmp")
    with disk_errors(target), _removed_on_error(temporary):
        with os.fdopen(_create(temporary), "wb") as file:
            file.writelines(chunks)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(target)


def _create(place: Path) -> int:
    """Open a new file; what a killed writer left there, or somebody planted, goes."""
    try:
        return os.open(place, _CREATE, 0o666)
    except FileExistsError:
        place.unlink()
        return os.open(place, _CREATE, 0o666)


def resolved(path: Path) -> Path:
    """Return where a path leads, links followed. Raises OSError, also for links in a circle."""
    try:
        place = path.resolve()
        circle = place.is_symlink()  # from Python 3.13 on it is left as it is
    except RuntimeError:  # before
        circle = True
    if circle:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return place


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, each durable before something is put into it."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with disk_errors(folder):
        folder.mkdir()
    sync_folder(folder.parent)


def free_name(wished: Path) -> Path:
    """Return a path, or the first of `.2`, `.3` … behind it, at which nothing lies."""
    place, number = wished, 1
    while os.path.lexists(place):
        number += 1
        place = wished.with_name(f"{wished.name}.{number}")
    return place


def folder_of(path: str) -> str:
    """Return the folder part of a relative path, '' for the root."""
    return path.rpartition("/")[0]


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    sync(folder, _FOLDER)


def sync(path: Path, flags: int = _READ) -> None:
    """Make the bytes of a file, or the names in a folder, durable."""
    with disk_errors(path):
        handle = os.open(path, flags)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _removed_on_error(temporary: Path) -> Iterator[None]:
    try:
        yield
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _has_link(root: Path, folder: str) -> bool:
    """Say whether a link stands on the way from a root to a folder below it."""
    ways = accumulate(folder.split("/"), "{}/{}".format, initial=str(root))
    return any(map(os.path.islink, islice(ways, 1, None)))


def _is_text(name: str) -> bool:
    """Return whether a name from the disk is UTF-8; other names are never ours."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _reraise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
