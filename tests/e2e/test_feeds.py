"""Every run leaves the feeds as the archive is."""

from __future__ import annotations

from pathlib import Path

import feedparser

from tests.e2e.processes import harvester, replica, started
from tests.e2e.support import Place
from tests.e2e.test_kill import SPEED, backfill, read_until

STORIES = 20


def told(place: Place) -> set[str]:
    """Return the addresses in the feed of all sections."""
    feed = feedparser.parse(place.seeds / "feeds" / "all.atom")
    assert not feed.bozo
    return {entry.link for entry in feed.entries}


def held(place: Place) -> set[str]:
    """Return the addresses of all stories."""
    return {row.url for row in place.articles().values()}


def test_after_a_kill_the_next_run_tells(tmp_path: Path) -> None:
    """What a killed run has stored stands in the feeds after the next one, also if nothing came."""
    place = Place(tmp_path)
    with replica(STORIES) as (origin, _):
        first = harvester(*backfill(origin), "--limit", 3, cwd=tmp_path)
        assert first.returncode == 0
        assert told(place) == held(place)
        with started(*backfill(origin), cwd=tmp_path) as process:
            read_until(process, "new", 7)
            process.kill()
            process.communicate()
        assert len(held(place)) > 3
        last = harvester("backfill", "--site-origin", origin, *SPEED, "--limit", 0, cwd=tmp_path)
        assert last.returncode == 0, last.stderr
    assert told(place) == held(place)


def test_trouble_with_feeds_is_no_failure_of_the_run(tmp_path: Path) -> None:
    """Feeds that cannot be written are told in a line; what is archived is archived."""
    place = Place(tmp_path)
    place.seeds.mkdir(parents=True)
    (place.seeds / "feeds").write_text("a file where a folder should be")
    with replica(STORIES) as (origin, _):
        ended = harvester(*backfill(origin), cwd=tmp_path)
        assert ended.returncode == 0
        assert ended.stderr.count("the feeds are not up to date: ") == 1
        assert len(held(place)) == STORIES
        (place.seeds / "feeds").unlink()
        harvester(*backfill(origin), cwd=tmp_path)
    assert told(place) == held(place)
