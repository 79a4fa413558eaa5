"""A mirror: right in every line at every moment."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harvester.errors import UsageError
from harvester.handoff.mirror import (
    Folder,
    Tally,
    mirror,
)
from harvester.post.names import post_name
from harvester.store import MANIFEST, Line, open_archive
from tests.handoff.buckets import make_bucket, serving
from tests.handoff.mirrors import (
    Made,
    Memory,
    Notes,
    Place,
    Wrapped,
    archived,
    bucket_place,
    copy,
    digest,
    draft,
    folder_place,
    held,
    names,
    on_disk,
    put,
)
from tests.store.support import NOON, StillClock, open_store

TITLES = (
    "王毅：中美关系最关键要做到“五个必须”",
    "《早报》社论 100%？#1 C:D*<E>|F",
    'say "yes" + no & a=b; c,d!@$(e)',
    "😀 é e\u0301\u3000全角  two blanks ~^`{}[]'",
    "a/b %20 %2F ..",
    "",
)
NAMES = tuple(post_name(title, NOON, str(n))[0] for n, title in enumerate(TITLES))


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Serve S3 for the tests of this file."""
    with serving() as address:
        yield address


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return a folder, and a prefix in a bucket."""
    if request.param == "folder":
        return folder_place(tmp_path / "mirror")
    return bucket_place(make_bucket(request.getfixturevalue("endpoint")))


def test_names_stand_as_they_were_published(tmp_path: Path, place: Place) -> None:
    """Any other tool sees the names and bytes of the archive, and its manifest."""
    put(tmp_path, dict.fromkeys(NAMES, "text") | {NAMES[0]: "other"})

    tally = copy(tmp_path, place.target)

    assert archived(tmp_path) == place.files()
    assert set(NAMES) == held(place.files()).keys()
    size = sum(map(len, archived(tmp_path).values())) - len(archived(tmp_path)[MANIFEST])
    assert Tally(posts=6, copied=6, bytes=size) == tally


@pytest.mark.shared
def test_real_names_stand_as_they_are(tmp_path: Path, place: Place, shared: Path) -> None:
    """Real posts, with every mark that stands in a real name, keep their names."""
    marks: set[str] = set()
    real = []
    for name in sorted(path.name for path in shared.glob("*/**/20*.md")):
        if more := {character for character in name if not character.isalnum()} - marks:
            marks |= more
            real.append(f"{name[:4]}/{name[5:7]}/{name}")
    put(tmp_path, dict.fromkeys(real, "text"))

    copy(tmp_path, place.target)

    assert set(real) == held(place.files()).keys()
    assert archived(tmp_path) == place.files()


def test_what_is_there_is_kept(tmp_path: Path, place: Place) -> None:
    """A second run copies the new and the changed alone; what others have put there stays."""
    put(tmp_path, dict.fromkeys(NAMES[:3], "text"))
    copy(tmp_path, place.target)
    place.write("README", b"mine")
    put(tmp_path, {NAMES[1]: "revised", NAMES[3]: "new"})

    tally = copy(tmp_path, place.target)

    assert Tally(posts=4, kept=2, replaced=1, copied=1, bytes=tally.bytes) == tally
    assert {**archived(tmp_path), "README": b"mine"} == place.files()
    assert Tally(posts=4, kept=4) == copy(tmp_path, place.target)


def test_check_mends_what_differs(tmp_path: Path, place: Place) -> None:
    """A flipped byte and a missing post are found by reading back, and only so."""
    put(tmp_path, dict.fromkeys(NAMES[:4], "text"))
    copy(tmp_path, place.target)
    place.write(NAMES[0], b"?" + place.files()[NAMES[0]][1:])
    place.delete(NAMES[1])
    notes = Notes()

    assert Tally(posts=4, kept=4) == copy(tmp_path, place.target)
    tally = copy(tmp_path, place.target, notes, check=True)

    assert Tally(posts=4, kept=2, replaced=2, bytes=tally.bytes) == tally
    assert archived(tmp_path) == place.files()
    assert {f"{place.target.name}: {name}: not what was put there" for name in NAMES[:2]} == set(
        notes.said
    )
    assert ("reading back", 4, 4) in notes.shown
    assert notes.shown[-1] == ("copying", 2, 2)


def test_what_the_archive_does_not_know_stays(tmp_path: Path, place: Place) -> None:
    """A line of another archive stands while it is true; `check` takes out a false one."""
    put(tmp_path, {NAMES[0]: "text"})
    copy(tmp_path, place.target)
    true, false = (Line(f"{name}.md", digest(b"x") or "", "1", 1) for name in "xy")
    place.write("x.md", b"x")
    lines = place.files()[MANIFEST] + true.as_bytes() + false.as_bytes()
    place.write(MANIFEST, lines)

    copy(tmp_path, place.target)
    assert lines == place.files()[MANIFEST]
    copy(tmp_path, place.target, check=True)

    assert {NAMES[0], "x.md"} == held(place.files()).keys()


def test_an_empty_archive_has_an_empty_manifest(tmp_path: Path, place: Place) -> None:
    """Consumers find a manifest from the beginning."""
    put(tmp_path, {})

    assert Tally() == copy(tmp_path, place.target)
    assert place.files() == {MANIFEST: b""}


def test_a_manifest_of_another_kind_is_not_touched(tmp_path: Path, place: Place) -> None:
    """Somebody else's MANIFEST.jsonl is told, not written over."""
    put(tmp_path, {NAMES[0]: "text"})
    place.write(MANIFEST, b"[1]\n")

    with pytest.raises(UsageError, match=r"MANIFEST\.jsonl is not that of a mirror \(line 1"):
        copy(tmp_path, place.target)
    assert place.files() == {MANIFEST: b"[1]\n"}


