"""Object stores (S3 and its kin, Google, Azure) as targets. The only module that needs obstore.

Names stand there as they do on disk: https://developmentseed.org/obstore/ encodes them on the
wire alone. Credentials and endpoints are read from the environment as its documents say
(AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, GOOGLE_…, AZURE_…). It repeats what fails, for up to three
minutes.

Its asynchronous functions are not used: a thread of theirs may still be at work in Python when the
process ends, which then aborts (https://github.com/PyO3/pyo3-async-runtimes/issues/40).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store, from_url

from harvester.errors import UsageError
from harvester.handoff.mirror.targets import KINDS, TargetUnreachable

_Store: TypeAlias = S3Store | GCSStore | AzureStore


class Objects:
    """A prefix in a bucket."""

    def __init__(self, address: str, store: _Store) -> None:
        self.name = address
        names = (store.config.get("bucket"), store.config.get("container_name"), store.prefix)
        self.key = " ".join(str(each) for each in (type(store).__name__, *names) if each)
        self._store = store

    def read(self, path: str) -> bytes | None:
        """Return the bytes of an object, None if there is none."""
        with self._told():
            try:
                found = obstore.get(self._store, path)
            except FileNotFoundError:
                return None
            return bytes(found.bytes())

    def write(self, path: str, data: bytes) -> None:
        """Put an object. Raises UsageError where there is no such bucket."""
        with self._told():
            try:
                # Parts of 5 MB, one after another: each has 30 s, also on a slow line.
                obstore.put(self._store, path, data, max_concurrency=1)
            except FileNotFoundError:
                raise UsageError(
                    f"{self.name}: no such bucket or container; make it first"
                ) from None

    def settle(self) -> None:
        """Do nothing: what an object store has accepted is durable."""

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError, ValueError) as problem:
            raise TargetUnreachable(
                f"{self.name}: {_first_line(problem)}; look at the network, the address and the "
                "credentials in the environment; the next run goes on from here"
            ) from problem


def open_objects(address: str) -> Objects:
    """Return the target of an address such as s3://bucket/prefix. Asks nobody yet.

    Raises UsageError for an address, or settings in the environment, that cannot be.
    """
    try:
        # Options given here would stand in for all those in the environment.
        store = from_url(address)
    except (BaseError, OSError, ValueError) as problem:
        raise UsageError(
            f"{address}: {_first_line(problem)}; look at the address and at the environment"
        ) from problem
    if not isinstance(store, _Store):
        raise UsageError(f"{address}: not known; a mirror stands in {KINDS}")
    return Objects(address, store)


def _first_line(problem: Exception) -> str:
    """Return what happened without the library's own notes, which follow it."""
    return str(problem).partition("\n")[0]
