"""`harvester backfill --warc`: what WARC files of others hold, wherever they lie."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import random
import re
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fastwarc import ArchiveIterator

from harvester.replica import Site
from harvester.replica.making import make
from tests.bulk.warcs import SEEN, Shot, record, shot, shots, write
from tests.e2e.processes import Finished, refused, sane
from tests.e2e.support import story
from tests.handoff.buckets import make_bucket, serving
from tests.rereading.harvests import Harvest

STORIES = [story(9_820_000 + n, f"2026-09-{10 + n}T09:00:00") for n in range(6)]
EDITED = "改过的标题，比原来的长一些"
_WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
from harvester.cli import main
sys.exit(main(sys.argv[1:]))
"""


def take(harvest: Harvest, *paths: object, **how: Any) -> Finished:  # noqa: ANN401
    """Run `backfill --warc` to its end, telling of every address."""
    return asyncio.run(taking(harvest, *paths, **how))


async def taking(harvest: Harvest, *paths: object, **how: Any) -> Finished:  # noqa: ANN401
    """Run `backfill --warc`, while something else answers."""
    told = [word for path in paths for word in ("--warc", path)]
    more = how.pop("more", ())
    return await harvest.run("backfill", "--json", "--verbose", *told, *more, **how)


def counts(ended: Finished) -> dict[str, int]:
    """Return the end states that occurred, with their numbers; they add up."""
    found = json.loads(ended.stdout)
    del found["seconds"]
    found.pop("problems", None)
    assert found.pop("discovered") == sum(found.values())
    return {name: number for name, number in found.items() if number}


def edited(taken: Shot, at_day: int) -> Shot:
    """Return a page of a story of ours as it was on another day, with another title."""
    (shown,) = [each for each in STORIES if taken.url.endswith(each.path)]
    return shot(replace(shown, title=EDITED), SEEN + timedelta(days=at_day))


# --- what is there ---


@pytest.mark.parametrize("coding", ["gzip", "zstd", ""])
def test_every_layout_in_every_coding(coding: str, harvest: Harvest, place: Path) -> None:
    """Of a folder all files are read, of all layouts; each page becomes the post it would be."""
    taken = shots(Site.arranged())
    write(place / "warcs" / "a", taken[::2], coding)
    write(place / "warcs" / "deeper" / "b", taken[1::2], coding)
    (place / "warcs" / "README.txt").write_text("no WARC file", "utf-8")

    ended = take(harvest, place / "warcs")

    assert (ended.returncode, counts(ended)) == (0, {"new": len(taken)}), ended.stderr
    assert sorted(harvest.posts().values()) == sorted(each.post for each in taken)
    assert asyncio.run(harvest.run("verify")).returncode == 0


def test_any_order(place: Path) -> None:
    """The records' order makes no difference: the last text is the file, others are revisions."""
    taken = [shot(each) for each in STORIES]
    taken += [edited(taken[0], 1), edited(taken[1], -1), edited(taken[2], 2)]
    found = set()
    for seed in range(3):
        mixed = random.Random(seed).sample(taken, len(taken))  # noqa: S311 - an order, no secret
        again = Harvest(place / str(seed))
        again.root.mkdir()
        assert take(again, write(place / f"mixed-{seed}", mixed)).returncode == 0
        texts = again.select("SELECT story_id, sha256, observed_at FROM revisions")
        found.add((frozenset(again.posts().values()), frozenset(texts)))

    ((posts, told),) = found
    assert (len(posts), len(told)) == (len(STORIES), len(taken))
    assert {each for each in posts if EDITED.encode() in each} == {taken[6].post, taken[8].post}


def test_an_older_capture(harvest: Harvest, place: Path) -> None:
    """A text older than the one that is held becomes an earlier revision; nothing else moves."""
    first = shot(STORIES[0])
    take(harvest, write(place / "first", [first]))
    untouched, log = harvest.identities(), harvest.select("SELECT * FROM changes")

    ended = take(harvest, write(place / "older", [edited(first, -5)]))

    assert (ended.returncode, counts(ended)) == (0, {"revised": 1})
    assert harvest.identities() == untouched
    assert harvest.select("SELECT * FROM changes") == log
    assert harvest.select("SELECT count(*) FROM revisions") == [(2,)]


def test_captures_tell_where_a_page_lies(harvest: Harvest, place: Path) -> None:
    """Source, file and offset: the record is there."""
    taken = [shot(each) for each in STORIES]
    file = write(place / "a", taken)

    take(harvest, file)

    rows = harvest.select(
        "SELECT url, source, name, offset, length, seen_at "
        "FROM captures JOIN warc_files ON warc_files.id = file ORDER BY offset"
    )
    data = file.read_bytes()
    assert [row[:3] for row in rows] == [(each.url, "warc", str(file)) for each in taken]
    for url, _, _, offset, length, seen_at in rows:
        (there,) = ArchiveIterator(io.BytesIO(data[offset : offset + length]))
        assert there.headers["WARC-Target-URI"] == url
        assert there.headers["WARC-Date"] == seen_at