def test_an_edited_post_is_told_and_left_out(tmp_path: Path) -> None:
    """A post that is not what was stored counts as failed; an older text in the mirror stays."""
    put(tmp_path, dict.fromkeys(NAMES[:3], "text"))
    place = folder_place(tmp_path / "mirror")
    copy(tmp_path, place.target)
    put(tmp_path, {NAMES[0]: "revised", NAMES[1]: "revised", NAMES[3]: "new"})
    for name in (NAMES[0], NAMES[3]):
        (tmp_path / "seeds" / name).write_bytes(b"edited")
    notes, clock, before = Notes(), StillClock(), held(place.files())

    tally = copy(tmp_path, place.target, notes, clock=clock)

    assert Tally(posts=4, kept=1, replaced=1, failed=2, bytes=tally.bytes) == tally
    assert 10 < clock.monotonic() < 20
    after = held(place.files())
    assert before[NAMES[0]] == after[NAMES[0]]
    assert before.keys() == after.keys()
    assert before[NAMES[1]] != after[NAMES[1]]
    why, *told = notes.said
    assert "missing or altered: 2; looking again for up to 15 s" in why
    assert all("`harvester verify --repair` restores it" in said for said in told)
    assert {NAMES[0], NAMES[3]} == {
        said.partition(": not")[0].removeprefix(f"{tmp_path}/seeds/") for said in told
    }


class LateWriter(StillClock):
    """A clock whose sleep, the third one, gives a writer time for its row."""

    def __init__(self, then: Callable[[], None]) -> None:
        super().__init__()
        self._sleeps = 0
        self._then = then

    async def sleep(self, seconds: float) -> None:
        """Let the writer end."""
        self._sleeps += 1
        if self._sleeps == 3:
            await asyncio.to_thread(self._then)
        await super().sleep(seconds)


def test_a_writer_between_file_and_row_is_waited_for(tmp_path: Path) -> None:
    """A post whose row is not there yet is looked at for some seconds, and is no failure."""
    put(tmp_path, {NAMES[0]: "text"})
    post = tmp_path / "seeds" / NAMES[0]
    old = post.read_bytes()
    post.write_bytes(draft(NAMES[0], "revised").data)
    place = folder_place(tmp_path / "mirror")

    def end() -> None:
        post.write_bytes(old)
        put(tmp_path, {NAMES[0]: "revised"})

    clock = LateWriter(end)
    tally = copy(tmp_path, place.target, clock=clock)

    assert (tally.copied, tally.failed) == (1, 0)
    assert 5 < clock.monotonic() < 10  # and no longer than it takes
    assert archived(tmp_path)[NAMES[0]] == place.files()[NAMES[0]]
    assert held(place.files())


def test_no_line_is_false_at_any_moment(tmp_path: Path) -> None:
    """After every single file that is written, each line of the mirror is true."""
    put(tmp_path, dict.fromkeys(names(20), "text"))
    folder = tmp_path / "mirror"
    seen: list[int] = []
    target = Wrapped(Folder(folder), lambda _: seen.append(len(held(on_disk(folder)))))

    copy(tmp_path, target)
    put(tmp_path, dict.fromkeys(names(30)[10:], "revised"))
    copy(tmp_path, target)

    assert archived(tmp_path) == on_disk(folder)
    assert len(seen) > 40
    assert {0, 10, 20, 30} <= set(seen)


