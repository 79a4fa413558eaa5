"""Which WARC files there are, and their bytes: on disk, in object stores, on web servers."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

from harvester.errors import DiskError, UsageError

if TYPE_CHECKING:
    from obstore import ObjectMeta, ReadableFile
    from obstore.store import ObjectStore

_ENDINGS = (".warc", ".warc.gz", ".warc.zst")
_LIST = ".paths.gz"
_BUFFER = 2**20
_SCHEMES = ("s3", "gs", "az", "https", "http")


@dataclass(frozen=True, slots=True, order=True)
class WarcFile:
    """A file by its absolute path or URL; `version` tells another of its name from it."""

    name: str
    size: int
    version: str


def warc_files(paths: Iterable[str]) -> list[WarcFile]:
    """Return the files that are meant, in the order of their names.

    A path is a file, a folder (all WARC files below), an object or a prefix (`s3://bucket/prefix/`),
    an address of a file, or of a list of files as Common Crawl has them (`….paths.gz`). Raises
    UsageError for what is not there.
    """
    found = {file for path in paths for file in _meant(path)}
    return sorted(found)


def absolute(path: str) -> str:
    """Return a path that means the same from every working folder."""
    return path if urlsplit(path).scheme in _SCHEMES else str(Path(path).absolute())


def _meant(path: str) -> list[WarcFile]:
    if urlsplit(path).scheme in _SCHEMES:
        return _remote(path)
    place = Path(path)
    files = [place] if place.is_file() else sorted(filter(_is_warc_file, place.rglob("*")))
    if not files:
        raise UsageError(f"--warc {path}: no such file, and no folder with WARC files")
    return [_local(file.resolve()) for file in files]


def _local(path: Path) -> WarcFile:
    stat = path.stat()
    return WarcFile(str(path), stat.st_size, f"{stat.st_size}-{stat.st_mtime_ns}")


def _is_warc_file(path: Path) -> bool:
    # A pipe has no end, a dangling link no beginning.
    return _is_warc(path.name) and path.is_file()


def _is_warc(name: str) -> bool:
    return name.endswith(_ENDINGS)


def _remote(address: str) -> list[WarcFile]:
    store, root, path = _store(address)
    import obstore  # noqa: PLC0415 - an extra
    from obstore.exceptions import BaseError  # noqa: PLC0415

    try:
        if path.endswith(_LIST):
            listed = gzip.decompress(bytes(obstore.get(store, path).bytes())).decode().split()
            return [_listed(f"{root}/{each}", store, each) for each in listed if _is_warc(each)]
        if _is_warc(path):
            meta = obstore.head(store, path)
            return [_object(address, meta)]
        objects = [meta for page in obstore.list(store, path) for meta in page]
        found = [_object(f"{root}/{o['path']}", o) for o in objects if _is_warc(o["path"])]
    except (BaseError, OSError, EOFError, ValueError, zlib.error) as problem:
        raise UsageError(f"--warc {address}: {_first_line(problem)}") from problem
    if not found:
        raise UsageError(f"--warc {address}: no WARC files are there")
    return found


def _listed(address: str, store: ObjectStore, path: str) -> WarcFile:
    """Return a file of a list; one that is not there is told when its turn comes."""
    import obstore  # noqa: PLC0415 - an extra
    from obstore.exceptions import BaseError  # noqa: PLC0415

    try:
        return _object(address, obstore.head(store, path))
    except (BaseError, OSError):
        return WarcFile(address, 0, "")


def _object(address: str, meta: ObjectMeta) -> WarcFile:
    told = meta["e_tag"] or meta["last_modified"].isoformat()
    return WarcFile(address, meta["size"], f"{meta['size']}-{told}")


@contextmanager
def opened(name: str, offset: int = 0) -> Iterator[BinaryIO]:
    """Open a file for reading from a byte on. Raises DiskError where it cannot be read."""
    try:
        if urlsplit(name).scheme not in _SCHEMES:
            with Path(name).open("rb") as file:
                file.seek(offset)
                yield file
            return
        store, _, path = _store(name)
        import obstore  # noqa: PLC0415 - an extra

        with _os_errors():
            reader = obstore.open_reader(store, path)
        with io.BufferedReader(_Remote(reader), _BUFFER) as stream:
            stream.seek(offset)
            yield stream
    except OSError as problem:
        raise DiskError(f"{name}: {_first_line(problem)}") from problem


@contextmanager
def _os_errors() -> Iterator[None]:
    """Let trouble on the way to an object be what it is to readers of files."""
    from obstore.exceptions import BaseError  # noqa: PLC0415 - an extra

    try:
        yield
    except BaseError as problem:
        raise OSError(_first_line(problem)) from problem


class _Remote(io.RawIOBase):
    """An object as a stream of Python's own."""

    def __init__(self, reader: ReadableFile) -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        with _os_errors():
            return self._reader.seek(offset, whence)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        with _os_errors():
            data = bytes(self._reader.read(len(buffer)))
        buffer[: len(data)] = data
        return len(data)


def _store(address: str) -> tuple[ObjectStore, str, str]:
    """Return the store of an address, its root and the path in it."""
    try:
        from obstore.exceptions import BaseError  # noqa: PLC0415 - an extra
        from obstore.store import from_url  # noqa: PLC0415
    except ModuleNotFoundError as problem:
        if problem.name != "obstore":
            raise
        raise UsageError(
            f"--warc {address}: needs obstore: pip install 'zaobao-harvester[mirror]'"
        ) from None
    parts = urlsplit(address)
    root = f"{parts.scheme}://{parts.netloc}"
    try:
        if parts.scheme == "http":
            return from_url(root, client_options={"allow_http": True}), root, parts.path.lstrip("/")
        return from_url(root), root, parts.path.lstrip("/")
    except (BaseError, OSError, ValueError) as problem:
        raise UsageError(f"--warc {address}: {_first_line(problem)}") from problem


def _first_line(problem: Exception) -> str:
    return str(problem).partition("\n")[0]
