"""Every page is in a WARC file before its rows are committed, once, and where its row says."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import sqlite3
import zlib
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from harvester import warc
from harvester.errors import DiskError
from harvester.model import Capture, Place, Verdict
from harvester.store import CATALOGUE, WARC, Archive, Difference, Kind, verify
from harvester.store.raw import RawFiles
from harvester.warc import Found, found_in
from tests.handoff.follower_archive import quick_folder
from tests.store.support import (
    NOON,
    RAW,
    UNKEPT,
    StillClock,
    make_draft,
    make_evidence,
    make_sent_page,
    make_visit,
    open_store,
)
from tests.support.pywb import replay

FIRST = "harvester-202111-00001.warc.gz"


async def note(archive: Archive, *pages: tuple[str, bytes], at: datetime = NOON) -> None:
    """Let the archive keep the pages of some stories that were rejected, in one batch."""
    looks = (make_sent_page(story_id, body, at) for story_id, body in pages)
    visits = (make_visit(story_id, reason="no article") for story_id, _ in pages)
    await asyncio.gather(
        *(
            archive.note(visit, make_evidence(page))
            for visit, page in zip(visits, looks, strict=True)
        )
    )


def names(root: Path) -> list[str]:
    """Return the files of the raw archive."""
    folder = root / "state" / WARC
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def found(root: Path, name: str = FIRST) -> list[Found]:
    """Return what a file of the raw archive holds."""
    with (root / "state" / WARC / name).open("rb") as file:
        return list(found_in(file, name, lambda _: True))


def types(root: Path, name: str = FIRST) -> list[str]:
    """Return the types of all records of a file by warcio, which finds every digest true."""
    told = []
    with (root / "state" / WARC / name).open("rb") as file:
        for record in ArchiveIterator(file, check_digests=True):
            record.raw_stream.read()
            assert record.digest_checker.passed is not False
            told.append(record.rec_type)
    return told


async def kept(root: Path, *story_ids: str) -> list[Capture]:
    """Return the rows of stories in the raw archive; the start before settles what was left."""
    async with open_store(root, raw=RAW) as archive:
        return [each for story_id in story_ids for each in await archive.captures(story_id)]


def rows(connection: sqlite3.Connection) -> int:
    """Return how many captures there are."""
    (number,) = connection.execute("SELECT count(*) FROM captures").fetchone()
    return int(number)


# --- what a run writes ---


async def test_a_run_writes_one_file(tmp_path: Path) -> None:
    """The file begins with what wrote it, is open until the end of the run, and then only read."""
    async with open_store(tmp_path, raw=RAW) as archive:
        assert names(tmp_path) == []
        await note(archive, ("1", b"<p>1"), ("2", b"<p>2"))
        await note(archive, ("3", b"<p>3"))
        assert names(tmp_path) == [f"{FIRST}.open"]
    before = (tmp_path / "state" / WARC / FIRST).read_bytes()
    async with open_store(tmp_path, raw=RAW) as archive:
        await note(archive, ("4", b"<p>4"))

    assert names(tmp_path) == [FIRST, "harvester-202111-00002.warc.gz"]
    assert before == (tmp_path / "state" / WARC / FIRST).read_bytes()
    assert types(tmp_path) == ["warcinfo", *["response", "request", "metadata"] * 3]
    assert [each.body for each in found(tmp_path)] == [b"<p>1", b"<p>2", b"<p>3"]


async def test_nothing_is_written_for_nothing(tmp_path: Path) -> None:
    """A run that met no page makes no file; one that keeps none makes no folder."""
    async with open_store(tmp_path, raw=RAW) as archive:
        await archive.put(make_draft(), make_visit())
    async with open_store(tmp_path) as archive:
        await note(archive, ("1", b"<p>1"))
        assert await archive.captures("1") == []

    assert not (tmp_path / "state" / WARC).exists()


async def test_where_none_are_kept(tmp_path: Path) -> None:
    """A run that keeps no new page knows those that are there, and where others lie."""
    theirs = Place("/mnt/crawls/theirs.warc.gz", 0, 100)
    async with open_store(tmp_path, raw=RAW) as archive:
        await note(archive, ("1", b"<p>1"))
    before = await kept(tmp_path, "1")
    (tmp_path / "state" / CATALOGUE).unlink()
    async with open_store(tmp_path, raw=UNKEPT) as archive:
        await archive.index_pages()
        await note(archive, ("2", b"<p>2"))
        evidence = replace(make_evidence(make_sent_page("3")), place=theirs)
        await archive.note(make_visit("3", reason="x"), evidence)
        draft = make_draft("1", observed_at=NOON + timedelta(hours=1))
        read = replace(make_evidence(make_sent_page("1"), written=True), place=before[0].place)
        await archive.put(draft, make_visit("1"), read)

        assert (await archive.captures("1"))[0].content_hash == draft.content_hash
        assert await archive.captures("2") == []
        assert [each.place for each in await archive.captures("3")] == [theirs]
    assert names(tmp_path) == [FIRST]


async def test_months(tmp_path: Path) -> None:
    """A file ends with its month, by UTC."""
    clock = StillClock()
    async with open_store(tmp_path, clock, raw=RAW) as archive:
        await note(archive, ("1", b"<p>1"))
        clock.at = datetime.fromisoformat("2021-12-01T07:59:59+08:00")
        await note(archive, ("2", b"<p>2"))
        clock.at += timedelta(seconds=1)
        await note(archive, ("3", b"<p>3"))
        assert names(tmp_path) == [FIRST, "harvester-202112-00001.warc.gz.open"]

    assert [each.body for each in found(tmp_path)] == [b"<p>1", b"<p>2"]
    assert [each.body for each in found(tmp_path, "harvester-202112-00001.warc.gz")] == [b"<p>3"]


async def test_full_files(tmp_path: Path) -> None:
    """What comes after a file is full goes into the next one."""
    async with open_store(tmp_path, raw=replace(RAW, full=1000)) as archive:
        for number in range(4):
            await note(archive, (str(number), b"%d" % number * 300))

    assert names(tmp_path) == [f"harvester-202111-{number:05}.warc.gz" for number in (1, 2, 3, 4)]
    assert [len(found(tmp_path, name)) for name in names(tmp_path)] == [1, 1, 1, 1]
    assert verify_all(tmp_path) == ()


async def test_no_name_twice(tmp_path: Path) -> None:
    """The name of a file that was moved elsewhere stays its own."""
    async with open_store(tmp_path, raw=RAW) as archive:
        await note(archive, ("1", b"<p>1"))
    (tmp_path / "state" / WARC / FIRST).rename(tmp_path / FIRST)
    async with open_store(tmp_path, raw=RAW) as archive:
        await note(archive, ("2", b"<p>2"))

    assert names(tmp_path) == ["harvester-202111-00002.warc.gz"]
    assert [each.place and each.place.file for each in await kept(tmp_path, "1", "2")] == [
        FIRST,
        "harvester-202111-00002.warc.gz",
    ]


# --- rows ---


async def test_rows(tmp_path: Path) -> None:
    """The place of each row decompresses alone to the record of that story, as it was sent."""
    bodies = {str(number): b"<p>%d</p>" % number * number for number in range(1, 60)}
    async with open_store(tmp_path, raw=RAW) as archive:
        await note(archive, *bodies.items())
    data = (tmp_path / "state" / WARC / FIRST).read_bytes()

    for capture in await kept(tmp_path, *bodies):
        assert capture.place
        record = gzip.decompress(data[capture.place.offset :][: capture.place.length])
        assert f"WARC-Target-URI: {capture.final_url}\r\n".encode() in record
        assert record.endswith(b"\r\n\r\n" + bodies[capture.story_id] + b"\r\n\r\n")
        assert capture.digest == warc.digest_of(bodies[capture.story_id])
    assert [each.note for each in found(tmp_path)] == await kept(tmp_path, *bodies)
    assert len(bodies) == len(await kept(tmp_path, *bodies))


async def test_every_end_state(tmp_path: Path) -> None:
    """A page is kept whatever became of it, and its row tells what that was."""
    async with open_store(tmp_path, raw=RAW) as archive:
        new, other = make_draft("1", "text"), make_draft("1", "more", observed_at=NOON)
        for draft in (new, new, other, make_draft("2", "more")):
            page = make_sent_page(draft.article.story_id, draft.data)
            visit = make_visit(draft.article.story_id)
            await archive.put(draft, visit, make_evidence(page, written=True))
        visit = make_visit("3", reason="doubtful")
        await archive.hold(make_evidence(make_sent_page("3")), visit)

    told = [each.decision.verdict for each in await kept(tmp_path, "1", "2", "3")]
    assert told == [
        *(Verdict.NEW, Verdict.UNCHANGED, Verdict.REVISED, Verdict.DUPLICATE, Verdict.FAILED),
    ]
    first = (await kept(tmp_path, "1"))[0]
    assert (first.content_hash, first.path) == (new.content_hash, new.name)


# --- a body that is there already ---


async def test_the_same_bytes(tmp_path: Path) -> None:
    """Bytes that are there, of this batch or an earlier one, are named and not kept once more."""
    clock = StillClock()
    async with open_store(tmp_path, clock, raw=RAW) as archive:
        await note(archive, ("1", b"<p>same"), ("2", b"<p>same"))
        clock.at += timedelta(hours=1)
        await note(archive, ("1", b"<p>same"), ("3", b"<p>same"), at=clock.at)
    async with open_store(tmp_path, clock, raw=RAW) as archive:
        await note(archive, ("4", b"<p>same"), at=clock.at)

    later = found(tmp_path, "harvester-202111-00002.warc.gz")
    assert [each.revisit for each in [*found(tmp_path), *later]] == [False, True, True, True, True]
    named = [_named(tmp_path, FIRST), _named(tmp_path, "harvester-202111-00002.warc.gz")]
    assert {(found(tmp_path)[0].target, "2021-11-01T12:00:00Z")} == set().union(*named)


async def test_a_clock_set_back(tmp_path: Path) -> None:
    """The body is where it was written first, whatever the clock said of the looks after it."""
    clock = StillClock()
    async with open_store(tmp_path, clock, raw=RAW) as archive:
        await note(archive, ("1", b"<p>same"))
        clock.at -= timedelta(hours=1)
        await note(archive, ("1", b"<p>same"), ("2", b"<p>same"), at=clock.at)

        looks = [*await archive.captures("1"), *await archive.captures("2")]
        bodies = {await archive.body_of(each) for each in looks}
    first, *later = found(tmp_path)
    assert bodies == {first.place}
    assert [each.revisit for each in later] == [True, True]


@pytest.mark.parametrize("left", [0, 400])
async def test_a_body_that_was_lost(tmp_path: Path, left: int) -> None:
    """A file that is gone or cut is named no more: the body is kept again, and found there."""
    for _ in range(2):
        async with open_store(tmp_path, raw=RAW) as archive:
            await note(archive, ("1", b"<p>same"))
    lost = tmp_path / "state" / WARC / FIRST
    lost.write_bytes(lost.read_bytes()[:left])
    if not left:
        lost.unlink()
    async with open_store(tmp_path, raw=RAW) as archive:
        for _ in range(2):
            await note(archive, ("1", b"<p>same"))
        bodies = [await archive.body_of(each) for each in await archive.captures("1")]

    again, named = found(tmp_path, "harvester-202111-00003.warc.gz")
    assert [each.revisit for each in (again, named)] == [False, True]
    assert bodies == [again.place] * 4


def _named(root: Path, name: str) -> set[tuple[str, str]]:
    """Return what the revisits of a file name, by warcio."""
    with (root / "state" / WARC / name).open("rb") as file:
        return {
            (
                record.rec_headers["WARC-Refers-To-Target-URI"],
                record.rec_headers["WARC-Refers-To-Date"],
            )
            for record in ArchiveIterator(file)
            if record.rec_type == "revisit"
        }


async def test_what_is_not_named(tmp_path: Path) -> None:
    """Nothing rests on somebody else's file, nor on what another archive showed, nor on nothing."""
    page = make_sent_page("1", b"<p>same")
    theirs = Place("/mnt/crawls/theirs.warc.gz", 0, 100)
    shown = "https://web.archive.org/web/20211101120000id_/" + page.url
    assert page.exchange
    async with open_store(tmp_path, raw=RAW) as archive:
        await archive.note(make_visit("1", reason="x"), replace(make_evidence(page), place=theirs))
        from_archive = replace(page, exchange=replace(page.exchange, url=shown))
        evidence = replace(make_evidence(from_archive), source="wayback")
        await archive.note(make_visit("1", reason="x"), evidence)
        await note(archive, ("2", b"<p>same"), ("3", b""), ("4", b""))

    assert [each.revisit for each in found(tmp_path)] == [False] * 4
    assert [each.place for each in await kept(tmp_path, "1")][:1] == [theirs]
    assert verify_all(tmp_path) == ()


