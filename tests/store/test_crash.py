"""Whatever ends the writer: no torn file, no row without its file, nothing acknowledged lost.

Here it ends at any moment, or by a short write. That it is killed at each system call, and that
each call fails, is tested in `tests/torture/crash`.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from harvester.errors import DiskError
from harvester.model import Verdict, Watch
from harvester.store import MANIFEST, open_archive, verify
from tests.store.support import NOON, files, make_draft, make_visit, open_store

ROOT = Path(__file__).resolve().parents[2]
TEXT = re.compile(rb"text(\d+)")


def writer(root: Path, *arguments: object) -> list[str]:
    """Return the command of a writing process."""
    return [sys.executable, "-m", "tests.store.writer", str(root), *map(str, arguments)]


async def restart(root: Path) -> None:
    """Start a writer as the program does: it adopts what a killed one had not recorded."""
    async with open_store(root) as archive:
        for path in archive.orphans:
            data = (root / "seeds" / path).read_bytes()
            number, story_id = TEXT.search(data), re.search(rb"id (\d+)", data)
            assert number
            assert story_id
            text = f"text{number[1].decode()} " * data.count(number[0] + b" ")
            draft = make_draft(story_id[1].decode(), text, name=path, in_place=True)
            assert data == draft.data, "torn"
            await archive.put(draft)
        archive.adopted()


def acknowledged_and_lost(root: Path, output: str) -> set[str]:
    """Return the acknowledged texts that are not in the catalogue."""
    kept = set()
    with open_archive(root / "seeds", root / "state") as reader:
        for article in reader.articles():
            for each in reader.revisions(article.story_id):
                number = TEXT.search(reader.post(article.story_id, each.revision))
                assert number
                kept.add(number[1].decode())
    return set(output.split()) - {"ready"} - kept


def untrue(root: Path) -> list[str]:
    """Return the posts of the manifest that have other bytes than their lines say."""
    path = root / "seeds" / MANIFEST
    lines = map(json.loads, path.read_bytes().splitlines()) if path.exists() else ()
    return [
        line["path"]
        for line in lines
        if sha256((root / "seeds" / line["path"]).read_bytes()).hexdigest() != line["sha256"]
    ]


async def check(root: Path, output: str) -> None:
    """Look at the manifest, start again, then hold disk and catalogue to the promise."""
    assert untrue(root) == []
    await restart(root)
    assert untrue(root) == []
    assert verify(root / "seeds", root / "state").differences == ()
    assert set() == acknowledged_and_lost(root, output)
    assert not [path for path in files(root) if path.endswith(".tmp")]


@pytest.mark.parametrize("acknowledged", [0, 1, 2, 7, 11, 30, 64, 133])
def test_killed_while_writing(tmp_path: Path, acknowledged: int) -> None:
    """A writer killed after any number of acknowledgements leaves nothing that is not mended."""
    command = writer(tmp_path, 400)
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(acknowledged + 1)]
        process.kill()
        output = "".join(lines) + process.communicate()[0]

    assert process.returncode == -9
    asyncio.run(check(tmp_path, output))


async def claim(root: Path, watch: Watch, slot: datetime) -> bool:
    """Claim a slot in a fresh start of the program."""
    async with open_store(root) as archive:
        return await archive.begin_poll(watch, slot, slot)


@pytest.mark.parametrize("acknowledged", [1, 2, 3, 8, 25])
def test_killed_while_polling(tmp_path: Path, acknowledged: int) -> None:
    """No slot is used twice and no poll or burial is half recorded, whenever the kill comes."""
    command = [sys.executable, "-m", "tests.store.poller", str(tmp_path), "400"]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(acknowledged)]
        process.kill()
        output = "".join(lines) + process.communicate()[0]

    asyncio.run(restart(tmp_path))
    done = {step: output.count(step) for step in ("claimed", "ended", "buried")}
    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        (watch,) = reader.watches()
        polls, figures = reader.polls(NOON), reader.counts()
        told = [change.op for change in reader.changes()].count("gone")
    assert watch.next_check_at == polls[-1].slot + timedelta(minutes=1)
    assert len(polls) - done["claimed"] in {0, 1}
    assert figures.sightings == sum(poll.fresh for poll in polls)
    assert figures.sightings - done["ended"] in {0, 1}
    assert figures.gone == told
    assert told - done["buried"] in {0, 1}
    assert not asyncio.run(claim(tmp_path, watch, polls[-1].slot))


def test_short_write(tmp_path: Path) -> None:
    """A post that does not fit on the disk leaves no file, no row and no acknowledgement."""
    done = subprocess.run(
        writer(tmp_path, 2, 100_000, 200_000),
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "ready\n")
    assert re.match(r"DiskError .*2021-11-01-t1000000\.md: File too large", done.stderr)
    assert files(tmp_path) == {}
    asyncio.run(check(tmp_path, done.stdout))


async def test_after_a_failure_nothing_is_taken(tmp_path: Path) -> None:
    """Nothing of a failed batch is marked; the archive refuses work; the next start mends."""
    first, second = make_draft("1", "one", name="a/1.md"), make_draft("2", "two", name="b/2.md")
    async with open_store(tmp_path) as archive:
        (tmp_path / "seeds" / "b").write_text("a file where a folder should be")
        ends = await asyncio.gather(
            archive.put(first, make_visit("1")), archive.put(second), return_exceptions=True
        )
        assert [DiskError, DiskError] == [type(end) for end in ends]
        with pytest.raises(DiskError, match="seeds/b: "):
            await archive.note(make_visit("3"))
        with pytest.raises(DiskError, match="seeds/b: "):
            await archive.begin_run("fetch")
        assert None is await archive.visit("1")
        assert None is await archive.known("1")

    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        assert reader.counts().stories == 0


async def test_interrupted_revision(tmp_path: Path) -> None:
    """A new text that was not committed is put aside, and the committed one is restored."""
    draft = make_draft()
    async with open_store(tmp_path) as archive:
        await archive.put(draft)
    leave_mark(tmp_path, "2021/11")
    place = tmp_path / "seeds" / draft.name
    place.write_text("uncommitted")
    (place.parent / ".harvester-7.tmp").write_text("half")
    (place.parent / "2021-11-01-orphan.md").write_text("orphan")
    (place.parent / "README.md").write_text("not ours")
    async with open_store(tmp_path) as archive:
        assert archive.orphans == ("2021/11/2021-11-01-orphan.md",)

    assert draft.data == place.read_bytes()
    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        told = [change.op for change in reader.changes()]
    assert told == ["new", "revised"], "a consumer may have read the file that was put aside"
    assert (tmp_path / "state" / "aside" / draft.name).read_text() == "uncommitted"
    assert {"2021-11-01-orphan.md", "README.md", place.name} == {
        path.name for path in place.parent.iterdir()
    }


async def test_only_marked_folders_are_swept(tmp_path: Path) -> None:
    """After a clean end nothing is swept, and a file somebody has edited is left to verify."""
    draft = make_draft()
    async with open_store(tmp_path) as archive:
        await archive.put(draft)
    (tmp_path / "seeds" / draft.name).write_text("edited")
    async with open_store(tmp_path) as archive:
        assert archive.orphans == ()
        assert Verdict.UNCHANGED is (await archive.put(draft)).decision.verdict

    assert (tmp_path / "seeds" / draft.name).read_text() == "edited"


def leave_mark(root: Path, folder: str) -> None:
    """Leave the mark that a killed writer would leave on a folder."""
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
        "c.execute('INSERT INTO dirty_folders VALUES (?)', sys.argv[2:]); c.commit()"
    )
    path = root / "state" / "harvester.db"
    subprocess.run([sys.executable, "-c", code, path, folder], check=True)
