"""Verify sees every difference between disk and catalogue; repair mends what can be mended."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from harvester.errors import DatabaseUnusable
from harvester.store import Difference, Kind, Report, verify
from tests.store.support import files, make_draft, make_visit, open_store

EXCHANGED = (
    "UPDATE revisions SET post = (SELECT post FROM revisions WHERE revision = 1) WHERE revision = 2"
)
PATH = "2021/11/2021-11-01-title.md"


async def fill(root: Path) -> None:
    """Make an archive of a story with two texts and of another one."""
    async with open_store(root) as archive:
        for draft in (make_draft("1"), make_draft("1", "new"), make_draft("2", "x", name="x.md")):
            await archive.put(draft)


def run(root: Path, *, repair: bool = False) -> Report:
    """Verify the archive below `root`."""
    return verify(root / "seeds", root / "state", repair=repair, patience=0)


def change(root: Path, statement: str) -> None:
    """Change the catalogue behind our back."""
    with closing(sqlite3.connect(root / "state" / "harvester.db")) as connection, connection:
        connection.execute(statement)


async def test_agreement(tmp_path: Path) -> None:
    """An archive that agrees has no differences; what is not ours does not matter."""
    await fill(tmp_path)
    for name in ("README.md", "2021/11/.DS_Store", "2021/notes.txt"):
        (tmp_path / "seeds" / name).write_text("not ours")

    assert Report(posts=2) == run(tmp_path)
    assert Report(posts=2) == run(tmp_path, repair=True)


async def test_missing(tmp_path: Path) -> None:
    """A file that is gone is restored byte for byte, its folder too."""
    await fill(tmp_path)
    before = files(tmp_path)
    (tmp_path / "seeds" / PATH).unlink()
    (tmp_path / "seeds" / PATH).parent.rmdir()
    missing = Difference(PATH, Kind.MISSING, "1")

    assert Report(2, (missing,)) == run(tmp_path)
    assert Report(2, (), (missing,)) == run(tmp_path, repair=True)
    assert before == files(tmp_path)


async def test_whole_tree_lost(tmp_path: Path) -> None:
    """The whole tree can be restored from the catalogue."""
    await fill(tmp_path)
    before = files(tmp_path)
    (tmp_path / "seeds").rename(tmp_path / "lost")

    assert len(run(tmp_path).differences) == 3, "two posts and the manifest"
    assert len(run(tmp_path, repair=True).repaired) == 3
    assert before == files(tmp_path)


async def test_altered(tmp_path: Path) -> None:
    """A file with other bytes is put aside, each time under a free name, and restored."""
    await fill(tmp_path)
    before = files(tmp_path)
    altered = Difference(PATH, Kind.ALTERED, "1")
    for text in ("first", "second"):
        (tmp_path / "seeds" / PATH).write_text(text)
        assert Report(2, (altered,)) == run(tmp_path)
        assert Report(2, (), (altered,)) == run(tmp_path, repair=True)

    assert before == files(tmp_path)
    aside = tmp_path / "state" / "aside" / PATH
    assert [aside.read_text(), aside.with_name(f"{aside.name}.2").read_text()] == [
        "first",
        "second",
    ]


async def test_link_in_the_place_of_a_file(tmp_path: Path) -> None:
    """A link is not followed, not even to the right bytes."""
    await fill(tmp_path)
    place = tmp_path / "seeds" / PATH
    place.rename(tmp_path / "elsewhere.md")
    place.symlink_to(tmp_path / "elsewhere.md")

    assert (Difference(PATH, Kind.ALTERED, "1"),) == run(tmp_path).differences
    run(tmp_path, repair=True)
    assert not place.is_symlink()


async def test_orphan_and_leftover(tmp_path: Path) -> None:
    """A post without a row is returned and left alone; a temporary file is deleted."""
    await fill(tmp_path)
    (tmp_path / "seeds" / "2021-11-02-orphan.md").write_text("orphan")
    (tmp_path / "seeds" / "2021" / ".harvester-7.tmp").write_text("half")
    orphan = Difference("2021-11-02-orphan.md", Kind.ORPHAN)
    leftover = Difference("2021/.harvester-7.tmp", Kind.LEFTOVER)

    assert Report(2, (orphan, leftover)) == run(tmp_path)
    report = run(tmp_path, repair=True)
    assert Report(2, (orphan,), (leftover,)) == report
    assert report.orphans == ("2021-11-02-orphan.md",)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE revisions SET post = x'00' WHERE story_id = '1' AND revision = 2",
        EXCHANGED,
    ],
)
async def test_damaged_current_text(tmp_path: Path, statement: str) -> None:
    """A damaged text in the catalogue is taken from its file again."""
    await fill(tmp_path)
    change(tmp_path, statement)
    damaged = Difference(PATH, Kind.DAMAGED_ROW, "1", 2)

    assert Report(2, (damaged,)) == run(tmp_path)
    assert Report(2, (), (damaged,)) == run(tmp_path, repair=True)
    assert Report(2) == run(tmp_path)


async def test_what_cannot_be_mended(tmp_path: Path) -> None:
    """A text of which neither file nor row is whole stays a difference, and stays untouched."""
    await fill(tmp_path)
    change(tmp_path, "UPDATE revisions SET post = x'00'")
    (tmp_path / "seeds" / PATH).write_text("altered")
    (tmp_path / "seeds" / "x.md").unlink()

    report = run(tmp_path, repair=True)

    assert {
        Difference(PATH, Kind.ALTERED, "1"),
        Difference(PATH, Kind.DAMAGED_ROW, "1", 1),
        Difference(PATH, Kind.DAMAGED_ROW, "1", 2),
        Difference("x.md", Kind.DAMAGED_ROW, "2", 1),
        Difference("x.md", Kind.MISSING, "2"),
    } == set(report.differences)
    assert report.repaired == ()
    assert (tmp_path / "seeds" / PATH).read_text() == "altered"


async def test_row_without_its_text(tmp_path: Path) -> None:
    """A row whose current text is not among the revisions is a difference."""
    await fill(tmp_path)
    change(tmp_path, "DELETE FROM revisions WHERE story_id = '2'")

    assert (Difference("x.md", Kind.DAMAGED_ROW, "2", 1),) == run(tmp_path).differences


async def test_progress(tmp_path: Path) -> None:
    """Progress goes up to the number of files and texts."""
    await fill(tmp_path)
    steps: list[tuple[int, int]] = []
    verify(
        tmp_path / "seeds",
        tmp_path / "state",
        progress=lambda done, total: steps.append((done, total)),
    )

    assert steps == sorted(steps)
    assert steps[-1] == (5, 5)


async def test_beside_a_writer(tmp_path: Path) -> None:
    """Without repair a writer may be at work: what it is about to record is no difference."""
    async with open_store(tmp_path) as archive:
        puts = asyncio.gather(
            *(archive.put(make_draft(str(n), f"{n}", title=str(n))) for n in range(300))
        )
        while not puts.done():
            report = await asyncio.to_thread(verify, tmp_path / "seeds", tmp_path / "state")
            assert report.differences == ()
        await puts

    assert Report(300) == run(tmp_path)


async def test_damaged_catalogue(tmp_path: Path) -> None:
    """A catalogue that is damaged as a whole is an error, not a difference."""
    await fill(tmp_path)
    path = tmp_path / "state" / "harvester.db"
    data = bytearray(path.read_bytes())
    data[8192:12_288] = b"\xff" * 4096
    path.write_bytes(data)

    with pytest.raises(DatabaseUnusable, match=r"damaged|malformed"):
        run(tmp_path)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE stories SET author = 'x' WHERE story_id = '1'",
        "UPDATE changes SET title = 'x' WHERE story_id = '1'",
        "UPDATE revisions SET observed_at = '2021-11-01T12:00:01Z' WHERE story_id = '1'",
        "DELETE FROM changes WHERE story_id = '1'",
        "UPDATE stories SET seal = NULL WHERE story_id = '1'",
    ],
)
async def test_a_row_that_was_changed(tmp_path: Path, statement: str) -> None:
    """What a row says of itself is held to its seal; there is no second copy to mend it from."""
    await fill(tmp_path)
    change(tmp_path, statement)

    report = run(tmp_path, repair=True)

    assert {(PATH, Kind.CHANGED_ROW)} == {(each.path, each.kind) for each in report.differences}
    assert report.repaired == ()


@pytest.mark.parametrize("step", ["confirm", "bury", "repair"])
async def test_a_new_seal_covers_no_damage(tmp_path: Path, step: str) -> None:
    """A row that was changed is refused by whatever would write a part of it, and still found."""
    await fill(tmp_path)
    change(tmp_path, "UPDATE stories SET author = 'x' WHERE story_id = '1'")
    with suppress(DatabaseUnusable):
        if step == "repair":
            (tmp_path / "seeds" / PATH).unlink()
            run(tmp_path, repair=True)
        async with open_store(tmp_path) as archive:
            if step == "bury":
                await archive.bury(make_visit("1", reason="missing"))
            if step == "confirm":
                await archive.put(make_draft("1", "new"), make_visit("1"))
            pytest.fail("it was not refused")

    assert Kind.CHANGED_ROW in {each.kind for each in run(tmp_path).differences}