async def test_replay(tmp_path: Path) -> None:
    """Another program shows each page, also where its bytes lie with an earlier look."""
    clock = StillClock()
    async with open_store(tmp_path, clock, raw=RAW) as archive:
        await note(archive, ("1", b"<p>same"), ("2", b"<p>same"), ("3", b"<p>other"))
        clock.at += timedelta(hours=1)
        await note(archive, ("1", b"<p>same"), at=clock.at)
    async with open_store(tmp_path, clock, raw=RAW) as archive:
        await note(archive, ("4", b"<p>same"), at=clock.at)

    with replay(tmp_path / "state" / WARC, tmp_path / "pywb") as pywb:
        shown = {
            (each.story_id, each.seen_at): pywb.get(each.final_url, each.seen_at)[::2]
            for each in await kept(tmp_path, "1", "2", "3", "4")
        }
    later = NOON + timedelta(hours=1)
    assert shown == {
        ("1", NOON): (200, b"<p>same"),
        ("2", NOON): (200, b"<p>same"),
        ("3", NOON): (200, b"<p>other"),
        ("1", later): (200, b"<p>same"),
        ("4", later): (200, b"<p>same"),
    }


# --- what a killed writer left ---


@pytest.fixture
async def left() -> AsyncIterator[Path]:
    """Yield an archive as a writer left it that was killed: three looks, the file still open."""
    with quick_folder() as folder:
        async with open_store(folder / "whole", raw=RAW) as archive:
            for number in (1, 2, 3):
                await note(archive, (str(number), b"<p>%d" % number))
            shutil.copytree(folder / "whole", folder / "left")
        yield folder / "left"


