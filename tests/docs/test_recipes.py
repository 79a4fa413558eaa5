"""docs/recipes.md: every block is run as it stands, with real programs on a real archive."""

from __future__ import annotations

import asyncio
import html
import json
import re
import socket
import sqlite3
import subprocess
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import takewhile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from standardwebhooks import Webhook
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from harvester.handoff.changes import as_json
from harvester.replica import Site
from harvester.replica.story import SG
from harvester.store import MANIFEST
from tests.docs.recipes import COVERED, DOCUMENT, STORIES, Blocks, Place, edit, recipe, written
from tests.handoff.buckets import Bucket, serving

ALL = STORIES + 1
"""Stories of the archive: those it began with, and a new one."""
SINGAPORE = ZoneInfo("Asia/Singapore")
PARQUET = "SQL with DuckDB"
QUERY = "import duckdb, json, sys; print(json.dumps(duckdb.sql(sys.argv[1]).fetchall()))"


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file of JSON lines."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def edited(place: Place, number: int) -> list[str]:
    """Edit the archive beside a consumer; return the stories that have changed, in order."""
    last = place.changes()[-1].seq
    asyncio.run(edit(place.root, number))
    return [change.story_id for change in place.changes() if change.seq > last]


def test_every_block_has_a_test() -> None:
    """No recipe stands in the document without a test that runs its blocks."""
    assert {
        heading: tuple(language for language, _ in blocks) for heading, blocks in written().items()
    } == COVERED


