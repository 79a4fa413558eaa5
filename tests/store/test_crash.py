"""Whatever ends the writer: no torn file, no row without its file, nothing acknowledged lost."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
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
TRACED = "openat,write,pwrite64,fsync,fdatasync,rename,unlink,mkdir"
TEXT = re.compile(rb"text(\d+)")


def writer(root: Path, *arguments: object) -> list[str]:
    """Return the command of a writing process; it writes no byte code, whose calls would count."""
    return [sys.executable, "-B", "-m", "tests.store.writer", str(root), *map(str, arguments)]


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


@pytest.fixture(scope="session")
def strace(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the path of strace; skip where it is absent or may not trace."""
    path = shutil.which("strace")
    if path is None:
        pytest.skip("strace is not installed: the order of system calls is not checked")
    log = tmp_path_factory.mktemp("strace") / "log"
    if subprocess.run([path, "-o", log, "true"], check=False, capture_output=True).returncode:
        pytest.skip("strace may not trace here: the order of system calls is not checked")
    return path


def trace(strace: str, root: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """Store a text and its revision under strace; return the process and the log."""
    log = root / "log"
    command = [strace, "-f", "-y", "-s", "16", "-e", f"trace={TRACED}", *options, "-o", str(log)]
    done = subprocess.run(
        [*command, *writer(root, 2, 3)], cwd=ROOT, text=True, capture_output=True, check=False
    )
    return done, log.read_text()


async def made(root: Path, *, with_story: bool = False) -> Path:
    """Make an archive, empty or with an earlier text of the story that the writer writes first."""
    async with open_store(root) as archive:
        if with_story:
            before = NOON - timedelta(days=1)
            await archive.put(make_draft("1000000", "text9 ", title="t1000000", observed_at=before))
    return root


def test_order(strace: str, tmp_path: Path) -> None:
    """A put syncs the file, renames, syncs the folder, then commits, then acknowledges."""
    _, log = trace(strace, tmp_path)
    calls = [line.replace(str(tmp_path), "") for line in log.splitlines()]

    def position(pattern: str, after: int = -1) -> int:
        return next(
            number
            for number, call in enumerate(calls)
            if number > after and re.search(pattern, call)
        )

    folder, temporary = "/seeds/2021/11", r"/seeds/2021/11/\.harvester-1000000\.tmp"
    marked = position(r"fdatasync\(\d+</state/harvester\.db>", position('write.*"ready'))
    steps = [
        rf'mkdir\("{folder}"',
        r"fsync\(\d+</seeds/2021>",
        rf'openat.*{temporary}", O_WRONLY\|O_CREAT\|O_EXCL\|O_NOFOLLOW',
        rf"write\(\d+<{temporary}>",
        rf"fsync\(\d+<{temporary}>",
        rf'rename\("{temporary}"',
        rf"fsync\(\d+<{folder}>",
        r"fdatasync\(\d+</state/harvester\.db(-wal)?>",
        r'write\(1<.*"0',
    ]
    found = [marked]
    for step in steps:
        found.append(position(step, found[-1]))
    before_commit = calls[found[1] : position(rf"fsync\(\d+<{folder}>")]
    assert not [call for call in before_commit if "harvester.db" in call]


@pytest.mark.parametrize("with_story", [False, True], ids=["new", "held"])
@pytest.mark.parametrize("call", ["fsync", "rename", "unlink"])
async def test_killed_at_a_system_call(
    strace: str, tmp_path: Path, call: str, *, with_story: bool
) -> None:
    """Killed at every such call of two texts of a story, nothing is left half done.

    A story that is held already has its line in the manifest, which must not become wrong.
    """
    # strace counts by thread; on a catalogue that is there only the writing thread makes calls.
    root = await made(tmp_path / "0", with_story=with_story)
    _, log = trace(strace, root)
    planned = len(re.findall(rf"\b{call}\(", log))
    assert planned >= 2
    for number in range(1, planned + 1):
        root = await made(tmp_path / str(number), with_story=with_story)
        done, _ = trace(strace, root, "-e", f"inject={call}:signal=SIGKILL:when={number}")
        assert done.returncode == -9, "the kill did not happen"
        await check(root, done.stdout)


async def test_failing_fsync(strace: str, tmp_path: Path) -> None:
    """An fsync that fails ends the writer with a disk error; its text is not acknowledged."""
    _, log = trace(strace, await made(tmp_path / "0"))
    for number in range(1, len(re.findall(r"\bfsync\(", log)) + 1):
        root = await made(tmp_path / str(number))
        done, failed = trace(strace, root, "-e", f"inject=fsync:error=EIO:when={number}")
        assert done.returncode == 1
        assert done.stderr.startswith("DiskError")
        assert number == len(re.findall(r"\bfsync\(", failed)), "tried again"
        await check(root, done.stdout)


async def test_full_disk_under_the_catalogue(strace: str, tmp_path: Path) -> None:
    """A disk that is full when the catalogue is written is a disk error, and nothing is torn."""
    _, log = trace(strace, await made(tmp_path / "0"))
    planned = len(re.findall(r"\bpwrite64\(", log))
    for number in range(1, planned, planned // 5):
        root = await made(tmp_path / str(number))
        done, _ = trace(strace, root, "-e", f"inject=pwrite64:error=ENOSPC:when={number}")
        assert done.returncode == 1
        assert done.stderr.startswith("DiskError")
        await check(root, done.stdout)


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