class Settled:
    """What a start makes of a file, on a catalogue in memory that knows the first looks."""

    def __init__(self, root: Path, looks: int, name: str = f"{FIRST}.open") -> None:
        self.folder = root / "state" / WARC
        self.data = (self.folder / name).read_bytes()
        self.stories: set[str] = set()
        self.problems: dict[str, str] = {}
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        with closing(sqlite3.connect(root / "state" / CATALOGUE)) as catalogue:
            catalogue.backup(self.connection)
        self.connection.execute("DELETE FROM captures WHERE id > ?", (looks,))
        self.ends = [*self._ends(), len(self.data)]
        size = self.ends[3 * looks] if looks else 0
        self.connection.execute("UPDATE warc_files SET size = ?", (size,))
        self.known = size

    def _ends(self) -> list[int]:
        """Return where members end: that of the file's first record, then three of each look."""
        ends, rest = [], self.data
        while rest:
            member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            member.decompress(rest)
            rest = member.unused_data
            ends.append(len(self.data) - len(rest))
        return ends

    def settle(self, data: bytes, name: str = f"{FIRST}.open") -> tuple[list[str], bytes, int]:
        """Settle a file with these bytes; return the names, its bytes then, and the rows."""
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        (self.folder / name).write_bytes(data)
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
            self.connection.backup(copy)
            files = RawFiles(self.folder, RAW)
            files.settle(copy)
            self.problems = files.problems
            self.stories = {each for (each,) in copy.execute("SELECT story_id FROM captures")}
            told = sorted(path.name for path in self.folder.iterdir())
            return told, b"".join((self.folder / name).read_bytes() for name in told), rows(copy)


