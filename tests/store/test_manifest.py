"""`MANIFEST.jsonl`: what lies in the tree, true at every moment."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.store import Kind, Line, open_archive, verify
from harvester.store.manifest import Manifest
from tests.store.support import NOON, StillClock, files, make_draft, make_visit, open_store

NAMES = ("《a》 50%？.md", 'q"u\\o.md', ', "sha256": .md', "plain.md", "日本.md")


def manifest(root: Path) -> list[dict[str, Any]]:
    """Return the lines of the manifest."""
    return [json.loads(line) for line in (root / "seeds/MANIFEST.jsonl").read_bytes().splitlines()]


def told(root: Path) -> dict[str, str]:
    """Return path and SHA-256 of every line."""
    return {line["path"]: line["sha256"] for line in manifest(root)}


def lying(root: Path) -> dict[str, str]:
    """Return path and SHA-256 of every post that lies in the tree."""
    return {path: hashlib.sha256(data).hexdigest() for path, data in files(root).items()}


def kinds(root: Path) -> list[Kind]:
    """Return what verify finds."""
    return [each.kind for each in verify(root / "seeds", root / "state", patience=0).differences]


async def test_it_tells_each_post(tmp_path: Path) -> None:
    """After a clean end every post has its line, by path, with its last change."""
    async with open_store(tmp_path) as archive:
        for number, name in enumerate(NAMES):
            await archive.put(make_draft(str(number), f"text {number}", name=name))
        await archive.put(make_draft("3", "edited", observed_at=NOON + timedelta(hours=1)))
    assert told(tmp_path) == lying(tmp_path)
    assert [line["path"] for line in manifest(tmp_path)] == sorted(NAMES)
    assert {line["story_id"]: line["seq"] for line in manifest(tmp_path)} == {
        "0": 1, "1": 2, "2": 3, "3": 6, "4": 5,
    }  # fmt: skip
    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        assert list(reader.manifest()) == [Line(**line) for line in manifest(tmp_path)]
    assert kinds(tmp_path) == []


async def test_a_replaced_post_is_not_told_meanwhile(tmp_path: Path) -> None:
    """While a post is replaced its line is gone; the others stay, and it comes back in time."""
    clock = StillClock()
    async with open_store(tmp_path, clock) as archive:
        for number, name in enumerate(NAMES):
            await archive.put(make_draft(str(number), f"text {number}", name=name))
        clock.at += timedelta(minutes=1)
        await archive.publish_manifest()
        assert set(told(tmp_path)) == set(NAMES)

        await archive.put(make_draft("2", "edited", observed_at=NOON + timedelta(hours=1)))
        assert set(told(tmp_path)) == set(NAMES) - {NAMES[2]}
        assert told(tmp_path).items() <= lying(tmp_path).items()
        assert kinds(tmp_path) == []

        await archive.publish_manifest()
        assert set(told(tmp_path)) == set(NAMES) - {NAMES[2]}, "not so soon after the last one"
        clock.at += timedelta(minutes=1)
        await archive.publish_manifest()
        assert told(tmp_path) == lying(tmp_path)


async def test_it_follows_a_long_run(tmp_path: Path) -> None:
    """While a run goes on the manifest is not left behind for long."""
    clock = StillClock()
    async with open_store(tmp_path, clock) as archive:
        await archive.put(make_draft("1", "one"))
        clock.at += timedelta(seconds=11)
        await archive.put(make_draft("2", "two"))
        # The third waits for the batch of the second, with all that belongs to it.
        await archive.put(make_draft("3", "three"))
        assert len(manifest(tmp_path)) == 2


async def test_gone_and_back(tmp_path: Path) -> None:
    """A story that is gone keeps its line, under the number of that change."""
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft(), make_visit())
        await archive.bury(make_visit())
    assert [line["seq"] for line in manifest(tmp_path)] == [2]
    assert kinds(tmp_path) == []


async def test_killed_after_a_change_without_a_file(tmp_path: Path) -> None:
    """A story that is gone marks no folder; the next start tells of it all the same."""
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft(), make_visit())
    copy = tmp_path / "copy"
    async with open_store(tmp_path) as archive:
        await archive.bury(make_visit())
        assert kinds(tmp_path) == [], "a healthy archive beside its writer"
        shutil.copytree(tmp_path, copy)  # what a kill would leave
    async with open_store(copy):
        pass
    assert [line["seq"] for line in manifest(copy)] == [2]
    assert kinds(copy) == []


async def test_what_is_restored_is_not_told_meanwhile(tmp_path: Path) -> None:
    """Before a repair puts another text in place its line is taken out, whatever happens then."""
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft())
    before = shutil.copy(tmp_path / "state/harvester.db", tmp_path / "older.db")
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft(text="edited", observed_at=NOON + timedelta(hours=1)))
    shutil.copy(before, tmp_path / "state/harvester.db")
    report = verify(tmp_path / "seeds", tmp_path / "state", repair=True)
    assert report.differences == ()
    assert told(tmp_path) == lying(tmp_path)


@pytest.mark.parametrize("repair", [False, True])
@pytest.mark.parametrize("lost", [False, True])
async def test_numbers_go_on_after_those_of_a_lost_catalogue(
    tmp_path: Path, *, repair: bool, lost: bool
) -> None:
    """Who remembers a number of a catalogue that is lost hears of all that the next one finds."""
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft("1", "one", name="2021-11-01-1.md"))
    older = shutil.copy(tmp_path / "state/harvester.db", tmp_path / "older.db")
    async with open_store(tmp_path) as archive:
        later = NOON + timedelta(hours=1)
        await archive.put(make_draft("1", "edited", name="2021-11-01-1.md", observed_at=later))
        for number in range(2, 9):
            name = f"2021-11-01-{number}.md"
            await archive.put(make_draft(str(number), f"text {number}", name=name))
    assert max(line["seq"] for line in manifest(tmp_path)) == 9
    (tmp_path / "state/harvester.db").unlink()
    if not lost:
        shutil.copy(older, tmp_path / "state/harvester.db")
        if repair:
            verify(tmp_path / "seeds", tmp_path / "state", repair=True)
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft("99", "new", name="2021-11-01-99.md"))
    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        numbers = [change.seq for change in reader.changes(2)]
    assert numbers[0] == 10
    assert numbers[-1] - numbers[0] == len(numbers) - 1


async def test_when_many_are_replaced(tmp_path: Path) -> None:
    """After some single lines those of whole folders are taken out; all come back."""
    clock = StillClock()
    async with open_store(tmp_path, clock) as archive:
        for number in range(50):
            await archive.put(make_draft(str(number), f"text {number}", name=f"a/{number:02}.md"))
        await archive.put(make_draft("99", "other", name="ab/x.md"))
        clock.at += timedelta(minutes=1)
        await archive.publish_manifest()
        for number in range(30):
            later = NOON + timedelta(hours=1)
            await archive.put(make_draft(str(number), f"edited {number}", observed_at=later))
            assert told(tmp_path).items() <= lying(tmp_path).items()
        assert set(told(tmp_path)) == {"ab/x.md"}
        clock.at += timedelta(minutes=1)
        await archive.publish_manifest()
        assert told(tmp_path) == lying(tmp_path)


async def test_an_older_archive_gets_one(tmp_path: Path) -> None:
    """An archive without a manifest has one after the next clean end, also if nothing came."""
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft())
    (tmp_path / "seeds/MANIFEST.jsonl").unlink()
    assert kinds(tmp_path) == [Kind.MANIFEST]
    async with open_store(tmp_path):
        pass
    assert told(tmp_path) == lying(tmp_path)


async def test_nothing_changed_nothing_written(tmp_path: Path) -> None:
    """A run that brings nothing leaves the file alone."""
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft())
    before = (tmp_path / "seeds/MANIFEST.jsonl").stat()
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft())
    after = (tmp_path / "seeds/MANIFEST.jsonl").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize("damage", [b"{}\n", b"nonsense\n", b"", b'{"path": "x"}\n', b"\xff\n[]\n"])
async def test_a_damaged_one_is_told_and_repaired(tmp_path: Path, damage: bytes) -> None:
    """Verify tells a manifest that is wrong, and repairs it."""
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft())
    whole = (tmp_path / "seeds/MANIFEST.jsonl").read_bytes()
    (tmp_path / "seeds/MANIFEST.jsonl").write_bytes(damage)
    assert kinds(tmp_path) == [Kind.MANIFEST]
    report = verify(tmp_path / "seeds", tmp_path / "state", repair=True)
    assert report.differences == ()
    assert (tmp_path / "seeds/MANIFEST.jsonl").read_bytes() == whole


async def test_a_wrong_line_is_told_also_while_a_writer_works(tmp_path: Path) -> None:
    """Beside a writer lines may be missing, but none may name other bytes."""
    clock = StillClock()
    async with open_store(tmp_path, clock) as archive:
        for number in range(3):
            await archive.put(make_draft(str(number), f"text {number}", name=f"{number}.md"))
        clock.at += timedelta(minutes=1)
        await archive.publish_manifest()
        path = tmp_path / "seeds/MANIFEST.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(lines[0] + lines[2])
        assert kinds(tmp_path) == []
        path.write_bytes(lines[0] + lines[2].replace(b"2.md", b"1.md"))
        assert kinds(tmp_path) == [Kind.MANIFEST]
        path.write_bytes(lines[2] + lines[0])
        assert kinds(tmp_path) == [Kind.MANIFEST]


def names() -> Iterator[st.SearchStrategy[str]]:
    """Return what names may hold, quotes and the marks of the format among it."""
    yield st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1)
    yield st.sampled_from([', "sha256": ', '{"path": "', "\n", "\\", '"'])


@given(st.lists(st.one_of(*names()), min_size=1, max_size=8, unique=True), st.data())
def test_withdrawn_is_just_what_is_named(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str], data: st.DataObject
) -> None:
    """Whatever names look like, exactly the lines named are taken out, the others stay as bytes."""
    root = tmp_path_factory.mktemp("tree")
    lines = {path: Line(path, "0" * 64, "1", 1).as_bytes() for path in paths}
    (root / "MANIFEST.jsonl").write_bytes(b"".join(lines.values()))
    chosen = data.draw(st.sets(st.sampled_from(paths)))
    Manifest(root).withdraw(chosen)
    left = b"".join(line for path, line in lines.items() if path not in chosen)
    assert (root / "MANIFEST.jsonl").read_bytes() == left
