"""The write rule broken on purpose: what the tests must see, or they could see nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from harvester.store import CATALOGUE, Archive, make_folder, replace_file
from harvester.store.batch import BatchWriter, Command, Intent, Outcome
from harvester.store.database import open_database
from harvester.store.manifest import Manifest
from harvester.store.tree import PostTree
from tests.store.support import StillClock, decide, name_key


class PlainTree(PostTree):
    """Writes a post where it lies."""

    def write(self, path: str, data: bytes, story_id: str) -> None:  # noqa: ARG002
        """Put bytes at `path`, in two steps as a large file would be."""
        make_folder(self.locate(path).parent)
        with self.locate(path).open("wb", buffering=0) as file:
            file.write(data[: len(data) // 2])
            file.write(data[len(data) // 2 :])
        self.sync_file(path)


class HastyTree(PostTree):
    """Renames what is not synced."""

    def write(self, path: str, data: bytes, story_id: str) -> None:
        """Put bytes at `path` in one step, but not durably."""
        make_folder(self.locate(path).parent)
        replace_file(self.locate(path), [data], mark=story_id, durable=False)


class CarelessTree(PostTree):
    """Syncs no folder."""

    def sync_folders(self, folders: Iterable[str]) -> None:
        """Leave the new names to chance."""


class RowsFirst(BatchWriter):
    """Commits the rows, then writes the files."""

    _late: Sequence[Intent] = ()

    def apply(self, connection: sqlite3.Connection, commands: Sequence[Command]) -> list[Outcome]:
        """Write a batch the wrong way round."""
        outcomes = super().apply(connection, commands)
        super()._write_files(connection, self._late)
        return outcomes

    def _write_files(self, connection: sqlite3.Connection, intents: Sequence[Intent]) -> None:  # noqa: ARG002
        self._late = intents


VARIANTS: dict[str, tuple[type[PostTree], type[BatchWriter]]] = {
    "plain write, then row": (PlainTree, BatchWriter),
    "row, then file": (PostTree, RowsFirst),
    "rename without fsync": (HastyTree, BatchWriter),
    "folders not synced": (CarelessTree, BatchWriter),
}


@asynccontextmanager
async def open_variant(variant: str, root: Path, clock: StillClock) -> AsyncIterator[Archive]:
    """Open an archive that ended well, to be written the wrong way."""
    seeds, aside = root / "seeds", root / "state" / "aside"
    make_tree, make_writer = VARIANTS[variant]
    async with open_database(root / "state" / CATALOGUE) as database:
        tree, manifest = make_tree(seeds), Manifest(seeds)
        await database.run(partial(manifest.begin, now=clock.monotonic()))
        writer = make_writer(tree, aside, decide, name_key, clock, manifest)
        yield Archive(database, tree, aside, writer, manifest, clock, None)