@pytest.mark.parametrize(("looks", "every"), [(0, 29), (1, 17), (2, 1)])
async def test_torn_at_every_byte(left: Path, looks: int, every: int) -> None:
    """All whole records stay and have rows, whatever the catalogue knew; what is torn is cut."""
    settled = Settled(left, looks)
    near = {end + step for end in settled.ends for step in (-1, 0, 1)}
    cuts = near | set(range(settled.known, len(settled.data), every))
    for cut in sorted(each for each in cuts if settled.known <= each <= len(settled.data)):
        names_, data, number = settled.settle(settled.data[:cut])
        end = max((end for end in settled.ends if end <= cut), default=0)

        assert names_ == ([FIRST] if end else [])
        assert settled.data[:end] == data
        assert number == max(looks, sum(each <= cut for each in settled.ends[3:10:3]))
    settled.connection.close()


@pytest.mark.parametrize("junk", [b"\0" * 4096, b"WARC/1.1\r\n", b"\x1f\x8b\x08" + b"\xff" * 90])
async def test_junk_behind(left: Path, junk: bytes) -> None:
    """What a power loss may leave behind the last whole record goes, and nothing else."""
    settled = Settled(left, 1)
    assert ([FIRST], settled.data, 3) == settled.settle(settled.data + junk)
    settled.connection.close()


