"""Commands beside a daemon: it does their work, they show it and end as if they had done it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from harvester import runs
from harvester.cli.console import Screen
from harvester.cli.handover import hand_over
from harvester.daemon import wire
from harvester.daemon.orders import SOCKET, OrderDesk
from harvester.errors import Busy, SiteUnreachable, UsageError
from harvester.model import BodyMode, Counts, Decision, Scope, Stored, Verdict
from harvester.replica.server import ReplicaServer
from harvester.runs import FetchOrder, Job, Order, Outcome, Source
from harvester.workshop import Watcher as Watching
from harvester.workshop import Workshop, open_fetcher, open_writer
from tests.e2e.processes import (
    DEADLINE,
    Finished,
    command,
    environment,
    harvester,
    one_object,
    refused,
    sane,
)
from tests.e2e.support import Place, Watcher, address, small_site, story

STORY = story(9_700_001, "2026-09-10T01:00:00")
FAILED = Decision(Verdict.FAILED)
DONE = Outcome(Counts({Verdict.NEW: 1}, 0.5))
CUT = Outcome(Counts({Verdict.NEW: 1}, 0.5), interrupted=True)
HANDED = f"handed to the daemon (pid {os.getpid()})"
# Where a command that is run in the place's root finds the daemon and agrees with it.
AT = ("--seeds", "seeds", "--state", "state")


@pytest.fixture
async def server() -> AsyncIterator[ReplicaServer]:
    """Yield a running replica of six stories."""
    async with ReplicaServer(small_site(6)) as server:
        yield server


@pytest.fixture
def bare(tmp_path: Path) -> Place:
    """Return a place without a site, with a state folder."""
    (tmp_path / "state").mkdir()
    return Place(tmp_path)


@asynccontextmanager
async def daemon(place: Place) -> AsyncIterator[None]:
    """Serve commands with an archive and a fetcher that stay open, as a daemon does."""
    settings, watcher = place.settings(), Watcher()
    async with (
        open_writer(settings, watcher, place.clock) as archive,
        open_fetcher(settings, archive, watcher, place.clock) as fetcher,
    ):
        workshop = Workshop(settings, archive, fetcher, place.clock)

        async def perform(job: Job, watcher: Watching, stopping: asyncio.Event) -> Outcome:
            return await runs.perform(job, workshop, watcher, stopping)

        async with OrderDesk(settings, perform):
            yield


async def until_stopped(_: Job, watcher: Watching, stopping: asyncio.Event) -> Outcome:
    """Perform a job that ends only when it is told to."""
    watcher.ended("begun", FAILED)
    await stopping.wait()
    return CUT


async def run(*arguments: object, cwd: Path, given: str = "") -> Finished:
    """Run a command beside the daemon in this process."""
    return await asyncio.to_thread(harvester, *arguments, cwd=cwd, given=given)


@asynccontextmanager
async def fetching(place: Place) -> AsyncIterator[Process]:
    """Start a command, wait until its job has begun; at the end of the block it is killed."""
    process = await asyncio.create_subprocess_exec(
        *command("fetch", *AT, address(STORY), "--json"),
        cwd=place.root,
        env=environment({}),
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        assert process.stderr
        while b"failed begun" not in await process.stderr.readline():
            assert not process.stderr.at_eof()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def ended(process: Process) -> tuple[str, str]:
    """Return what a process said until its end."""
    async with asyncio.timeout(DEADLINE):
        stdout, stderr = await process.communicate()
    sane(stdout.decode(), stderr.decode())
    return stdout.decode(), stderr.decode()


# --- the work ---


async def test_a_backfill(place: Place) -> None:
    """A backfill beside a daemon archives all, shows it and counts it; the next finds it done."""
    line = ("backfill", *AT, "--site-origin", place.origin, "--json", "--verbose")
    async with daemon(place):
        first = await run(*line, cwd=place.root)
        second = await run(*line, cwd=place.root)

    assert first.returncode == 0, first.stderr
    assert one_object(first.stdout)["new"] == 6
    assert first.stderr.startswith(f"{HANDED}\naddresses to look at: 6\n")
    assert first.stderr.count("\nnew https://") == 6
    assert one_object(second.stdout)["skipped"] == 6
    assert len(place.articles()) == 6
    place.check()


async def test_a_fetch(place: Place) -> None:
    """A fetch names each address as it ends; options that only concern the pace are not heeded."""
    line = ("fetch", *AT, "--site-origin", place.origin, address(STORY), "--rate", "1000")
    async with daemon(place):
        done = await run(*line, cwd=place.root)

    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        HANDED,
        "--rate: not heeded, the daemon keeps its own pace",
        "addresses to look at: 1",
        f"new {address(STORY)}",
    ]
    place.check()


async def test_the_form_of_the_body(tmp_path: Path, server: ReplicaServer) -> None:
    """The form of the body that a command asks for holds for its job, whatever the daemon's is."""
    clean, verbatim, place = (Place(tmp_path / name, server.origin) for name in "abc")
    await clean.backfill()
    await verbatim.backfill(body=BodyMode.VERBATIM)
    line = ("backfill", *AT, "--site-origin", place.origin, "--body", "verbatim")
    (tmp_path / "c").mkdir()
    async with daemon(place):
        done = await run(*line, cwd=place.root)

    assert HANDED in done.stderr
    assert place.files() == verbatim.files() != clean.files()


