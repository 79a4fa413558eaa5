"""`harvester diff`: what an edit changed, paragraph by paragraph."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from rich.text import Text

from harvester.cli.console import Results
from harvester.cli.output import stdout_line
from harvester.cli.text import printable
from harvester.errors import BadPost, DatabaseUnusable, NotAStory, UsageError
from harvester.post import diff_posts, read_post
from harvester.settings import Settings
from harvester.store import Reader, Revision, open_archive, stamp
from harvester.zaobao import story_ref

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Two texts of a story, and their diff; it may be empty though their files differ."""

    older: Revision
    newer: Revision
    diff: str


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Show how two texts of a story differ."""
    story_id = _story_id(chosen.story, settings.seeds)
    with open_archive(settings.seeds, settings.state) as archive:
        revisions = archive.revisions(story_id)
        if not revisions:
            raise UsageError(f"{chosen.story}: no text of story {story_id} is held")
        pair = _chosen(story_id, revisions, chosen.revisions)
        compared = _compare(archive, *pair) if pair else None
    if chosen.json:
        stdout_line(json.dumps(_as_json(revisions, compared), ensure_ascii=False))
    elif compared:
        _show(compared)
    else:
        stdout_line(f"story {story_id} has one text only: {_name(revisions[0])}")
    return 0


def _story_id(story: str, seeds: Path) -> str:
    """Return the id of the story that an id, an address or the path of its post means."""
    if story.isascii() and story.isdigit():
        return story
    with suppress(NotAStory):
        return story_ref(story).story_id
    try:
        for path in (seeds / story, Path(story)):
            if path.is_file():
                return story_ref(read_post(path.read_bytes()).url).story_id
    except (OSError, BadPost, NotAStory) as problem:
        raise UsageError(f"{story}: no post of this newspaper: {problem}") from problem
    raise UsageError(f"{story}: neither id nor address of a story, nor a post in {seeds}")


def _chosen(
    story_id: str, revisions: Sequence[Revision], numbers: Sequence[int]
) -> tuple[Revision, Revision] | None:
    """Return the two texts to compare; None where none is named and there is one only."""
    by_number = {each.revision: each for each in revisions}
    for number in numbers:
        if number not in by_number:
            held = ", ".join(map(str, by_number))
            raise UsageError(f"story {story_id} has no revision {number}; it has {held}")
    match [by_number[number] for number in numbers]:
        case []:
            # An older text may be found later: what the site showed first is shown as the older.
            last = sorted(revisions[-2:], key=lambda each: each.observed_at)
            return (last[0], last[1]) if len(last) == 2 else None
        case [one]:
            return one, next(each for each in revisions if each.current)
        case [older, newer]:
            return older, newer
        case _:
            raise UsageError("more than two revisions; expected two at most")


def _compare(archive: Reader, older: Revision, newer: Revision) -> _Comparison:
    before, after = (archive.post(each.story_id, each.revision) for each in (older, newer))
    try:
        diff = diff_posts(before, after, (_name(older), _name(newer)))
    except BadPost as problem:
        raise DatabaseUnusable(
            f"a text of story {older.story_id} is no post: {problem}"
        ) from problem
    return _Comparison(older, newer, diff)


def _show(compared: _Comparison) -> None:
    if not compared.diff:
        stdout_line(_same(compared.older, compared.newer))
    elif sys.stdout.isatty():
        console = Results()
        for line in compared.diff.split("\n"):
            console.print(Text(printable(line), _STYLES.get(line[:1], "")))
    else:
        stdout_line("\n".join(map(printable, compared.diff.split("\n"))))


def _same(older: Revision, newer: Revision) -> str:
    if older.revision == newer.revision:
        return f"{_name(older)}: one text, nothing to compare"
    pair = f"{_name(older)} and {_name(newer)}"
    if older.sha256 == newer.sha256:
        return f"{pair} are the same"
    return f"{pair} have the same title and paragraphs; their files differ in markup or links"


def _name(revision: Revision) -> str:
    observed = f"{revision.observed_at.astimezone(UTC):%Y-%m-%d %H:%M}Z"
    return f"{revision.story_id} revision {revision.revision} (observed {observed})"


def _as_json(revisions: Sequence[Revision], compared: _Comparison | None) -> dict[str, object]:
    """Return the one object of `--json`; without two texts `from` is null and `diff` empty."""
    return {
        "story_id": revisions[0].story_id,
        "from": _revision(compared.older) if compared else None,
        "to": _revision(compared.newer if compared else revisions[0]),
        "diff": compared.diff if compared else "",
        "revisions": [_revision(each) for each in revisions],
    }


def _revision(revision: Revision) -> dict[str, object]:
    return {
        "revision": revision.revision,
        "content_hash": revision.content_hash,
        "title": revision.title,
        "published": stamp(revision.published),
        "observed_at": stamp(revision.observed_at),
        "stored_at": stamp(revision.stored_at),
        "sha256": revision.sha256,
        "current": revision.current,
    }