async def test_shorter_than_its_rows(left: Path) -> None:
    """A file that lost what has rows is left as it is: no zeros stand in for pages."""
    settled = Settled(left, 3)
    for cut in (0, 100, settled.ends[3], len(settled.data) - 1):
        names_, data, number = settled.settle(settled.data[:cut])
        assert (names_, data, number) == ([FIRST], settled.data[:cut], 3)
    settled.connection.close()


async def test_the_next_start(left: Path) -> None:
    """The next start finishes what is open, and its pages are found as if nothing had been."""
    before = found(left, f"{FIRST}.open")

    captures = await kept(left, "1", "2", "3")
    assert names(left) == [FIRST]
    assert not (left / "state" / "aside").exists()
    assert [each.place and each.place.offset for each in captures] == [
        each.place.offset for each in before
    ]
    assert verify_all(left) == ()
    assert captures == await kept(left, "1", "2", "3"), "a second start changes nothing"


async def test_a_lost_catalogue(left: Path) -> None:
    """Without a catalogue all that is open is whole again, with a row for each page."""
    data = (left / "state" / WARC / f"{FIRST}.open").read_bytes()
    (left / "state" / CATALOGUE).unlink()

    captures = await kept(left, "1", "2", "3")
    assert data == (left / "state" / WARC / FIRST).read_bytes()
    assert [each.story_id for each in captures] == ["1", "2", "3"]
    assert captures == [each.note for each in found(left)]


async def test_a_lost_catalogue_and_damage_in_the_middle(left: Path) -> None:
    """What may have been acknowledged is not cut for good: damage is no torn end."""
    path = left / "state" / WARC / f"{FIRST}.open"
    flipped = bytearray(path.read_bytes())
    flipped[found(left, path.name)[1].place.offset + 50] ^= 1
    path.write_bytes(flipped)
    (left / "state" / CATALOGUE).unlink()

    assert [each.story_id for each in await kept(left, "1", "2", "3")] == ["1"]
    assert flipped == (left / "state" / "aside" / WARC / path.name).read_bytes()
    assert verify_all(left) == ()


async def test_a_lost_catalogue_and_a_damaged_file(left: Path) -> None:
    """Pages on both sides of the damage have rows again, it is told, and a start is not kept."""
    await kept(left)
    flip(left, found(left)[1].place.offset + 50)
    (left / "state" / CATALOGUE).unlink()
    async with open_store(left, raw=RAW) as archive:
        (problem,) = await archive.index_pages()

    assert problem.startswith(f"{FIRST}, at byte ")
    assert [each.story_id for each in await kept(left, "1", "2", "3")] == ["1", "3"]
    assert verify_all(left) == (LOST,)


def flip(root: Path, at: int) -> None:
    """Let one byte of a file be another."""
    path = root / "state" / WARC / FIRST
    data = bytearray(path.read_bytes())
    data[at] ^= 0x55
    path.write_bytes(data)


async def test_damage_at_every_byte(left: Path) -> None:
    """Whatever byte is another, only the page whose records have it may be without a row."""
    await kept(left)
    settled = Settled(left, 0, FIRST)
    for at in range(0, len(settled.data), 7):
        flipped = bytearray(settled.data)
        flipped[at] ^= 0x55
        told, data, _ = settled.settle(bytes(flipped), FIRST)
        hit = sum(end <= at for end in settled.ends[0:9:3])  # 0: the record that begins the file

        assert (told, data) == ([FIRST], bytes(flipped))
        whole = {"1", "2", "3"} - {str(hit)}
        assert whole <= settled.stories, at
        assert settled.problems or settled.stories == {"1", "2", "3"}, at
    settled.connection.close()


async def test_an_older_catalogue(left: Path) -> None:
    """Finished files that it does not know, or not to their end, are told of and taken up."""
    catalogue = left / "state" / CATALOGUE
    with closing(sqlite3.connect(catalogue)) as connection, connection:
        connection.execute("DELETE FROM captures WHERE story_id = '3'")
        place = found(left, f"{FIRST}.open")[2].place
        connection.execute("UPDATE warc_files SET size = ?", (place.offset,))
    older = catalogue.read_bytes()
    async with open_store(left, raw=RAW) as archive:
        await note(archive, ("4", b"<p>4"))
    catalogue.write_bytes(older)

    unread = [Difference(f"{WARC}/{name}", Kind.UNREAD) for name in names(left)]
    assert len(unread) == 2
    assert verify_all(left) == tuple(unread)
    assert "the next command that writes" in unread[0].way_out
    told = [each.story_id for each in await kept(left, "1", "2", "3", "4")]
    assert told == ["1", "2", "3", "4"]
    assert verify_all(left) == ()