def test_a_cancelled_run_tells_what_was_finished(tmp_path: Path) -> None:
    """After Ctrl-C the manifest names what was read back, also between two manifests."""
    put(tmp_path, dict.fromkeys(names(30), "text"))
    folder = tmp_path / "mirror"
    written: list[str] = []

    async def interrupted() -> None:
        loop = asyncio.get_running_loop()
        work: asyncio.Future[Tally]

        def after(path: str) -> None:
            written.append(path)
            if len(written) == 20:
                loop.call_soon_threadsafe(work.cancel)

        with open_archive(tmp_path / "seeds", tmp_path / "state") as archive:
            target = Wrapped(Folder(folder), after)
            work = asyncio.ensure_future(mirror(archive, target, StillClock(), Notes()))
            await work

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(interrupted())

    assert 5 < len(held(on_disk(folder))) < 30
    tally = copy(tmp_path, Folder(folder))
    assert (tally.posts, tally.kept + tally.copied) == (30, 30)
    assert archived(tmp_path) == on_disk(folder)


async def test_all_old_texts_are_withdrawn_at_once() -> None:
    """However many posts are replaced, two manifests are put: without them, and with all."""
    target = Memory()
    posts = {f"{n:04}.md": b"text" for n in range(1200)}
    await mirror(Made(posts), target, target.clock, Notes())
    target.manifests.clear()

    tally = await mirror(
        Made(posts | {f"{n:04}.md": b"revised" for n in range(1100)}),
        target,
        target.clock,
        Notes(),
    )

    assert (tally.kept, tally.replaced) == (100, 1100)
    assert target.manifests == [100, 1200]


async def test_manifests_take_a_twentieth_of_the_time() -> None:
    """Where a manifest takes ten seconds the next one comes after more than three minutes."""
    target = Memory(seconds=10.0)
    posts = {f"{n:03}.md": b"text" for n in range(100)}

    await mirror(Made(posts), target, target.clock, Notes())

    assert target.clock.monotonic() > 1000
    assert len(target.manifests) <= 7
    assert target.manifests[-1] == 100


async def test_the_loop_is_free_while_all_lines_are_compared() -> None:
    """Both manifests are gone through in a thread."""
    threads = set()

    class Watched(Made):
        def manifest(self) -> Iterator[Line]:
            for line in super().manifest():
                threads.add(threading.get_ident())
                yield line

    target = Memory()
    await mirror(Watched({"a.md": b"text"}), target, target.clock, Notes())

    assert threads
    assert threading.get_ident() not in threads


async def test_a_cancelled_run_puts_back_old_texts() -> None:
    """Posts that were not replaced after all are named as before; eight at most were at work."""
    target = Memory()
    posts = {f"{n:03}.md": b"text" for n in range(100)}
    await mirror(Made(posts), target, target.clock, Notes())
    begun = asyncio.Event()

    class Watching(Notes):
        def progress(self, what: str, done: int, total: int) -> None:
            super().progress(what, done, total)
            begun.set()

    work = asyncio.ensure_future(
        mirror(Made(dict.fromkeys(posts, b"revised")), target, target.clock, Watching())
    )
    await begun.wait()

    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work

    assert 92 <= len(held(target.files)) <= 100
    assert b"text" in target.files.values()


def test_what_is_read_back_otherwise_has_failed(tmp_path: Path) -> None:
    """A post that the target does not give back as it got it is never named."""
    put(tmp_path, dict.fromkeys(NAMES[:2], "text"))
    folder, notes = tmp_path / "mirror", Notes()

    def spoil(path: str) -> None:
        if path == NAMES[0]:
            (folder / path).write_bytes(b"other")

    tally = copy(tmp_path, Wrapped(Folder(folder), spoil), notes)

    assert (tally.copied, tally.failed) == (1, 1)
    assert {NAMES[1]} == held(on_disk(folder)).keys()
    assert [f"{folder}: {NAMES[0]}: read back, it is not what was written"] == notes.said


async def test_a_mirror_beside_a_writer(tmp_path: Path) -> None:
    """While stories come and are revised every line is true; the next run has the rest."""
    folder = tmp_path / "mirror"
    target = Wrapped(Folder(folder), lambda path: path == MANIFEST and held(on_disk(folder)))
    async with open_store(tmp_path) as store:
        await asyncio.gather(*[store.put(draft(name, "text")) for name in names(30)])

        async def revise() -> None:
            for n, name in enumerate(names(60)[::-1]):
                await store.put(draft(name, f"revised {n}"))

        writing = asyncio.create_task(revise())
        with open_archive(tmp_path / "seeds", tmp_path / "state") as archive:
            while not writing.done():
                tally = await mirror(archive, target, StillClock(), Notes(), checkpoint=0)
                assert tally.posts == tally.kept + tally.copied + tally.replaced + tally.failed
            await writing
            last = await mirror(archive, target, StillClock(), Notes())

    assert (last.posts, last.failed) == (60, 0)
    assert archived(tmp_path) == on_disk(folder)