def test_other_pages(harvest: Harvest, place: Path) -> None:
    """What is no article is told as rejected with its reason, what is no story's passed by."""
    site = Site.arranged()
    wall = next(url for url, kind in site.others().items() if kind == "consent")
    host, _, path = wall.removeprefix("https://").partition("/")
    other = Shot("https://www.zaobao.com.sg/about", b"<html>x</html>")
    taken = [Shot(wall, site.answer(host, f"/{path}").body), other, shot(STORIES[0])]

    ended = take(harvest, write(place / "a", taken))

    assert counts(ended) == {"new": 1, "rejected": 1}
    assert f"rejected {wall}: consent" in ended.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_a_page_that_no_file_can_hold(workers: int, harvest: Harvest, place: Path) -> None:
    """Half a surrogate pair in an author's name fails its page; the rest is taken."""
    named = make(STORIES[0].path, STORIES[0].era, "2026-09-10T09:00:00", author="王小明")
    taken = shot(named)
    broken = replace(taken, body=taken.body.replace("王小明".encode(), b"\\ud83d"))
    assert broken != taken

    file = write(place / "a", [broken, *map(shot, STORIES[1:])])
    ended = take(harvest, file, more=("--workers", workers))

    assert (ended.returncode, counts(ended)) == (1, {"failed": 1, "new": len(STORIES) - 1})
    assert "not Unicode" in ended.stderr


# --- once, and again where it must be ---


def test_a_file_is_taken_in_once(harvest: Harvest, place: Path) -> None:
    """A second run takes nothing and says so."""
    file = write(place / "a", [shot(each) for each in STORIES])
    take(harvest, file)
    before = harvest.tables()

    ended = take(harvest, file)

    assert (ended.returncode, counts(ended)) == (0, {})
    assert "files that were taken in before: 1" in ended.stderr
    assert harvest.tables() == before


def test_a_file_that_changed(harvest: Harvest, place: Path) -> None:
    """Another file of its name is read; nothing tells any more of what lay there before."""
    file = write(place / "a", [shot(each) for each in STORIES[:4]])
    take(harvest, file)

    write(place / "a", [shot(each) for each in STORIES[3:]])
    ended = take(harvest, file)

    assert counts(ended) == {"new": 2, "unchanged": 1}
    rows = harvest.select("SELECT url FROM captures ORDER BY offset")
    assert rows == [(shot(each).url,) for each in STORIES[3:]]


@pytest.mark.parametrize("damage", ["cut", "overwritten"])
@pytest.mark.parametrize("coding", ["gzip", "zstd", ""])
def test_a_damaged_file(coding: str, damage: str, harvest: Harvest, place: Path) -> None:
    """What is before the damage is taken, the rest told with file and offset, and read again."""
    taken = [shot(each) for each in STORIES]
    records = [record(each, coding) for each in taken]
    starts = [len(b"".join(records[:n])) for n in range(4)]
    file = write(place / "a", taken, coding)
    whole = b"".join(records)
    middle = starts[3] + (len(whole) - starts[3]) // 6
    rest = b"" if damage == "cut" else bytes(len(whole) - middle)
    file.write_bytes(whole[:middle] + rest)

    for end in ("new", "unchanged"):
        ended = take(harvest, file)
        assert ended.returncode == 1
        # The end of the last whole page is that of the record behind it, which is damaged.
        assert counts(ended)[end] in {2, 3}, ended.stderr
        (told,) = re.findall(r"not read: (.+), at byte ([\d,]+): ", ended.stderr)
        assert (told[0], int(told[1].replace(",", "")) in starts[2:]) == (str(file), True)
        assert harvest.select("SELECT merged_at FROM warc_files") == [(None,)]

    file.write_bytes(whole)
    ended = take(harvest, file)
    assert (ended.returncode, sum(counts(ended).values())) == (0, len(STORIES))
    assert len(harvest.table("captures")) == len(harvest.posts()) == len(STORIES)


# --- what is asked for ---


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        (("--since", "2026-09-12"), STORIES[2:]),
        (("--until", "2026-09-12"), STORIES[:3]),
        (("--since", "2026-09-11", "--until", "2026-09-13"), STORIES[1:4]),
        (("--section", "news/sea"), []),
        (("--section", "realtime"), STORIES),
    ],
)
def test_scope(more: tuple[str, ...], wanted: list[Any], harvest: Harvest, place: Path) -> None:
    """Days are those of publication, sections those of the addresses; nothing else is new."""
    beside = make("news/sea/story20260801-9830000", STORIES[0].era, "2026-08-01T09:00:00")
    taken = [shot(each) for each in [*STORIES, beside]]
    expected = {shot(each).post for each in wanted}
    if more[-1] == "news/sea":
        expected = {shot(beside).post}
    if more[0] == "--until":
        expected.add(shot(beside).post)

    ended = take(harvest, write(place / "a", taken), more=more)

    assert ended.returncode == 0
    assert counts(ended)["new"] == len(expected)
    assert {*harvest.posts().values()} == expected


