"""`harvester verify`."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from harvester import warc
from harvester.cli.console import Screen
from harvester.cli.output import stdout_line
from harvester.cli.text import printable
from harvester.clock import SystemClock
from harvester.settings import Settings
from harvester.store import CATALOGUE, Difference, Kind, Report, verify


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Compare disk and catalogue; with `--repair` put right what can be."""
    screen = Screen()
    with screen:
        if chosen.repair and not (settings.state / CATALOGUE).exists():
            asyncio.run(_rebuild(settings, screen))
        pages = warc if chosen.pages else None
        report = verify(settings.seeds, settings.state, repair=chosen.repair, pages=pages)
        if chosen.repair and report.orphans:
            asyncio.run(_adopt(settings, report, screen))
            after = verify(settings.seeds, settings.state, pages=pages)
            adopted = tuple(set(report.differences) - set(after.differences))
            report = Report(after.posts, after.differences, (*report.repaired, *adopted))
    if chosen.json:
        stdout_line(json.dumps(_as_json(report), ensure_ascii=False))
    else:
        _print(report, settings.state, repair=chosen.repair)
    return 1 if report.differences else 0


async def _rebuild(settings: Settings, screen: Screen) -> None:
    """Make a lost catalogue again: opening it takes up the posts of the tree."""
    from harvester.workshop import open_writer  # noqa: PLC0415 - only to repair

    async with open_writer(settings, screen, SystemClock()):
        pass


async def _adopt(settings: Settings, report: Report, screen: Screen) -> None:
    from harvester.importing import Importer  # noqa: PLC0415 - only to repair
    from harvester.workshop import open_writer  # noqa: PLC0415

    clock = SystemClock()
    async with open_writer(settings, screen, clock) as archive:
        # Some may have been taken up as the archive was opened, after a kill.
        left = [path for path in report.orphans if (settings.seeds / path).is_file()]
        await Importer(archive, settings.seeds, screen, clock, asyncio.Event()).adopt(left)


def _as_json(report: Report) -> dict[str, object]:
    return {
        "posts": report.posts,
        "differences": [_difference(each) for each in report.differences],
        "repaired": [_difference(each) for each in report.repaired],
    }


def _difference(difference: Difference) -> dict[str, str]:
    return {"kind": difference.kind, "path": difference.path, "story_id": difference.story_id}


def _print(report: Report, state: Path, *, repair: bool) -> None:
    for each in report.repaired:
        stdout_line(f"repaired {each.kind}: {printable(each.path)}")
    if any(each.kind is Kind.ALTERED for each in report.repaired):
        stdout_line(
            f"what lay in the place of altered posts is kept in {state / 'aside'}; it is newer if "
            "the catalogue was restored from an older copy: then `harvester fetch` brings it back"
        )
    for each in report.differences:
        page = f", the page of story {each.story_id}" if each.kind is Kind.PAGES else ""
        stdout_line(f"{each.kind}: {printable(each.path)}{page if each.story_id else ''}")
    for way_out in sorted({each.way_out for each in report.differences if each.way_out}):
        stdout_line(way_out)
    if report.differences:
        way = "" if repair else "; `harvester verify --repair` mends what can be mended"
        if repair and any(each.kind is Kind.CHANGED_ROW for each in report.differences):
            way = "; `harvester rebuild` makes the catalogue again from the posts"
        stdout_line(f"{report.posts} posts, {len(report.differences)} differences{way}")
    else:
        stdout_line(f"{report.posts} posts, disk and catalogue agree")
