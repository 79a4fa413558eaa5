"""Connections to the catalogue: opened, checked, and used through one function at a time."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import TypeVar, cast

import aiosqlite

from harvester.errors import (
    DatabaseUnusable,
    DiskError,
    ForeignDatabase,
    HarvesterError,
    Locked,
)
from harvester.store.schema import APPLICATION_ID, MIGRATIONS

T = TypeVar("T")

CATALOGUE = "harvester.db"
READER_PATIENCE = 5.0
# Without WAL a commit waits for every reader to finish: a slow one must not fail the writer.
WRITER_PATIENCE = 60.0

WAY_OUT = "put a copy of it back, or make it again from the posts with `harvester rebuild`"
_DISK = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
    }
)
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def durability(version: tuple[int, ...]) -> tuple[str, str]:
    """Return `journal_mode` and `synchronous` that are safe with a version of SQLite.

    Before 3.51.3 two connections that write or checkpoint a WAL at once can corrupt the file
    (https://sqlite.org/wal.html#walresetbug); the rollback journal is not concerned.
    """
    return ("WAL", "FULL") if version >= (3, 51, 3) else ("DELETE", "EXTRA")


@contextmanager
def guarded(
    path: Path, way_out: str = WAY_OUT, unusable: type[DatabaseUnusable] = DatabaseUnusable
) -> Iterator[None]:
    """Turn what SQLite reports about the file at `path` into our errors; bugs pass through.

    Raises Busy (locked by another process), DiskError (cannot be read or written) and `unusable`
    with the way out (everything else that is wrong with the file).
    """
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        # Of a damaged file even SQLite's message may not be Unicode.
        raise _known(error, path) or unusable(f"{path}: {error}; {way_out}") from error


def _known(error: Exception, path: Path) -> HarvesterError | None:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if code in _BUSY:
        return Locked(f"{path}: another process keeps it locked ({error})")
    if code in _DISK:
        return DiskError(f"{path}: {error}")
    return None


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block writes, durably and as a whole, or nothing of it.

    `IMMEDIATE`, because a transaction that has read and then writes fails at once with
    SQLITE_BUSY_SNAPSHOT, whatever the timeout.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def connect_writer(path: Path, patience: float = WRITER_PATIENCE) -> sqlite3.Connection:
    """Open the catalogue for writing; make it or bring it up to date. Raises as `guarded`."""

    def prepare(connection: sqlite3.Connection) -> None:
        version = _identify(connection, path)
        journal_mode, synchronous = durability(sqlite3.sqlite_version_info)
        connection.execute(f"PRAGMA journal_mode = {journal_mode}")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection, version, MIGRATIONS)

    return _connect(path, "rwc", patience, prepare)


def require(path: Path) -> None:
    """Raise DatabaseUnusable when there is no catalogue; for those that must never make one."""
    if not path.exists():
        raise DatabaseUnusable(f"{path}: there is no catalogue yet; a command that writes makes it")


def connect_reader(path: Path, patience: float = READER_PATIENCE) -> sqlite3.Connection:
    """Open the catalogue for reading only; never makes the file. Raises as `guarded`.

    `mode=rw` lets SQLite roll back what a killed writer left; where the disk is read-only SQLite
    itself falls back to reading.
    """
    require(path)

    def prepare(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA query_only = ON")
        if _identify(connection, path) < len(MIGRATIONS):
            raise DatabaseUnusable(
                f"{path}: made by an older version; a command that writes brings it up to date"
            )

    return _connect(path, "rw", patience, prepare)


def _connect(
    path: Path, mode: str, patience: float, prepare: Callable[[sqlite3.Connection], None]
) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode={mode}"
    with guarded(path):
        connection = sqlite3.connect(
            address, uri=True, isolation_level=None, timeout=patience, check_same_thread=False
        )
        try:
            connection.create_function("seal", -1, seal, deterministic=True)
            prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def seal(*values: str | int | None) -> int:
    """Return the sum of a row's values, 64 bits; `seal(…)` in SQL."""
    digest = hashlib.blake2b(json.dumps(values).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def _identify(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema version of the file (0: an empty one)."""
    owner = _pragma(connection, "application_id")
    version = _pragma(connection, "user_version")
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if owner != APPLICATION_ID and (owner, version, tables) != (0, 0, 0):
        raise ForeignDatabase(f"{path}: a database of another program; choose another --state")
    if version > len(MIGRATIONS):
        raise ForeignDatabase(
            f"{path}: made by a newer version of harvester (schema {version}, known up to "
            f"{len(MIGRATIONS)}); use that version"
        )
    return version


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def migrate(connection: sqlite3.Connection, version: int, steps: tuple[str, ...]) -> None:
    """Take the steps after `version`, each with its new number in one transaction."""
    for number, step in enumerate(steps[version:], start=version + 1):
        script = (
            f"BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID};"
            f"{step}; PRAGMA user_version = {number}; COMMIT;"
        )
        try:
            connection.executescript(script)
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def check(connection: sqlite3.Connection, path: Path, *, thorough: bool = False) -> None:
    """Read the whole catalogue for damage, also in its indexes if `thorough`, at twice the price.

    Raises DatabaseUnusable.
    """
    name = "integrity_check" if thorough else "quick_check"
    with guarded(path), closing(connection.execute(f"PRAGMA {name}(1)")) as cursor:
        (answer,) = cursor.fetchone()
    if answer != "ok":
        raise DatabaseUnusable(f"{path}: damaged ({answer}); {WAY_OUT}")


class Database:
    """The one writing connection, on a thread of its own."""

    def __init__(self, path: Path, connection: aiosqlite.Connection) -> None:
        self.path = path
        self._connection = connection

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a whole function on the connection's thread; calls never overlap.

        A cancelled caller does not stop the function: it runs to its end. Raises as `guarded`.
        """
        # aiosqlite offers single statements only, at about 100 µs each; a whole transaction as
        # one function needs these two private members.
        execute = cast("Callable[..., Awaitable[T]]", self._connection._execute)  # noqa: SLF001
        with guarded(self.path):
            return await execute(work, self._connection._conn)  # noqa: SLF001


@asynccontextmanager
async def open_database(path: Path, patience: float = WRITER_PATIENCE) -> AsyncIterator[Database]:
    """Open the catalogue for writing; the connection is closed whatever happens.

    An aiosqlite connection left open would keep the process from ending.
    """
    starting = asyncio.ensure_future(_start(path, patience))
    try:
        yield Database(path, await uninterrupted(starting))
    finally:
        if not starting.cancelled() and starting.exception() is None:
            await uninterrupted(starting.result().close())


async def _start(path: Path, patience: float) -> aiosqlite.Connection:
    # aiosqlite gets a connection that is open already: when its own opening fails, it does not
    # wait for its thread to end.
    opened = await asyncio.to_thread(connect_writer, path, patience)
    return await aiosqlite.Connection(lambda: opened, iter_chunk_size=64)


async def uninterrupted(work: Awaitable[T]) -> T:
    """Wait for `work` to end, also when cancelled; the cancellation is raised afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled and not task.cancelled():
        task.exception()  # seen, so that asyncio does not report it as forgotten
        raise cancelled
    return task.result()
