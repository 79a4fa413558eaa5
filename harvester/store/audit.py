"""Compare one folder of the post tree with the catalogue, and mend what differs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from harvester.store import inventory, rows, stories, watches
from harvester.store.database import check, transaction
from harvester.store.manifest import Manifest
from harvester.store.tree import PostTree, folder_of

Map = Callable[[Callable[[str], str | None], Iterable[str]], Iterable[str | None]]


# A note of this name and the id of a story stands while its file is being put right.
_RESTORING = "restoring "


class Kind(StrEnum):
    """What a difference between disk and catalogue is."""

    MISSING = "missing"  # a row without its file
    ALTERED = "altered"  # the file has other bytes than its row says
    ORPHAN = "orphan"  # a post without a row
    LEFTOVER = "leftover"  # a temporary file of a killed writer
    DAMAGED_ROW = "damaged-row"  # a text in the catalogue that is not what was stored
    CHANGED_ROW = "changed-row"  # a row of the catalogue that does not say what was written
    MANIFEST = "manifest"  # MANIFEST.jsonl does not tell what the catalogue holds
    PAGES = "pages"  # a file of the raw archive is lost, cut or damaged
    UNREAD = "unread"  # a file of the raw archive whose pages have no rows, or not all of them


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One difference: `path` is relative to the post tree; `story_id` is '' without a row.

    Of a file of the raw archive `path` is relative to the state folder.
    """

    path: str
    kind: Kind
    story_id: str = ""
    revision: int = 0

    @property
    def way_out(self) -> str:
        """Return what can be done where nothing here can mend it."""
        if self.kind is Kind.UNREAD:
            return "the next command that writes takes in the pages that have no rows"
        if self.kind is not Kind.PAGES:
            return ""
        return f"put a copy of {self.path} back into the state folder: nothing else has its pages"


def audit_folder(
    connection: sqlite3.Connection, tree: PostTree, folder: str, each: Map = map
) -> Iterator[Difference]:
    """Find the differences of a folder; every file that has a row is read.

    `each` maps the reading over the paths, in order. Raises DiskError.
    """
    tree.folder(folder)
    listing = tree.listing(folder)
    expected = set()
    for page in inventory.posts_in(connection, folder):
        digests = each(tree.digest, [row.path for row in page])
        for row, digest in zip(page, digests, strict=True):
            expected.add(row.path)
            if digest != row.sha256:
                kind = Kind.MISSING if digest is None else Kind.ALTERED
                yield Difference(row.path, kind, row.story_id)
    prefix = f"{folder}/" if folder else ""
    for name in sorted(listing.posts):
        if prefix + name not in expected:
            yield Difference(prefix + name, Kind.ORPHAN)
    for name in sorted(listing.leftovers):
        yield Difference(prefix + name, Kind.LEFTOVER)


def mend(
    connection: sqlite3.Connection,
    tree: PostTree,
    aside: Path,
    difference: Difference,
    now: datetime,
) -> bool:
    """Put a difference right from what the catalogue or the disk has; return whether it could.

    Nothing is lost: other bytes at a post's place are copied below `aside` first. Who may have read
    a file that was wrong hears of the story again. An orphan is left to the caller, who can read
    posts; so is the manifest, which is written when all else is put right.
    """
    match difference.kind:
        case Kind.LEFTOVER:
            tree.remove(difference.path)
            return True
        case Kind.MISSING | Kind.ALTERED:
            return _restore_file(connection, tree, aside, difference, now)
        case Kind.DAMAGED_ROW:
            return _restore_row(connection, tree, difference)
        case Kind.MANIFEST:
            return True
        case Kind.ORPHAN | Kind.CHANGED_ROW | Kind.PAGES | Kind.UNREAD:
            return False


def _restore_file(
    connection: sqlite3.Connection,
    tree: PostTree,
    aside: Path,
    difference: Difference,
    now: datetime,
) -> bool:
    post = stories.current_post(connection, difference.story_id)
    if post is None:
        return False
    if difference.kind is Kind.ALTERED:
        tree.copy_aside(difference.path, aside)
    with transaction(connection):
        watches.write_note(connection, _RESTORING + difference.story_id, "", now)
    tree.write(difference.path, post, difference.story_id)
    tree.sync_folders([folder_of(difference.path)])
    tell_restored(connection, now)
    return True


def tell_restored(connection: sqlite3.Connection, now: datetime) -> None:
    """Let consumers hear of the files that were put right, also by who was killed before that."""
    with transaction(connection):
        for name in watches.take_notes(connection, _RESTORING):
            stories.tell_again(connection, name.removeprefix(_RESTORING), now)


def _restore_row(connection: sqlite3.Connection, tree: PostTree, difference: Difference) -> bool:
    """Take a damaged current text from its file, if that is whole."""
    if not tree.digest(difference.path):
        return False
    with transaction(connection):
        return stories.refill_revision(
            connection, difference.story_id, difference.revision, tree.read(difference.path)
        )


def sweep(
    connection: sqlite3.Connection,
    *,
    tree: PostTree,
    aside: Path,
    manifest: Manifest,
    database: Path,
    now: datetime,
) -> list[str]:
    """Put right what a killed writer left behind; return the posts without a row.

    Only the folders it had marked are read. After a clean end there is nothing to do, so the
    catalogue as a whole is checked for damage only here and by `verify`. A catalogue without any
    story may be one that was lost: then every post of the tree is without a row, and every folder
    is marked, since taking them up can be cut short as well.
    """
    if rows.dirty_folders(connection):
        check(connection, database)
    if not stories.are_any(connection):
        with transaction(connection):
            rows.mark_dirty(connection, tree.folders())
    # The manifest's folder is marked by no batch.
    for name in tree.listing("").leftovers:
        tree.remove(name)
    marked = rows.dirty_folders(connection)
    tree.settle(marked)
    tell_restored(connection, now)
    orphans = []
    for folder in marked:
        found = list(audit_folder(connection, tree, folder))
        manifest.withdraw(each.path for each in found)
        for difference in found:
            if difference.kind is Kind.ORPHAN:
                orphans.append(difference.path)
            else:
                mend(connection, tree, aside, difference, now)
    return orphans