async def test_an_import(place: Place, server: ReplicaServer, tmp_path: Path) -> None:
    """Posts are found from the command's folder, not the daemon's; what is bad fails as ever."""
    other = Place(tmp_path / "other", server.origin)
    await other.backfill()
    where = ("--seeds", place.seeds, "--state", place.state)
    async with daemon(place):
        # Without --site-origin: an import asks no site.
        (other.root / "bad.md").write_text("no post")
        done = await run("import", "seeds", "bad.md", *where, "--json", cwd=other.root)
        missing = await run("import", "nowhere", *where, cwd=other.root)

    assert done.returncode == 1
    counts = one_object(done.stdout)
    assert (counts["new"], counts["failed"]) == (6, 1)
    assert f"failed: {other.root}/bad.md:1: " in done.stderr
    assert place.hashes() == other.hashes()
    assert missing.returncode == 2
    assert f"{other.root}/nowhere: no such file or folder" in missing.stderr


async def test_imports_are_heard_of_where_they_can_be_passed_on(bare: Place) -> None:
    """Whoever watches an import hears of every file on the event loop, not in a thread."""

    class OnLoop(Watcher):
        def imported(self, path: Path, decision: Decision, stored: Stored | None) -> None:
            asyncio.get_running_loop()
            super().imported(path, decision, stored)

    (bare.root / "bad.md").write_text("no post")
    watcher, settings = OnLoop(), bare.settings()
    paths = [bare.root / "bad.md"]

    outcome = await runs.import_posts(settings, paths, watcher, bare.clock, asyncio.Event())

    assert outcome.counts.by_verdict == {Verdict.FAILED: 1}
    assert [path for path, _, _ in watcher.files] == paths


async def test_a_list_of_many_addresses(bare: Place) -> None:
    """A list of addresses that fits into no single line is handed over whole."""
    urls = tuple(f"https://www.zaobao.com.sg/news/story20210101-{n}" for n in range(40_000))
    heard: list[Job] = []

    async def perform(job: Job, *_: object) -> Outcome:
        heard.append(job)
        return DONE

    async with OrderDesk(bare.settings(), perform):
        line = ("backfill", *AT, "--urls-from", "-", "--section", "news", "--limit", "0")
        done = await run(*line, cwd=bare.root, given="\n".join(urls))

    assert done.returncode == 0, done.stderr
    assert heard == [Order(Source.URLS, Scope(sections=("news",)), 0, urls)]


# --- how a job ends ---


async def test_a_job_that_could_not_begin(bare: Place) -> None:
    """What the job raises at the daemon ends the command with its own exit code."""

    async def perform(*_: object) -> Outcome:
        raise SiteUnreachable("the sitemap cannot be read")

    async with OrderDesk(bare.settings(), perform):
        done = await run("backfill", *AT, cwd=bare.root)

    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr == f"{HANDED}\nharvester: the sitemap cannot be read\n"


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
async def test_interrupted(name: signal.Signals, bare: Place) -> None:
    """Ctrl-C ends the job at the daemon, and the command with 130 and what was done so far."""
    async with OrderDesk(bare.settings(), until_stopped), fetching(bare) as process:
        process.send_signal(name)
        stdout, stderr = await ended(process)

    assert process.returncode == 130
    assert one_object(stdout)["new"] == 1
    assert "interrupted; the next run goes on from here" in stderr