async def test_what_cannot_be_true(left: Path) -> None:
    """What a file tells of a page that is none of a story has no row, and hinders no other."""
    (left / "state" / CATALOGUE).unlink()
    doubting = replace(RAW, is_of_story=lambda capture: capture.story_id != "2")
    async with open_store(left, raw=doubting) as archive:
        told = [await archive.captures(story_id) for story_id in ("1", "2", "3")]
        assert await archive.index_pages() == ()

    assert [len(each) for each in told] == [1, 0, 1]


async def test_what_is_not_ours(left: Path) -> None:
    """An open file of another name is nobody's to be cut."""
    other = left / "state" / WARC / "theirs.warc.gz.open"
    other.write_bytes(b"half a rec")
    await kept(left)

    assert other.read_bytes() == b"half a rec"
    assert names(left) == [FIRST, other.name]


async def test_no_folder_can_be_made(tmp_path: Path) -> None:
    """Where the page cannot be kept its story is not stored."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / WARC).write_text("a file")
    async with open_store(tmp_path, raw=RAW) as archive:
        with pytest.raises(DiskError, match="warc"):
            await archive.put(make_draft(), evidence=make_evidence(make_sent_page(), written=True))
        assert await archive.known("1209230") is None
    assert not list((tmp_path / "seeds").rglob("*.md"))


# --- verify ---


def verify_all(root: Path) -> tuple[Difference, ...]:
    """Return the differences of an archive, its pages read."""
    told = verify(root / "seeds", root / "state", patience=0, pages=warc).differences
    cheap = verify(root / "seeds", root / "state", patience=0).differences
    assert set(cheap) <= set(told)
    return told


LOST = Difference(f"{WARC}/{FIRST}", Kind.PAGES)


async def test_verify_an_open_file(tmp_path: Path) -> None:
    """A file that is being written is as it should be, also with half a record behind its rows."""
    async with open_store(tmp_path, raw=RAW) as archive:
        await note(archive, ("1", b"<p>1"))
        assert verify_all(tmp_path) == ()
        with (tmp_path / "state" / WARC / f"{FIRST}.open").open("ab") as file:
            file.write(warc.info("x", NOON, FIRST)[:50])
            file.flush()
            assert verify_all(tmp_path) == ()


async def test_verify_a_lost_file(left: Path) -> None:
    """A file that is gone or shorter than its rows say is a difference, and nothing mends it."""
    await kept(left)
    path = left / "state" / WARC / FIRST
    data = path.read_bytes()
    for wrong in (None, b"", data[:-1]):
        path.unlink() if wrong is None else path.write_bytes(wrong)
        report = verify(left / "seeds", left / "state", repair=True)
        assert (report.differences, report.repaired) == ((LOST,), ())
    assert f"put a copy of warc/{FIRST} back" in LOST.way_out
    path.write_bytes(data + b"more")
    assert verify_all(left) == (LOST, replace(LOST, kind=Kind.UNREAD))


async def test_verify_reads_pages(left: Path) -> None:
    """Bytes that are not those written are found where all is read, with the story they hit."""
    await kept(left)
    path = left / "state" / WARC / FIRST
    data = path.read_bytes()
    second = found(left)[1].place
    flipped = bytearray(data)
    flipped[second.offset + second.length // 2] ^= 1
    path.write_bytes(flipped)

    assert verify(left / "seeds", left / "state", patience=0).differences == ()
    assert verify_all(left) == (LOST, replace(LOST, story_id="2"))


async def test_verify_finds_a_row_that_lies(left: Path) -> None:
    """A row whose place holds another story's page, or none, is a difference."""
    await kept(left)
    with closing(sqlite3.connect(left / "state" / CATALOGUE)) as connection, connection:
        connection.execute("UPDATE captures SET story_id = '9' WHERE story_id = '1'")
        connection.execute("UPDATE captures SET offset = offset + 1 WHERE story_id = '2'")

    assert verify_all(left) == (replace(LOST, story_id="2"), replace(LOST, story_id="9"))


async def test_verify_other_files(tmp_path: Path) -> None:
    """Somebody else's file, which is only read in place, may be anywhere or nowhere."""
    evidence = replace(make_evidence(make_sent_page()), place=Place("https://x/y.warc.gz", 0, 9))
    async with open_store(tmp_path, raw=RAW) as archive:
        await archive.note(make_visit(reason="x"), evidence)

    assert verify_all(tmp_path) == ()
    assert names(tmp_path) == []
