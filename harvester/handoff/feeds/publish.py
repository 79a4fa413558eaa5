"""Write the feeds of an archive: the files that have changed, each in one step."""

from __future__ import annotations

import re
from pathlib import Path

from harvester.errors import DiskError
from harvester.handoff.feeds.atom import atom
from harvester.handoff.feeds.feed import feed_of
from harvester.handoff.feeds.json_feed import json_feed
from harvester.store import Reader, make_folder, replace_file, sync

_FOLDER = "feeds"
_ALL = "all"
_LENGTH = 100
_FORMS = {".atom": atom, ".json": json_feed}
# Sections come from addresses of the site. No other form of them becomes the name of a file: no
# dots, no upper case that some file systems take for lower case, nothing longer than a name may be.
_SAFE = re.compile(r"[a-z0-9-]{1,64}(?:/[a-z0-9-]{1,64})*")


def publish_feeds(seeds: Path, archive: Reader) -> int:
    """Write the feeds below `seeds/feeds` whose bytes have changed; return how many files.

    `all.atom` and `all.json` hold the newest 100 stories by publication, `<section>.atom` and
    `<section>.json` those of a section and what lies below it. A section whose path is not safe as
    a file name has no feed of its own, nor has one called `all`. Without stories there are none.
    Only one process may publish at a time. Raises DiskError, and as the archive does.
    """
    sections = (name for name in archive.sections() if _SAFE.fullmatch(name) and name != _ALL)
    return sum(_publish(seeds / _FOLDER, section, archive) for section in (None, *sections))


def _publish(folder: Path, section: str | None, archive: Reader) -> int:
    rows = archive.latest(_LENGTH, section)
    if not rows:
        return 0
    feed = feed_of(section, rows)
    target = folder / (section or _ALL)
    written = [
        _renew(target.with_name(target.name + suffix), form(feed))
        for suffix, form in _FORMS.items()
    ]
    if any(written):
        sync(target.parent)
    return sum(written)


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
