"""`harvester demo`: the whole way, offline, against the bundled replica of the site."""

from __future__ import annotations

import argparse
import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harvester.cli.console import Results, Screen, summary
from harvester.clock import SystemClock
from harvester.errors import UsageError
from harvester.model import Era
from harvester.replica.server import ReplicaServer
from harvester.replica.site import Site
from harvester.runs import FetchOrder, Order, Outcome, backfill, fetch
from harvester.settings import Settings
from harvester.store import Report, open_archive, verify
from harvester.zaobao.urls import HK_HOST

# A replica on the same machine needs no sparing; a real site does.
_DEMO_RATE = 200.0
_DEMO_CONCURRENCY = 4
_MARKER = ".harvester-demo"
_SHOWN_CHARACTERS = 300


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Harvest the replica and show what came of it."""
    folder = _fresh(Path(chosen.folder))
    settings = replace(
        settings,
        seeds=folder / "seeds",
        state=folder / "state",
        rate=_DEMO_RATE,
        concurrency=_DEMO_CONCURRENCY,
    )
    return asyncio.run(_demo(settings, folder))


async def _demo(settings: Settings, folder: Path) -> int:
    console = Results()
    site = Site.arranged(unreadable=False)
    async with ReplicaServer(site) as server:
        settings = replace(settings, site_origin=server.origin)
        console.print(
            f"a replica of the site listens on {server.origin}; nothing leaves this machine"
        )
        console.rule("backfill from the sitemap of www.zaobao.com.sg")
        await _shown(console, backfill, settings, Order())
        console.rule("the other host: stories of its own, and the same stories in its layouts")
        other = [url for shown in site.truth() for url in shown.urls if HK_HOST in url.split("/")]
        await _shown(console, fetch, settings, FetchOrder(tuple(other)))
        asked = len(server.log)
        console.rule("backfill again")
        await _shown(console, backfill, settings, Order())
        pages = sum("/story" in request.target for request in server.log[asked:])
    console.print(f"story pages asked for by the second backfill: {pages}")
    report = verify(settings.seeds, settings.state)
    _show(console, settings, report)
    console.print(f"look around: {folder}/seeds, or sqlite3 {folder}/state/harvester.db")
    place = f"--seeds {folder}/seeds --state {folder}/state"
    console.print(f"find something: .venv/bin/harvester search 茶叶 {place}")
    missing = len(site.truth()) - _held(settings)
    return 1 if report.differences or missing else 0


async def _shown(
    console: Console, run: Callable[..., Awaitable[Outcome]], settings: Settings, what: object
) -> None:
    with Screen() as screen:
        outcome = await run(settings, what, screen, SystemClock(), asyncio.Event())
    console.print(escape(summary(outcome.counts)))


def _held(settings: Settings) -> int:
    with open_archive(settings.seeds, settings.state) as archive:
        figures = archive.counts()
    return figures.stories + figures.aliases


def _show(console: Console, settings: Settings, report: Report) -> None:
    with open_archive(settings.seeds, settings.state) as archive:
        figures = archive.counts()
        newest = max(archive.articles(), key=lambda article: article.published)
        post = archive.post(newest.story_id).decode()
    console.rule("what was archived")
    table = Table("layout of the page", "stories", box=None)
    for era in Era:
        if figures.by_era.get(era):
            table.add_row(era, str(figures.by_era[era]))
    console.print(table)
    rejected = [v for v in figures.visits if v.state == "rejected"]
    told = ", ".join(f"{visit.reason} {visit.count}" for visit in rejected)
    console.print(f"no articles, each with its reason: {escape(told)}")
    console.rule("one post as written")
    console.print(escape(str(settings.seeds / newest.path)))
    cut = f"… ({len(post)} characters)" if len(post) > _SHOWN_CHARACTERS * 3 else ""
    console.print(escape(post[: _SHOWN_CHARACTERS * 3] + cut))
    console.rule("verify")
    agree = "disk and catalogue agree" if not report.differences else "DIFFERENCES"
    console.print(f"{report.posts} posts, {agree}")


def _fresh(folder: Path) -> Path:
    """Make the folder anew; one that no demo made is left alone."""
    if folder.exists():
        if not folder.is_dir():
            raise UsageError(f"--folder {folder}: is no folder; name another")
        if any(folder.iterdir()) and not (folder / _MARKER).exists():
            raise UsageError(f"--folder {folder}: is not empty and no demo made it; name another")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARKER).touch()
    return folder
