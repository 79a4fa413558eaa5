"""`harvester backfill`."""

from __future__ import annotations

import argparse
import asyncio
import difflib
import sys
from datetime import date
from functools import partial
from pathlib import Path

from harvester.cli.console import Screen
from harvester.cli.days import parse_day
from harvester.cli.handover import body_asked, run_job
from harvester.cli.running import report
from harvester.clock import SystemClock
from harvester.errors import UsageError
from harvester.model import Scope
from harvester.runs import Order, Outcome, Source, backfill
from harvester.settings import Settings
from harvester.zaobao.sections import SECTIONS
from harvester.zaobao.urls import singapore_day


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Archive what the arguments ask for."""
    clock = SystemClock()
    order = order_of(chosen, settings, singapore_day(clock.now()))
    screen = Screen(verbose=chosen.verbose)

    async def alone(stopping: asyncio.Event) -> Outcome:
        if not settings.contact and order.source is not Source.WARC:
            screen.say(
                "contact is not set: name an address or URL for the site's operators (--contact)"
            )
        return await backfill(settings, order, screen, clock, stopping)

    outcome = run_job(order, chosen, settings, screen, alone)
    if not outcome.counts.discovered and settings.sections and not outcome.notes:
        screen.say(_section_hint(settings.sections))
    return report(outcome, screen, as_json=chosen.json)


def _section_hint(sections: tuple[str, ...]) -> str:
    known = [section.path for section in SECTIONS if section.path not in sections]
    near = [name for path in sections for name in difflib.get_close_matches(path, known, n=2)]
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"no known story stands in {', '.join(sections)}{hint}"


def order_of(chosen: argparse.Namespace, settings: Settings, today: date) -> Order:
    """Return the order that the arguments come to. Raises `UsageError`."""
    day = partial(_day, today=today)
    scope = Scope(day(chosen, "since"), day(chosen, "until"), settings.sections)
    if scope.since and scope.until and scope.since > scope.until:
        raise UsageError(f"--since {scope.since} lies after --until {scope.until}")
    if chosen.limit is not None and chosen.limit < 0:
        raise UsageError("--limit: a number of pages is needed, 0 or more")
    body = body_asked(chosen, settings)
    urls = _urls(chosen.urls_from)
    return Order(
        _source(chosen),
        scope,
        chosen.limit,
        urls,
        body,
        chosen.all_revisions,
        tuple(chosen.warc or ()),
        workers_asked(chosen),
        chosen.dask,
        chosen.again,
    )


def workers_asked(chosen: argparse.Namespace) -> int:
    """Return how many processes are asked for. Raises `UsageError`."""
    workers = int(chosen.workers)
    if workers < 1:
        raise UsageError("--workers: a number of processes is needed, 1 or more")
    return workers


def _source(chosen: argparse.Namespace) -> Source:
    given = "urls" if chosen.urls_from else "warc" if chosen.warc else "sitemap"
    source = Source(chosen.source or given)
    if source is Source.URLS and not chosen.urls_from:
        raise UsageError("--source urls needs --urls-from FILE (or - for standard input)")
    if source is not Source.URLS and chosen.urls_from:
        raise UsageError(f"--urls-from goes with --source urls, not {source}")
    if source is Source.WARC and not chosen.warc:
        raise UsageError("--source warc needs --warc PATH (a file, a folder, s3://bucket/prefix)")
    if source is not Source.WARC and (chosen.warc or chosen.dask):
        raise UsageError(f"--warc and --dask go with --source warc, not {source}")
    if chosen.workers != 1 and source is not Source.WARC:
        raise UsageError(f"--workers goes with --source warc, not {source}")
    if chosen.limit is not None and source is Source.WARC:
        raise UsageError("--limit counts pages that are asked for; a WARC file is read whole")
    if chosen.again and source not in (Source.WAYBACK, Source.COMMONCRAWL):
        raise UsageError(f"--again goes with --source wayback or commoncrawl, not {source}")
    return source


def _day(chosen: argparse.Namespace, name: str, today: date) -> date | None:
    text = getattr(chosen, name)
    return parse_day(text, today, f"--{name}") if text is not None else None


def _urls(name: str | None) -> tuple[str, ...]:
    if name is None:
        return ()
    if name == "-":
        data = sys.stdin.buffer.read()
    else:
        try:
            data = Path(name).read_bytes()
        except OSError as problem:
            raise UsageError(f"--urls-from {name}: cannot be read: {problem.strerror}") from problem
    # A line that is no text is no address, and is told as such.
    return tuple(data.decode("utf-8-sig", "replace").splitlines())
