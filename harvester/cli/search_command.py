"""`harvester search`: find stories by their text."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from harvester.cli.output import standard_output, stdout_line
from harvester.cli.selecting import selection_of
from harvester.cli.text import printable
from harvester.handoff.search import Found, Hit, Listener, Marked, Search, find, parse
from harvester.settings import Settings
from harvester.store import Selection, open_archive, stamp
from harvester.zaobao.urls import SINGAPORE, singapore_day

# An index that is ready sooner is not worth a word.
_TELL_AFTER = 2.0


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Print the stories that have what is looked for."""
    began = time.monotonic()
    text = " ".join(chosen.query)
    query = parse(text)
    selection = selection_of(chosen, singapore_day(datetime.now(UTC)))
    search = Search(query, selection, chosen.sort == "date", chosen.limit)
    with open_archive(settings.seeds, settings.state) as archive:
        found = find(archive, settings.state, search, _Teller())
    if chosen.json:
        seconds = round(time.monotonic() - began, 3)
        stdout_line(json.dumps(as_json(text, found, seconds), ensure_ascii=False))
    else:
        _show(found, selection, settings.seeds)
    return 0


class _Teller(Listener):
    """Tells on stderr what becomes of the index; its making only where that takes a while."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def say(self, text: str) -> None:
        sys.stderr.write(f"harvester: {printable(text)}\n")

    def indexed(self, stories: int) -> None:
        if time.monotonic() - self._told >= _TELL_AFTER:
            self._told = time.monotonic()
            self.say(f"taking stories up into the search index: {stories:,} so far")


def as_json(query: str, found: Found, seconds: float) -> dict[str, object]:
    """Return an answer as the one object of `--json`.

    `title` and `snippet` are plain text; `title_marks` and `snippet_marks` say where in them what
    was looked for stands: begins and ends in characters (Unicode code points), the end not
    included. `stories` is how many were searched, `current` whether they are all that the archive
    has by now.
    """
    return {
        "query": query.encode("utf-8", "replace").decode(),
        "total": found.total,
        "stories": found.stories,
        "current": found.current,
        "seconds": seconds,
        "results": [_hit_json(hit) for hit in found.hits],
    }


def _hit_json(hit: Hit) -> dict[str, object]:
    return {
        "story_id": hit.story_id,
        "title": hit.title.text,
        "title_marks": hit.title.marks,
        "url": hit.url,
        "path": hit.path,
        "published": stamp(hit.published),
        "section": hit.section,
        "access": hit.access.value,
        "gone_at": stamp(hit.gone_at) if hit.gone_at else None,
        "score": hit.score,
        "snippet": hit.snippet.text,
        "snippet_marks": hit.snippet.marks,
    }


def _show(found: Found, selection: Selection, seeds: Path) -> None:
    for hit in found.hits:
        _show_hit(hit, seeds)
    stdout_line(_summary(found, chosen=selection != Selection()))


def _show_hit(hit: Hit, seeds: Path) -> None:
    day = f"{hit.published.astimezone(SINGAPORE):%Y-%m-%d}"
    remarks = [hit.section, hit.access.value, *(["gone from the site"] if hit.gone_at else [])]
    _write_marked(f"{day}  ", hit.title, f"  ({', '.join(remarks)})")
    if hit.snippet.text:
        _write_marked("    ", hit.snippet)
    stdout_line(f"    {printable(hit.url)}\n    {printable(str(seeds / hit.path))}\n")


def _write_marked(before: str, marked: Marked, after: str = "") -> None:
    """Write a line; on a terminal what was looked for is bold."""
    parts = [(before, False), *marked.parts(), (after, False)]
    if not sys.stdout.isatty():
        stdout_line("".join(printable(text) for text, _ in parts))
        return
    from rich.console import Console  # noqa: PLC0415 - a fifth of the time a search takes
    from rich.text import Text  # noqa: PLC0415

    line = Text.assemble(*((printable(text), "bold" if hit else "") for text, hit in parts))
    with standard_output():
        Console(highlight=False, soft_wrap=True).print(line)


def _summary(found: Found, *, chosen: bool) -> str:
    if not found.stories:
        return (
            "no story is of that time, section and access"
            if chosen
            else "nothing is held yet; `harvester backfill --since 7d` begins"
        )
    among = f"{found.stories:,} {'stories' if found.stories > 1 else 'story'}"
    if not found.total:
        return f"nothing in {among}"
    more = f"; the first {len(found.hits)} shown" if len(found.hits) < found.total else ""
    return f"found in {found.total:,} of {among}{more}"
