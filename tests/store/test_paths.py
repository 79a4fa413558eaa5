"""Where files go: one path a story, never another story's, never outside the tree."""

from __future__ import annotations

import asyncio
import unicodedata
from pathlib import Path

import pytest

from harvester.errors import DiskError
from harvester.model import Verdict
from harvester.store import verify
from tests.store.support import files, make_draft, open_store


async def put_all(root: Path, *names: str) -> list[str | None]:
    """Put a story for each name at the same time; return the paths they were given."""
    drafts = [make_draft(str(n), f"text {n}", name=name) for n, name in enumerate(names)]
    async with open_store(root) as archive:
        return [end.path for end in await asyncio.gather(*map(archive.put, drafts))]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2021-11-01-G20.md", "2021-11-01-G20.md"),
        ("2021-11-01-G20.md", "2021-11-01-g20.md"),
        ("2021-11-01-É.md", unicodedata.normalize("NFD", "2021-11-01-É.md")),
    ],
)
async def test_taken_name(tmp_path: Path, first: str, second: str) -> None:
    """A name that some system would take for another story's is not used: the reserve is."""
    paths = await put_all(tmp_path, first, second)

    assert [first, second.replace(".md", "-1.md")] == paths
    assert len(files(tmp_path)) == 2


async def test_taken_name_in_a_later_run(tmp_path: Path) -> None:
    """The same holds between runs."""
    await put_all(tmp_path, "2021-11-01-a.md")
    async with open_store(tmp_path) as archive:
        end = await archive.put(make_draft("9", "other", name="2021-11-01-A.md"))

    assert end.path == "2021-11-01-A-9.md"


async def test_foreign_file_is_not_overwritten(tmp_path: Path) -> None:
    """A file or a dangling link that lies at a name keeps it; so does one at the reserve."""
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    (seeds / "2021-11-01-a.md").write_text("foreign")
    (seeds / "2021-11-01-a-0.md").symlink_to("nowhere")

    paths = await put_all(tmp_path, "2021-11-01-a.md")

    assert paths == ["2021-11-01-a-0-2.md"]
    assert (seeds / "2021-11-01-a.md").read_text() == "foreign"
    assert (seeds / "2021-11-01-a-0.md").is_symlink()


@pytest.mark.parametrize(
    "name", ["../a.md", "a/../../b.md", "/a.md", "a//b.md", "./a.md", "a\0b.md", "", "\udcff"]
)
async def test_traversal(tmp_path: Path, name: str) -> None:
    """A name that leads outside is refused and harms nothing else."""
    async with open_store(tmp_path) as archive:
        with pytest.raises(DiskError, match="not a path inside"):
            await archive.put(make_draft("1", name=name))
        await archive.put(make_draft("2"))

    assert list(files(tmp_path)) == [make_draft("2").name]
    assert not (tmp_path / "a.md").exists()


@pytest.mark.parametrize("path", ["../outside.md", "/etc/hostname", "linked/outside.md"])
async def test_nothing_is_read_outside(tmp_path: Path, path: str) -> None:
    """A path that leads outside is refused by whoever only looks, too."""
    (tmp_path / "outside.md").write_text("words")
    async with open_store(tmp_path) as archive:
        (tmp_path / "seeds" / "linked").symlink_to(tmp_path)
        for look in (archive.orphan, archive.orphan_sha256):
            with pytest.raises(DiskError):
                await look(path)


async def test_linked_folder_outside(tmp_path: Path) -> None:
    """A folder that a link leads outside the tree is not written to."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "2021").symlink_to(outside)
    async with open_store(tmp_path) as archive:
        with pytest.raises(DiskError, match="leads outside"):
            await archive.put(make_draft(name="2021/2021-11-01-a.md"))

    assert list(outside.iterdir()) == []


async def test_tree_behind_a_link(tmp_path: Path) -> None:
    """The tree itself may be a link to a folder on another disk."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "seeds").symlink_to(tmp_path / "disk")
    draft = make_draft()
    async with open_store(tmp_path) as archive:
        await archive.put(draft)

    assert (tmp_path / "disk" / draft.name).read_bytes() == draft.data


async def test_planted_temporary_link(tmp_path: Path) -> None:
    """A link planted at the temporary name is removed, never written through."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / ".harvester-1.tmp").symlink_to(victim)
    draft = make_draft("1", name="2021-11-01-a.md")
    async with open_store(tmp_path) as archive:
        await archive.put(draft)

    assert victim.read_text() == "precious"
    assert {"2021-11-01-a.md": draft.data} == files(tmp_path)


async def test_link_at_the_place_of_a_story(tmp_path: Path) -> None:
    """A revision replaces a link planted at its path; what the link leads to stays."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft("1", "one", name="2021-11-01-a.md"))
        place = tmp_path / "seeds" / "2021-11-01-a.md"
        place.unlink()
        place.symlink_to(victim)
        await archive.put(make_draft("1", "two", name="2021-11-01-a.md"))

    assert victim.read_text() == "precious"
    assert not place.is_symlink()


async def test_in_place(tmp_path: Path) -> None:
    """A file that is there already is adopted at its name, and not written."""
    draft = make_draft(name="old/2021-11-01-a.md", in_place=True)
    place = tmp_path / "seeds" / draft.name
    place.parent.mkdir(parents=True)
    place.write_bytes(draft.data)
    before = place.stat()
    async with open_store(tmp_path) as archive:
        end = await archive.put(draft)

    assert (Verdict.NEW, draft.name) == (end.decision.verdict, end.path)
    after = place.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert not verify(tmp_path / "seeds", tmp_path / "state").differences


async def test_in_place_that_has_changed(tmp_path: Path) -> None:
    """A file that is not what was read is not adopted: a row never speaks of other bytes."""
    draft = make_draft(name="2021-11-01-a.md", in_place=True)
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / draft.name).write_text("changed meanwhile")
    async with open_store(tmp_path) as archive:
        with pytest.raises(DiskError, match="changed since"):
            await archive.put(draft)
        with pytest.raises(DiskError, match="No such file"):
            await archive.put(make_draft(name="2021-11-01-b.md", in_place=True))
        assert None is await archive.known(draft.article.story_id)


async def test_in_place_twin_by_case(tmp_path: Path) -> None:
    """Of two files whose names differ in case only, the second story gets a name of its own."""
    drafts = [
        make_draft(n, n, name=f"2021-11-01-{name}.md", in_place=True)
        for n, name in (("1", "a"), ("2", "A"))
    ]
    (tmp_path / "seeds").mkdir()
    for draft in drafts:
        (tmp_path / "seeds" / draft.name).write_bytes(draft.data)
    async with open_store(tmp_path) as archive:
        ends = await asyncio.gather(*map(archive.put, drafts))
        await archive.set_aside(drafts[1].name)

    assert [end.path for end in ends] == ["2021-11-01-a.md", "2021-11-01-A-2.md"]
    assert not verify(tmp_path / "seeds", tmp_path / "state").differences