async def test_interrupted_twice(bare: Place) -> None:
    """After a second Ctrl-C the command does not wait for what the daemon still finishes."""
    stopped = asyncio.Event()

    async def perform(_: Job, watcher: Watching, stopping: asyncio.Event) -> Outcome:
        watcher.ended("begun", FAILED)
        await stopping.wait()
        stopped.set()
        return await asyncio.Future()

    async with OrderDesk(bare.settings(), perform, grace=0), fetching(bare) as process:
        process.send_signal(signal.SIGINT)
        await stopped.wait()
        process.send_signal(signal.SIGINT)
        stdout, stderr = await ended(process)

    assert (process.returncode, stdout) == (130, "")
    assert stderr.endswith("harvester: interrupted; all finished work is kept\n")


async def test_the_daemon_is_stopped(bare: Place) -> None:
    """A daemon that is stopped in the middle says so, with what was done: exit 75."""
    desk = OrderDesk(bare.settings(), until_stopped)
    await desk.__aenter__()
    async with fetching(bare) as process:
        await desk.__aexit__(None, None, None)
        stdout, stderr = await ended(process)

    assert process.returncode == 75
    assert one_object(stdout)["new"] == 1
    assert "the daemon is stopping" in stderr


# --- where no job can be handed over ---


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([wire.encode(wire.Hello(1, Path("seeds")))], "--seeds: the daemon"),
        ([b'{"kind":"hello","protocol":9}\n'], "protocol 9 is spoken there"),
        ([b"220 mail.example.org ESMTP\n"], "cannot be understood"),
        ([wire.encode(wire.Stop())], "something else than a daemon"),
        ([], "ended in the middle"),
        ([wire.Hello, wire.encode(wire.Planned(1))], "ended in the middle"),
        ([wire.Hello, b'{"kind":"outco'], "ended in the middle"),
        ([wire.Hello, b'{"kind":"shout"}\n'], "unknown kind 'shout'"),
    ],
)
async def test_a_daemon_that_ends_or_is_another(
    said: list[bytes | type[wire.Hello]], words: str, bare: Place
) -> None:
    """A daemon that is killed, cannot be understood or has other posts ends the command."""
    hello = wire.encode(wire.Hello(1, bare.seeds.resolve()))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.writelines(each if isinstance(each, bytes) else hello for each in said)
        writer.write_eof()
        await reader.read()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_unix_server(answer, bare.state / SOCKET):
        with Screen() as screen, pytest.raises((Busy, UsageError), match=words):
            await hand_over(bare.settings(), FetchOrder(()), screen, asyncio.Event())


async def test_a_daemon_of_another_site(bare: Place) -> None:
    """A job for one site is not handed to a daemon that asks another one."""
    async with OrderDesk(bare.settings(), until_stopped):
        line = ("fetch", *AT, address(STORY), "--site-origin", "http://127.0.0.1:1")
        refused(await run(*line, cwd=bare.root), 2, "--site-origin", "the site itself")


async def test_a_socket_left_behind(place: Place) -> None:
    """Where a killed daemon left its socket the command does the work itself."""
    place.state.mkdir()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(place.state / SOCKET))
    line = ("fetch", *AT, "--site-origin", place.origin, address(STORY), "--json")

    done = await run(*line, cwd=place.root)

    assert one_object(done.stdout)["new"] == 1
    assert HANDED not in done.stderr
    place.check()


async def test_a_writer_that_takes_no_orders(place: Place) -> None:
    """Where another writer is at work and nobody listens, the command ends with 75."""
    async with open_writer(place.settings(), Watcher(), place.clock):
        line = ("fetch", *AT, "--site-origin", place.origin, address(STORY))
        refused(await run(*line, cwd=place.root), 75, f"another writer (pid {os.getpid()})")
