"""What a run kept of the pages it met is what the site sent, to any program that reads WARC."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from harvester import warc
from harvester.model import Verdict
from harvester.replica.others import UNREADABLE
from harvester.replica.server import ReplicaServer
from harvester.replica.story import SG
from harvester.store import CATALOGUE, WARC, verify
from tests.e2e.support import Place
from tests.support.pywb import replay


@dataclass(frozen=True, slots=True)
class Row:
    """A capture as the catalogue has it."""

    story_id: str
    url: str
    final_url: str
    status: int
    seen_at: datetime
    verdict: Verdict


def captures(place: Place) -> list[Row]:
    """Return all captures by means of SQLite alone."""
    with closing(sqlite3.connect(place.state / CATALOGUE)) as connection:
        rows = connection.execute(
            "SELECT story_id, url, final_url, status, seen_at, verdict FROM captures"
        ).fetchall()
    return [
        Row(story_id, url, final_url, status, datetime.fromisoformat(at), Verdict(verdict))
        for story_id, url, final_url, status, at, verdict in rows
    ]


def check(place: Place) -> str:
    """Return what warcio's own command says of all files; it must find nothing wrong."""
    files = sorted((place.state / WARC).glob("*.warc.gz"))
    assert files
    done = subprocess.run(
        [Path(sys.executable).with_name("warcio"), "check", "--verbose", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


async def test_every_page_is_replayed(place: Place, server: ReplicaServer, tmp_path: Path) -> None:
    """Another program shows each page at its address, with the very bytes that the site sends."""
    await place.backfill()
    kept = captures(place)

    assert "digest failed" not in check(place)
    assert verify(place.seeds, place.state, pages=warc).differences == ()
    with replay(place.state / WARC, tmp_path / "pywb") as pywb:
        for row in kept:
            status, head, body = pywb.get(row.final_url, row.seen_at)
            address = urlsplit(row.final_url)
            sent = server.site.answer(address.netloc, address.path)
            assert head["Memento-Datetime"], row
            assert (sent.status, status) == (row.status, row.status)
            assert (sent.body if status == HTTPStatus.OK else b"") == body, row
    assert place.articles().keys() <= {row.story_id for row in kept}


async def test_pages_that_are_no_articles(place: Place, server: ReplicaServer) -> None:
    """What was rejected and what could not be read is kept like the rest."""
    run = await place.backfill()
    verdicts = {row.url: row.verdict for row in captures(place)}

    others = {url: kind for url, kind in server.site.others().items() if "/story" in url}
    unreadable = {url for url, kind in others.items() if kind in UNREADABLE}
    assert unreadable
    assert {verdicts[url] for url in unreadable} == {Verdict.FAILED}
    assert Verdict.REJECTED in verdicts.values()
    shown = {
        f"https://{SG}{each.target}"
        for each in server.log
        if each.status == HTTPStatus.OK and "/story" in each.target
    }
    assert shown <= {row.final_url for row in captures(place)}
    assert verdicts.keys() <= run.ends.keys()


async def test_off(place: Place) -> None:
    """A run that is to keep no pages keeps none, and harvests the same."""
    await place.backfill(raw=False)

    assert place.articles()
    assert captures(place) == []
    assert not (place.state / WARC).exists()
