"""`harvester mirror`, as its users have it: a process, its output and its exit code."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from harvester.handoff.mirror import Folder, alone
from tests.e2e.processes import command, environment, harvester, refused, sane
from tests.handoff.buckets import Bucket, make_bucket, serving
from tests.store.support import make_draft, open_store

KEYS = ("posts", "copied", "replaced", "kept", "failed", "bytes", "seconds")
TITLE = '《早报》“100%”？#1 \\"x\\"'
POST = f"2021/11/2021-11-01-{TITLE}.md"


@pytest.fixture
async def root(tmp_path: Path) -> Path:
    """Return a place with an archive of two posts."""
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft("1000001", "a", title=TITLE))
        await archive.put(make_draft("1000002", "b", title="第二篇"))
    return tmp_path


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Serve S3 for the tests of this file."""
    with serving() as address:
        yield address


def on_disk(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder by relative path, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def counts(stdout: str) -> list[float]:
    """Return the counts of the one object on stdout without bytes and seconds; they add up."""
    assert stdout.count("\n") == 1
    told = json.loads(stdout)
    assert tuple(told) == KEYS
    assert told["posts"] == sum(told[key] for key in KEYS[1:5])
    return [told[key] for key in KEYS[:5]]


def test_a_folder(root: Path) -> None:
    """Two runs: the first copies, the second finds all in place and says so in a line."""
    first = harvester("mirror", "copy", "--json", cwd=root)
    second = harvester("mirror", root.as_uri() + "/copy", "--check", cwd=root)

    assert (first.returncode, first.stderr, counts(first.stdout)) == (0, "", [2, 2, 0, 0, 0])
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout.startswith("2 posts: 0 copied, 0 replaced, 2 kept, 0 failed; 0.0 MB in ")
    assert on_disk(root / "copy") == on_disk(root / "seeds")


def test_a_bucket_by_its_environment(root: Path, endpoint: str) -> None:
    """Address and keys come from the environment; the names are those of the archive."""
    bucket = make_bucket(endpoint)

    ended = harvester(
        "mirror", f"s3://{bucket.name}/a%20b", "--json", cwd=root, environ=bucket.environ
    )

    assert (ended.returncode, counts(ended.stdout)) == (0, [2, 2, 0, 0, 0]), ended.stderr
    assert bucket.objects() == {
        f"a b/{path}": data for path, data in on_disk(root / "seeds").items()
    }


def test_an_edited_post_is_named(root: Path) -> None:
    """It fails with its path, why it took so long, and last the way out; the others are copied."""
    (root / "seeds" / POST).write_text("edited")

    ended = harvester("mirror", "copy", "--json", cwd=root)

    assert (ended.returncode, counts(ended.stdout)) == (1, [2, 1, 0, 0, 1])
    assert f"{POST}: not the file that was stored; `harvester verify --repair`" in ended.stderr
    first, *_, last = ended.stderr.splitlines()
    assert first.startswith(
        "posts in the archive that are missing or altered: 1; looking again for"
    )
    assert last.startswith("1 failed; tried again in the next run: first let `harvester verify --")


def test_wrong_usage_is_told(root: Path, endpoint: str) -> None:
    """A target that cannot be: exit 2, one line."""
    environ = make_bucket(endpoint).environ
    refused(harvester("mirror", "seeds/2021", cwd=root), 2, "seeds/2021: lies in the posts")
    refused(harvester("mirror", "state", cwd=root), 2, "state: lies in the archive's own state")
    refused(
        harvester("mirror", "ftp://h/a", cwd=root), 2, "ftp://h/a: not known; a mirror", "s3://"
    )
    missing = harvester("mirror", "s3://none/a", cwd=root, environ=environ)
    refused(missing, 2, "s3://none/a: no such bucket")


def test_a_dead_store_is_unreachable(root: Path) -> None:
    """Nobody there: exit 69 with the address and the way out."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    environ = Bucket(f"http://127.0.0.1:{port}", "b").environ

    refused(harvester("mirror", "s3://b/a", cwd=root, environ=environ), 69, "s3://b/a: ", "network")


def test_without_an_archive_nothing_is_made(tmp_path: Path) -> None:
    """No catalogue: exit 65, and no folder."""
    refused(harvester("mirror", "copy", cwd=tmp_path), 65, "state/harvester.db")

    assert not (tmp_path / "copy").exists()


def test_a_run_beside_another_waits_its_turn(root: Path) -> None:
    """While one run has the folder the next is refused with 75."""
    with alone(Folder(root / "copy"), root / "state"):
        refused(harvester("mirror", "copy", cwd=root), 75, "copy: another run of a mirror")


def test_obstore_is_asked_for_only_where_it_is_needed(root: Path) -> None:
    """Without the extra a folder works, and an object store says what to install."""
    without = "import sys; sys.modules['obstore'] = None; from harvester.cli import main; "

    def run(target: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", f"{without}sys.exit(main(['mirror', {target!r}]))"],
            cwd=root,
            env=environment({}),
            capture_output=True,
            text=True,
            check=False,
        )

    assert run("copy").returncode == 0
    refused(run("s3://b/a"), 2, "pip install 'zaobao-harvester[mirror]'")


@asynccontextmanager
async def answering(
    answer: Callable[[asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """Serve in one way on loopback while the block runs; yield the address."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            await answer(writer)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it(root: Path, name: signal.Signals) -> None:
    """The first lets what is in flight end; a second cuts an exchange that hangs. Exit 130."""
    asked, ended = asyncio.Event(), asyncio.Event()

    async def hang(_: asyncio.StreamWriter) -> None:
        asked.set()
        await ended.wait()

    async with answering(hang) as address:
        process = await asyncio.create_subprocess_exec(
            *command("mirror", "s3://b/a"),
            cwd=root,
            env=environment(Bucket(address, "b").environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stderr
        await asked.wait()
        process.send_signal(name)
        first = await process.stderr.readline()
        process.send_signal(name)
        stdout, rest = await process.communicate()
        ended.set()

    sane(stdout.decode(), rest.decode())
    assert (process.returncode, stdout) == (130, b"")
    assert first == b"stopping: what is in flight is finished first\n"
    assert rest == b"interrupted in the middle; the next run goes on from here\n"


async def test_a_signal_between_two_exchanges(root: Path) -> None:
    """What is in flight ends, and with it the run: exit 130, and one line says what is kept."""
    asked, answered = asyncio.Event(), asyncio.Event()

    async def wait(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await answered.wait()
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with answering(wait) as address:
        process = await asyncio.create_subprocess_exec(
            *command("mirror", "s3://b/a"),
            cwd=root,
            env=environment(Bucket(address, "b").environ),
            stderr=subprocess.PIPE,
        )
        assert process.stderr
        await asked.wait()
        process.send_signal(signal.SIGINT)
        await process.stderr.readline()
        answered.set()
        rest = await process.stderr.read()

    assert (await process.wait(), rest) == (
        130,
        b"harvester: interrupted; all finished work is kept\n",
    )