@pytest.mark.parametrize(
    "path", ["nowhere.warc.gz", "empty", "s3://bucket/x", "http://127.0.0.1:1/"]
)
def test_what_is_not_there(path: str, harvest: Harvest, place: Path) -> None:
    """A path at which nothing is ends it with 2 before anything is made."""
    (place / "empty").mkdir()
    environ = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ALLOW_HTTP": "true",
               "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}  # fmt: skip
    named = path if ":" in path else place / path

    ended = asyncio.run(harvest.run("backfill", "--warc", named, environ=environ))

    refused(ended, 2, f"--warc {named}")


@pytest.mark.parametrize(
    ("name", "more", "extra"),
    [
        ("pyarrow", ("--workers", "2"), "parquet"),
        ("distributed", ("--dask", "tcp://127.0.0.1:1"), "dask"),
        ("obstore", (), "mirror"),
    ],
)
def test_what_is_not_installed(
    name: str, more: tuple[str, ...], extra: str, harvest: Harvest, place: Path
) -> None:
    """Without an extra the error says what to install."""
    path = "s3://bucket/x" if extra == "mirror" else write(place / "a", [shot(STORIES[0])])
    script = place / "without.py"
    script.write_text(_WITHOUT.format(name=name), "utf-8")

    ended = harvest.run_command(
        [sys.executable, str(script), "backfill", "--warc", str(path), *more]
    )

    refused(ended, 2, f"zaobao-harvester[{extra}]", name)


# --- elsewhere ---


def test_object_store(harvest: Harvest, place: Path) -> None:
    """A prefix of a bucket: its WARC files alone, each once, read again where one changed."""
    first, second = (write(place / name, taken) for name, taken in halves())
    with serving() as endpoint:
        bucket = make_bucket(endpoint)
        with closing(bucket.client()) as client:
            for file in (first, second):
                client.put_object(Bucket=bucket.name, Key=f"in/{file.name}", Body=file.read_bytes())
            client.put_object(Bucket=bucket.name, Key="in/x.txt", Body=b"x")
            client.put_object(Bucket=bucket.name, Key="out/b.warc", Body=b"x")
            address = f"s3://{bucket.name}/in/"
            ended = take(harvest, address, environ=bucket.environ)
            assert (ended.returncode, counts(ended)) == (0, {"new": len(STORIES)}), ended.stderr
            assert counts(take(harvest, address, environ=bucket.environ)) == {}
            body = first.read_bytes() + second.read_bytes()
            client.put_object(Bucket=bucket.name, Key=f"in/{first.name}", Body=body)
            again = take(harvest, f"{address}{first.name}", environ=bucket.environ)

    assert counts(again) == {"unchanged": len(STORIES)}
    names = [name for (name,) in harvest.select("SELECT name FROM warc_files ORDER BY name")]
    assert names == [f"{address}{first.name}", f"{address}{second.name}"]


def halves() -> list[tuple[str, list[Shot]]]:
    """Return the pages of all stories in two parts."""
    taken = [shot(each) for each in STORIES]
    return [("first", taken[:3]), ("second", taken[3:])]


@pytest.fixture
async def served(place: Path) -> AsyncIterator[str]:
    """Yield the origin of a server of the files in `place/web`, with ranges and ETags."""
    (place / "web").mkdir()
    app = web.Application()
    app.router.add_static("/", place / "web")
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_web_server(served: str, harvest: Harvest, place: Path) -> None:
    """An address of a file, and of a list of files as Common Crawl has them."""
    files = [write(place / "web" / "crawl" / name, taken) for name, taken in halves()]
    listed = "".join(f"crawl/{file.name}\n" for file in files)
    (place / "web" / "warc.paths.gz").write_bytes(gzip.compress(listed.encode()))

    one = await taking(harvest, f"{served}/crawl/{files[0].name}")
    both = await taking(harvest, f"{served}/warc.paths.gz")

    assert (one.returncode, counts(one)) == (0, {"new": 3}), one.stderr
    assert (both.returncode, counts(both)) == (0, {"new": 3}), both.stderr
    assert "files that were taken in before: 1" in both.stderr


async def test_a_file_of_a_web_server_is_read_again(
    served: str, harvest: Harvest, place: Path
) -> None:
    """What lies elsewhere is read where it lies when another reader comes; lost, it is told."""
    file = write(place / "web" / "a", [shot(each) for each in STORIES])
    await taking(harvest, f"{served}/{file.name}")
    harvest.forget_readers()

    again = await harvest.run("renormalise", "--json")
    harvest.forget_readers()
    file.unlink()
    lost = await harvest.run("renormalise", "--json", "--verbose")

    assert (again.returncode, counts_of(again)["unchanged"]) == (0, len(STORIES)), again.stderr
    assert (lost.returncode, counts_of(lost)["failed"]) == (1, len(STORIES))
    assert f"{served}/{file.name}" in lost.stderr
    assert len(harvest.posts()) == len(STORIES)


def counts_of(ended: Finished) -> dict[str, Any]:
    """Return the object of `--json`."""
    sane(ended.stdout, ended.stderr)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found
