"""Write the feeds of an archive: the files that have changed, each in one step."""

from __future__ import annotations

import re
from pathlib import Path

from harvester.errors import DiskError
from harvester.handoff.feeds.atom import atom
from harvester.handoff.feeds.feed import feed_of
from harvester.handoff.feeds.json_feed import json_feed
from harvester.store import (
    Reader,
    make_folder,
    open_archive,
    replace_file,
    resolved,
    sync_folder,
)
from harvester.zaobao.sections import in_section

_FOLDER = "feeds"
_ALL = "all"
_LENGTH = 100
_FORMS = {".atom": atom, ".json": json_feed}
# Sections come from addresses of the site. No other form of them becomes the name of a file: no
# dots, no upper case that some file systems take for lower case, nothing longer than a name may be.
_SAFE = re.compile(r"[a-z0-9-]{1,64}(?:/[a-z0-9-]{1,64})*")


def renew_feeds(seeds: Path, state: Path, after: int) -> int:
    """Bring the feeds up to date that were so at entry `after`; return the last entry they tell of.

    Feeds that were never written, or tell of a later entry than there is, are all written. Raises
    as `publish_feeds` and `open_archive` do.
    """
    with open_archive(seeds, state) as archive:
        last = archive.last_change()
        if last < after or not (seeds / _FOLDER / f"{_ALL}.atom").exists():
            after = 0
        if last != after:
            publish_feeds(seeds, archive, after)
        return last


def publish_feeds(seeds: Path, archive: Reader, after: int = 0) -> int:
    """Write the feeds below `seeds/feeds` whose bytes have changed; return how many files.

    `all.atom` and `all.json` hold the newest 100 stories by publication, `<section>.atom` and
    `<section>.json` those of a section and what lies below it. A section whose path is not safe as
    a file name has no feed of its own, nor has one called `all`. Without stories there are none.
    Feeds in which nothing has changed after entry `after` of the change log are not looked at.
    Only one process may publish at a time. Raises DiskError, and as the archive does.
    """
    changed = archive.sections(after)
    concerned = (
        name
        for name in archive.sections()
        if _SAFE.fullmatch(name) and name != _ALL and any(in_section(one, name) for one in changed)
    )
    return sum(_publish(seeds / _FOLDER, name, archive) for name in (None, *concerned))


def _publish(folder: Path, section: str | None, archive: Reader) -> int:
    rows = archive.latest(_LENGTH, section)
    if not rows:
        return 0
    feed = feed_of(section, rows)
    target = folder / (section or _ALL)
    _refuse_link(target.parent, folder.parent)
    written = [
        _renew(target.with_name(target.name + suffix), form(feed))
        for suffix, form in _FORMS.items()
    ]
    if any(written):
        sync_folder(target.parent)
    return sum(written)


def _refuse_link(folder: Path, seeds: Path) -> None:
    """Refuse a folder that a link leads outside the tree: nothing of the tree is written there."""
    try:
        inside = resolved(folder).is_relative_to(resolved(seeds))
    except OSError as error:
        raise DiskError(f"{folder}: {error.strerror}") from error
    if not inside:
        raise DiskError(f"{folder}: leads outside {seeds} by a symbolic link")


def _renew(target: Path, data: bytes) -> bool:
    """Put bytes at `target` unless they are there; return whether they were put."""
    if _held(target) == data:
        return False
    make_folder(target.parent)
    replace_file(target, [data], mark=target.name)
    return True


def _held(target: Path) -> bytes | None:
    try:
        return target.read_bytes() if target.is_file() else None
    except OSError as error:
        raise DiskError(f"{target}: {error.strerror}") from error