def test_links() -> None:
    """Every link inside of the docs leads to a file or a heading that is there."""
    headings = re.findall("^## (.+)$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    anchors = {re.sub("[^a-z0-9 ]", "", name.lower()).replace(" ", "-") for name in headings}
    links = re.findall(r"\]\(([^)]+)\)", DOCUMENT.read_text("utf-8"))

    assert {link[1:] for link in links if link.startswith("#")} <= anchors
    files = [link for link in links if not link.startswith(("#", "https:"))]
    assert files
    assert all((DOCUMENT.parent / link).exists() for link in files)


@recipe("Take all, then only what changed", "sh", "sh")
def test_export(blocks: Blocks, place: Place) -> None:
    """First all stories come, then each that changed, once, also in a third run."""
    first, later = blocks
    place.sh(first)
    taken = {row["story_id"]: row for row in lines(place.root / "all.jsonl")}
    assert len(taken) == ALL

    for number in (5, 9):
        changed = edited(place, number)
        place.sh(later)
        rows = lines(place.root / "changed.jsonl")
        assert [row["story_id"] for row in rows] == changed
        taken |= {row["story_id"]: row for row in rows}
    place.sh(later)

    assert lines(place.root / "changed.jsonl") == []
    assert {story_id: (row["sha256"], row["text"]) for story_id, row in taken.items()} == {
        record.story_id: (record.sha256, record.text) for record in place.records()
    }
    assert sum(row["gone_at"] is not None for row in taken.values()) == 3
    assert sum(row["access"] == "preview" for row in taken.values()) == 1


@recipe("Hear of changes", "sh")
def test_changes(blocks: Blocks, place: Place) -> None:
    """The whole change log comes, each entry as the archive has it."""
    (block,) = blocks
    place.sh(block)
    told = lines(place.root / "changes.jsonl")

    assert told == [as_json(change) for change in place.changes()]
    assert [entry["seq"] for entry in told] == list(range(1, STORIES + 4))
    assert [entry["op"] for entry in told[-3:]] == ["revised", "gone", "new"]


@recipe("Follow in ten lines", "sh")
def test_follower(blocks: Blocks, place: Place) -> None:
    """The follower copies what is there and what comes, and goes on where it was killed."""
    (block,) = blocks
    told: list[int] = []
    for number in (5, 9):
        edited(place, number)
        with place.started("sh", "-c", f"exec {block}") as process:
            told += heard(process, place)
            edited(place, number + 1)
            told += heard(process, place)

    # It may have been killed between telling of a change and keeping its number.
    assert list(dict.fromkeys(told)) == [change.seq for change in place.changes()]
    assert len(told) - len(set(told)) <= 1
    assert place.posts("copy") == place.posts()
    assert len(place.posts("copy")) == ALL + 4


def heard(process: subprocess.Popen[str], place: Place) -> list[int]:
    """Return the changes that a follower tells of, up to the last there is."""
    assert process.stdout
    last = place.changes()[-1].seq
    numbers = (int(line.split()[0]) for line in process.stdout)
    return [*takewhile(lambda number: number != last, numbers), last]


@recipe("Check and copy files without a database", "python", "sh")
def test_check(blocks: Blocks, place: Place) -> None:
    """The check is silent on an archive, and names a post that is another or not there."""
    check, _ = blocks
    ended = place.python(check)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")

    altered, missing, *_ = sorted(place.posts())
    (place.root / "seeds" / altered).write_bytes(b"other")
    (place.root / "seeds" / missing).unlink()
    ended = place.python(check)
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", f"{altered}\n{missing}\n")


@recipe("Check and copy files without a database", "python", "sh")
@pytest.mark.usefixtures("rsync")
def test_rsync(blocks: Blocks, place: Place) -> None:
    """The copy passes the check, before and after an edit, and holds no temporary file."""
    check, copy = blocks
    (place.root / "seeds" / ".harvester-x.tmp").write_bytes(b"half")
    (place.root / "check.py").write_text(check, "utf-8")
    place.sh(copy)
    edited(place, 5)
    place.sh(copy)

    assert place.ran("python3", "check.py", "copy").returncode == 0
    assert place.posts("copy") == place.posts()
    assert not (place.root / "copy" / ".harvester-x.tmp").exists()


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    """Return the bucket of the recipe, at an S3 of its own."""
    with serving() as endpoint:
        found = Bucket(endpoint, "my-bucket")
        with closing(found.client()) as client:
            client.create_bucket(Bucket=found.name)
        yield found


@recipe("Mirror to S3", "sh")
def test_mirror(blocks: Blocks, place: Place, bucket: Bucket) -> None:
    """The bucket gets every post byte for byte and the manifest; then only what has changed."""
    (block,) = blocks
    place.environ.update(bucket.environ)
    assert json.loads(place.sh(block).stdout)["copied"] == ALL
    edited(place, 5)
    tally = json.loads(place.sh(block).stdout)

    assert (tally["copied"], tally["replaced"], tally["failed"]) == (1, 1, 0)
    held = {key.removeprefix("zaobao/"): data for key, data in bucket.objects().items()}
    assert held.keys() == place.posts().keys() | {MANIFEST}
    assert place.posts().items() <= held.items()


@recipe("A site with Jekyll", "sh")
@pytest.mark.usefixtures("jekyll")
def test_jekyll(blocks: Blocks, place: Place) -> None:
    """The site has a page for each story that shows its title as published."""
    (block,) = blocks
    ended = place.sh(block)

    assert "warn" not in (ended.stdout + ended.stderr).lower()
    for record in place.records():
        page = place.root / "site" / "_site" / "story" / f"{record.story_id}.html"
        shown = page.read_text("utf-8").partition("<title>")[2].partition("</title>")[0]
        assert html.unescape(shown) == record.title


@recipe("A site to search with Datasette", "sh")
def test_datasette(blocks: Blocks, place: Place) -> None:
    """Datasette finds a word of two characters, in title or text, by the query of the docs."""
    (block,) = blocks
    found = json.loads(place.sh(block).stdout)

    assert {row["story_id"] for row in found} == {
        record.story_id for record in place.records() if "国会" in record.title + record.text
    }
    assert len(found) > 10


@pytest.fixture
def parquet(place: Place) -> Place:
    """Return the place with the Parquet of the recipe."""
    place.sh(written()[PARQUET][0][1])
    return place


@recipe(PARQUET, "sh", "sql")
def test_duckdb(blocks: Blocks, parquet: Place) -> None:
    """DuckDB counts the full stories on the site by Singapore's year and section."""
    _, block = blocks
    ended = parquet.ran("python3", "-c", QUERY, block)
    found = json.loads(ended.stdout)

    wanted = [r for r in parquet.records() if r.access == "full" and r.gone_at is None]
    assert {(year, section): stories for year, section, stories, _ in found} == Counter(
        (record.published.astimezone(SINGAPORE).year, record.section) for record in wanted
    )
    assert [row[0] for row in found] == sorted(row[0] for row in found)
    assert all(characters > 5 for *_, characters in found)


@recipe("pandas", "python")
def test_pandas(blocks: Blocks, parquet: Place) -> None:
    """Pandas counts every story."""
    (block,) = blocks
    ended = parquet.python(block)

    assert (ended.returncode, ended.stderr) == (0, "")
    counts = [int(line.split()[-1]) for line in ended.stdout.split("\n")[:-1] if line[-1].isdigit()]
    assert sum(counts) == ALL
    assert "realtime/china" in ended.stdout


@recipe("Hugging Face datasets", "python")
def test_datasets(blocks: Blocks, parquet: Place) -> None:
    """The library loads the Parquet offline, and leaves out the preview."""
    (block,) = blocks
    ended = parquet.python(block)

    assert ended.returncode == 0, ended.stderr
    first = parquet.records()[0].title
    assert ended.stdout == f"{ALL - 1} Value('timestamp[us, tz=UTC]') {first}\n"


@pytest.fixture
def port() -> str:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return str(taken.getsockname()[1])


def posted(port: str, body: bytes, signed: Webhook, message: str, at: datetime) -> int:
    """Call the receiver as another program would; return the status it answers."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/",
        body,
        {
            "webhook-id": message,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signed.sign(message, at, body.decode()),
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code


@recipe("Receive webhooks", "sh", "python", "sh")
def test_webhook(blocks: Blocks, place: Place, port: str) -> None:
    """The receiver hears every change once and in order, from nobody but us, also repeated."""
    setup, receiver, deliver = blocks
    place.environ["PORT"] = port
    place.sh(setup)
    (place.root / "receiver.py").write_text(receiver, "utf-8")
    secret = (place.root / "webhook.secret").read_text().strip()
    body = json.dumps({"data": {"changes": [{"seq": 0, "op": "new", "title": "伪"}]}}).encode()
    now = datetime.now(UTC)
    other = Webhook("whsec_" + "A" * 44)
    with place.started("python3", "receiver.py") as process:
        assert process.stdout
        assert process.stdout.readline().startswith("listening")
        ended = place.sh(deliver)
        known = (place.root / "webhook.ids").read_text().split()
        answers = [
            posted(port, body, other, "msg_forged", now),
            posted(port, body, Webhook(secret), "msg_old", now - timedelta(minutes=6)),
            posted(port, body, Webhook(secret), "msg_early", now + timedelta(minutes=6)),
            posted(port, body, Webhook(secret), known[0], now),
            posted(port, body.replace(b": 0", b": 99"), Webhook(secret), "msg_new", now),
        ]
        process.terminate()
        told = process.stdout.read().split("\n")[:-1]

    changes = place.changes()
    assert answers == [401, 401, 401, 204, 204]
    assert told == [
        *(f"{change.seq} {change.op} {change.title}" for change in changes),
        "99 new 伪",
    ]
    assert len(known) == len(set(known)) == -(-len(changes) // 10)
    assert f"all up to {changes[-1].seq}, 0 behind" in ended.stdout
    assert oct((place.root / "webhook.secret").stat().st_mode)[-3:] == "600"


@recipe("Read the feeds", "python")
def test_feeds(blocks: Blocks, place: Place) -> None:
    """The script shows what is on the site, the last published first."""
    (block,) = blocks
    ended = place.python(block)

    titles = [line.partition(" ")[2] for line in ended.stdout.split("\n")[:-1]]
    on_site = sorted(
        (record for record in place.records() if record.gone_at is None),
        key=lambda record: (record.published, record.story_id),
        reverse=True,
    )
    assert titles == [record.title for record in on_site]


@recipe("Search from scripts", "sh")
def test_search(blocks: Blocks, place: Place) -> None:
    """The script shows time, title and file of the stories with a word of two characters."""
    (block,) = blocks
    rows = [line.split("\t") for line in place.sh(block).stdout.split("\n")[:-1]]

    since = datetime(2021, 1, 1, tzinfo=SINGAPORE)
    assert sorted(rows) == sorted(
        [f"{record.published:%Y-%m-%dT%H:%M:%SZ}", record.title, f"seeds/{record.path}"]
        for record in place.records()
        if "国会" in record.title + record.text and record.published >= since
    )
    assert rows


@recipe("When the reader was mended", "sh")
def test_renormalise(blocks: Blocks, place: Place) -> None:
    """Pages that are kept are read again, as a trial and in earnest: here all reads as before."""
    crawl(place.root / "crawl.warc.gz", slice(0, 4))
    place.sh("harvester backfill --warc crawl.warc.gz")
    with closing(sqlite3.connect(place.root / "state" / "harvester.db")) as catalogue:
        catalogue.execute("UPDATE captures SET parser = 'an older one'")
        catalogue.commit()
    posts, last = place.posts(), place.changes()[-1].seq
    (block,) = blocks
    ended = place.sh(block.replace("1200", str(last)))

    assert ended.stdout.count("4 unchanged") == 2
    assert (place.posts(), place.changes()[-1].seq) == (posts, last)


@recipe("Fill in years from what others kept", "sh")
def test_fill_in(blocks: Blocks, place: Place) -> None:
    """A file and a folder are taken in: each story has its post."""
    before = len(place.posts())
    (place.root / "warcs" / "2026").mkdir(parents=True)
    crawl(place.root / "crawl.warc.gz", slice(0, 3))
    crawl(place.root / "warcs" / "2026" / "more.warc.gz", slice(3, 5))
    (block,) = blocks
    place.sh(block)

    assert len(place.posts()) == before + 5


def crawl(path: Path, which: slice) -> None:
    """Write a WARC file of some stories of the replica, as another program does."""
    site = Site.arranged()
    urls = [shown.urls[0] for shown in site.truth() if SG in shown.urls[0]][which]
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        for url in urls:
            parts = urlsplit(url)
            body = site.answer(parts.netloc, parts.path).body
            head = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], "HTTP/1.1")
            record = writer.create_warc_record(
                url, "response", payload=BytesIO(body), length=len(body), http_headers=head
            )
            writer.write_record(record)


@recipe("Use the library", "python")
def test_library(blocks: Blocks, place: Place) -> None:
    """The script shows each entry of the change log with the text it is about."""
    (block,) = blocks
    ended = place.python(block)

    told = [line.split(" ", 3) for line in ended.stdout.split("\n")[:-1]]
    assert [(int(seq), op, rest.rpartition(" ")[0]) for seq, op, _, rest in told] == [
        (change.seq, change.op, change.title) for change in place.changes()
    ]
