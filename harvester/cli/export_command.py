"""`harvester export`: stories as one file for other tools."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from rich.console import Console

from harvester.cli.output import standard_output, stdout_line
from harvester.cli.selecting import selection_of
from harvester.clock import SystemClock
from harvester.errors import DatabaseUnusable, UsageError
from harvester.handoff.export import Format, Summary, export, whole_file
from harvester.settings import Settings
from harvester.store import Reader, Selection, open_archive, resolved
from harvester.zaobao.urls import singapore_day

_STDOUT = "-"
_PLAIN_EVERY = 10.0
_ENDINGS = {
    ".jsonl": Format.JSONL,
    ".csv": Format.CSV,
    ".parquet": Format.PARQUET,
    ".sqlite": Format.SQLITE,
    ".db": Format.SQLITE,
}
_BINARY = frozenset({Format.PARQUET, Format.SQLITE})


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Write the stories asked for, and say after which change the next export goes on."""
    began = time.monotonic()
    now = SystemClock().now()
    form = format_of(chosen)
    selection = selection_of(chosen, singapore_day(now), chosen.since_seq)
    target = None if chosen.output == _STDOUT else target_of(chosen.output, settings)
    opening = _sink(target, form, chosen)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with open_archive(settings.seeds, settings.state) as archive:
        _require_change(archive, selection)
        with opening as sink, _progress(console, target) as watch:
            scratch = target.parent if target else None
            wanted = Format.SPREADSHEET if chosen.spreadsheet else form
            summary = export(
                archive, selection, wanted, sink, now=now, scratch=scratch, watch=watch
            )
    console.print(_told(summary))
    if chosen.json:
        seconds = round(time.monotonic() - began, 3)
        output = {"format": form, "output": chosen.output, "seconds": seconds}
        stdout_line(json.dumps(asdict(summary) | output, ensure_ascii=False))
    return 0


def format_of(chosen: argparse.Namespace) -> Format:
    """Return the format that `--format` names, or the ending of the file. Raises UsageError."""
    ending = Path(chosen.output).suffix.lower()
    form = Format(chosen.format) if chosen.format else _ENDINGS.get(ending)
    if form is None and chosen.output == _STDOUT:
        raise UsageError("--format is needed for standard output; or name a file with --output")
    if form is None:
        known = ", ".join(_ENDINGS)
        raise UsageError(
            f"--output {chosen.output}: its name ends in none of {known}; add --format"
        )
    if chosen.spreadsheet and form is not Format.CSV:
        raise UsageError(f"--spreadsheet goes with --format csv, not {form}")
    return form


def target_of(output: str, settings: Settings) -> Path:
    """Return the file to write, links followed. Raises UsageError where it must not be."""
    try:
        target = resolved(Path(output))
        # Of the name as given: what /dev/stdout is resolved to may be the number of a pipe.
        irregular = Path(output).exists() and not Path(output).is_file()
    except OSError as problem:
        raise UsageError(f"--output {output}: {problem}; choose another file") from problem
    if irregular:
        raise UsageError(
            f"--output {output}: not a regular file; name a file, or use --output - "
            "for standard output"
        )
    for name, folder in (("seeds", settings.seeds), ("state", settings.state)):
        if target.is_relative_to(folder.resolve()):
            raise UsageError(
                f"--output {output}: lies in {folder}, the archive's own (--{name}); "
                "choose another folder"
            )
    return target


def _require_change(archive: Reader, selection: Selection) -> None:
    if selection.after > (last := archive.last_change()):
        raise DatabaseUnusable(
            f"--since-seq {selection.after}: the change log ends at {last}; the catalogue was "
            "restored from an older copy or built anew: export without --since-seq"
        )


def _sink(
    target: Path | None, form: Format, chosen: argparse.Namespace
) -> AbstractContextManager[BinaryIO]:
    if target:
        return whole_file(target)
    if chosen.json:
        raise UsageError("--json and --output - both write to standard output; choose one")
    if form in _BINARY and sys.stdout.isatty():
        raise UsageError(f"--output -: {form} is not for a terminal; redirect it, or name a file")
    return _standard_output()


@contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    with standard_output() as output:
        yield output.buffer


@contextmanager
def _progress(console: Console, target: Path | None) -> Iterator[Callable[[int], None]]:
    """Tell of each story: a live line on a terminal, a line every ten seconds elsewhere."""
    began = told = time.monotonic()
    status = console.status("exporting")
    live = console.is_terminal and (target is not None or not sys.stdout.isatty())

    def watch(rows: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told < (0.1 if live else _PLAIN_EVERY):
            return
        told = now
        text = f"exporting: {rows:,} stories · {rows / (now - began):,.0f}/s"
        status.update(text) if live else console.print(text)

    if not live:
        yield watch
        return
    with status:
        yield watch


def _told(summary: Summary) -> str:
    return (
        f"{summary.rows:,} stories; go on with `--since-seq {summary.last_seq}`, "
        "not with the greatest seq in the file"
    )
