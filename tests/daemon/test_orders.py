"""The desk over a real socket: one job at a time, and no command can harm or hold up the daemon."""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from harvester.daemon import wire
from harvester.daemon.orders import SOCKET, OrderDesk, socket_address
from harvester.errors import Busy, DiskError, SiteUnreachable
from harvester.model import Counts, Decision, Verdict
from harvester.runs import FetchOrder, ImportOrder, Job, Order, Outcome
from harvester.settings import Settings, load
from harvester.workshop import Watcher

NEW = Decision(Verdict.NEW)
DONE = Outcome(Counts({Verdict.NEW: 1}, 0.5))
CUT = Outcome(Counts({Verdict.NEW: 1}, 0.5), interrupted=True)


@dataclass
class Command:
    """The other end of the socket."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *messages: wire.Message | bytes) -> None:
        """Send messages, or lines as they are."""
        for message in messages:
            self.writer.write(message if isinstance(message, bytes) else wire.encode(message))
            await self.writer.drain()

    async def next(self) -> wire.Message:
        """Return the next message."""
        return wire.decode(await self.reader.readline())

    async def rest(self) -> list[wire.Message]:
        """Return all messages up to the end of the connection."""
        return [wire.decode(line) async for line in self.reader]

    async def leave(self) -> None:
        """Close the connection."""
        self.writer.close()
        await self.writer.wait_closed()


@dataclass
class Works:
    """Performs jobs that end when they are told to; notes them."""

    begun: asyncio.Queue[Job] = field(default_factory=asyncio.Queue)
    ended: list[Job] = field(default_factory=list)
    finish: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def __call__(self, job: Job, watcher: Watcher, stopping: asyncio.Event) -> Outcome:
        """End with `DONE` when told to finish, with `CUT` when told to stop."""
        watcher.planned(1)
        self.begun.put_nowait(job)
        waits = [asyncio.create_task(self.finish.acquire()), asyncio.create_task(stopping.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self.ended.append(job)
        return CUT if stopping.is_set() else DONE


class Places(list[asyncio.StreamWriter]):
    """Commands that are closed at the end of a test."""

    async def __aenter__(self) -> Self:
        """Begin with none."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close them all."""
        for writer in self:
            writer.close()
            await writer.wait_closed()


@pytest.fixture
async def commands() -> AsyncIterator[Places]:
    """Yield the list of the commands that have come."""
    async with Places() as places:
        yield places


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of a state folder."""
    return settings_of(tmp_path)


def settings_of(folder: Path) -> Settings:
    """Return settings for a folder, with its state folder made."""
    (folder / "state").mkdir(parents=True)
    return load({"seeds": folder / "seeds", "state": folder / "state"}, {})


async def arrive(settings: Settings, commands: Places) -> Command:
    """Connect and read the greeting."""
    with socket_address(settings.state) as address:
        command = Command(*await asyncio.open_unix_connection(address, limit=wire.LINE_MAX))
    commands.append(command.writer)
    assert isinstance(await command.next(), wire.Hello)
    return command


# --- a job ---


async def test_a_job_is_done_and_told(settings: Settings, commands: Places) -> None:
    """A job reaches who performs it as it was sent; its events come in order, then its outcome."""
    jobs: list[Job] = []

    async def perform(job: Job, watcher: Watcher, _: asyncio.Event) -> Outcome:
        jobs.append(job)
        watcher.planned(2)
        watcher.ended("https://www.zaobao.com.sg/a", NEW)
        watcher.waiting("www.zaobao.com.sg", 3.0, "asked to")
        watcher.imported(Path("a.md"), NEW, None)
        return DONE

    async with OrderDesk(settings, perform):
        command = await arrive(settings, commands)
        await command.send(Order(limit=3))

        told = await command.rest()

    assert jobs == [Order(limit=3)]
    assert told == [
        wire.Planned(2),
        wire.Ended("https://www.zaobao.com.sg/a", NEW),
        wire.Waiting("www.zaobao.com.sg", 3.0, "asked to"),
        wire.Imported(Path("a.md"), NEW, None),
        DONE,
    ]


@pytest.mark.parametrize("listed", [0, 5_000, 60_000])
async def test_long_lists_arrive(listed: int, settings: Settings, commands: Places) -> None:
    """What a job lists arrives whole, however long."""
    works = Works()
    works.finish.release()
    job = ImportOrder(tuple(Path(f"/posts/{n}-新闻.md") for n in range(listed)))
    async with OrderDesk(settings, works):
        command = await arrive(settings, commands)
        await command.send(*wire.job_lines(job))
        await command.rest()

    assert works.ended == [job]


async def test_only_the_owner_may_connect(settings: Settings) -> None:
    """The socket is for its owner alone, and is gone when the desk is closed."""
    path = settings.state / SOCKET
    async with OrderDesk(settings, Works()):
        found = path.stat()

    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert not path.exists()


async def test_a_long_path(tmp_path: Path, commands: Places) -> None:
    """A state folder whose path is longer than a socket's address may be is as good as any."""
    settings = settings_of(tmp_path / ("长" * 20 + "x" * 140))
    works = Works()
    works.finish.release()
    assert len(str(settings.state)) > 200
    async with OrderDesk(settings, works):
        command = await arrive(settings, commands)
        await command.send(Order())
        assert (await command.rest())[-1] == DONE
    assert list(settings.state.iterdir()) == []


async def test_a_socket_left_behind(settings: Settings, commands: Places) -> None:
    """The socket of a killed daemon is replaced."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(settings.state / SOCKET))
    async with OrderDesk(settings, Works()):
        await arrive(settings, commands)


async def test_no_socket_can_be_made(settings: Settings) -> None:
    """Where something else is in the way it is named."""
    (settings.state / SOCKET).mkdir()
    with pytest.raises(DiskError, match=SOCKET):
        async with OrderDesk(settings, Works()):
            pass


# --- one after another ---


async def test_one_after_another(settings: Settings, commands: Places) -> None:
    """Jobs are done in the order they came, one at a time; those who wait are told their place."""
    works = Works()
    urls = ("https://www.zaobao.com.sg/a", "https://www.zaobao.com.sg/b")
    jobs: list[Job] = [Order(), FetchOrder(urls[:1]), FetchOrder(urls)]
    async with OrderDesk(settings, works):
        first, second, third = [await arrive(settings, commands) for _ in jobs]
        await first.send(jobs[0])
        assert await works.begun.get() == jobs[0]
        await second.send(jobs[1])
        assert await second.next() == wire.Queued(1)
        await third.send(jobs[2])
        assert await third.next() == wire.Queued(2)
        works.finish.release()
        assert await first.rest() == [wire.Planned(1), DONE]
        assert await third.next() == wire.Queued(1)
        assert works.ended == jobs[:1]
        for _ in jobs[1:]:
            works.finish.release()
        await second.rest()
        assert await third.rest() == [wire.Planned(1), DONE]

    assert works.ended == jobs


async def test_a_stop_is_for_one_job(settings: Settings, commands: Places) -> None:
    """A command that says stop ends its own job; the next one is done as if nothing had been."""
    works = Works()
    async with OrderDesk(settings, works):
        first, second = [await arrive(settings, commands) for _ in range(2)]
        await first.send(Order())
        await works.begun.get()
        await second.send(FetchOrder(("x",)))
        await first.send(wire.Stop())
        assert (await first.rest())[-1] == CUT
        await works.begun.get()
        works.finish.release()
        assert (await second.rest())[-1] == DONE


async def test_a_command_goes_away(settings: Settings, commands: Places) -> None:
    """The job of a command that is gone ends, and the next one begins."""
    works = Works()
    async with OrderDesk(settings, works):
        first, second = [await arrive(settings, commands) for _ in range(2)]
        await first.send(Order())
        await works.begun.get()
        await second.send(FetchOrder(("x",)))
        await first.leave()
        assert await works.begun.get() == FetchOrder(("x",))
        works.finish.release()
        assert (await second.rest())[-1] == DONE


async def test_a_waiting_command_stops(settings: Settings, commands: Places) -> None:
    """A job that is stopped before its turn is not begun, and is told so at once."""
    works = Works()
    async with OrderDesk(settings, works):
        first, second, third = [await arrive(settings, commands) for _ in range(3)]
        await first.send(Order())
        await works.begun.get()
        await second.send(FetchOrder(("x",)))
        await second.next()
        await third.send(FetchOrder(("y",)))
        await third.next()
        await second.send(wire.Stop())
        assert await second.rest() == [Outcome(Counts(), interrupted=True)]
        assert await third.next() == wire.Queued(1)
        works.finish.release()
        works.finish.release()
        assert (await third.rest())[-1] == DONE

    assert works.ended == [Order(), FetchOrder(("y",))]


# --- commands that read slowly, or speak badly ---


async def test_a_command_that_does_not_read(settings: Settings, commands: Places) -> None:
    """A job does not wait for its command: events are left out and counted, never the outcome."""
    total = 40_000
    finished = asyncio.Event()

    async def perform(_: Job, watcher: Watcher, __: asyncio.Event) -> Outcome:
        for number in range(total):
            watcher.ended(f"https://www.zaobao.com.sg/realtime/china/story-{number}", NEW)
            await asyncio.sleep(0)
        finished.set()
        return DONE

    async with OrderDesk(settings, perform):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(settings.state / SOCKET))
        sock.sendall(wire.encode(Order()))
        await finished.wait()
        slow = Command(*await asyncio.open_unix_connection(sock=sock))
        commands.append(slow.writer)
        told = await slow.rest()

    ended = sum(isinstance(each, wire.Ended) for each in told)
    assert 100 < ended < total / 2
    assert told[-2:] == [wire.Missed(total - ended), DONE]


async def test_an_event_too_long_to_be_sent(settings: Settings, commands: Places) -> None:
    """An address of more than a line is left out and counted; the job does not hear of it."""

    async def perform(_: Job, watcher: Watcher, __: asyncio.Event) -> Outcome:
        watcher.ended("x" * wire.LINE_MAX, NEW)
        return DONE

    async with OrderDesk(settings, perform):
        command = await arrive(settings, commands)
        await command.send(Order())
        assert await command.rest() == [wire.Missed(1), DONE]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([b"GET / HTTP/1.1\r\n"], "Expecting value"),
        ([b"{}\n"], "unknown kind"),
        ([b'{"kind":"backfill","source":"rss"}\n'], "'rss'"),
        ([b'{"kind":"fetch","urls":["x"],"force":true}\n'], "unknown fields force"),
        ([b'{"kind":"' + b"x" * 1_000_000 + b'"}\n'], "unknown kind"),
        ([b"x" * (wire.LINE_MAX + 10) + b"\n"], "limit"),
        ([wire.Stop()], "else than a job"),
        ([wire.Planned(1)], "else than a job"),
        ([wire.Part(("x",))] * (wire.PARTS_MAX + 2), "else than a job"),
    ],
)
async def test_what_is_no_job(
    lines: list[wire.Message | bytes], words: str, settings: Settings, commands: Places
) -> None:
    """What cannot be read is answered with one clear line, and the next command is served."""
    works = Works()
    works.finish.release()
    async with OrderDesk(settings, works):
        bad, good = [await arrive(settings, commands) for _ in range(2)]
        await bad.send(*lines)
        answer = await bad.next()
        assert isinstance(answer, wire.Failure)
        assert answer.error == "UsageError"
        assert words in answer.text
        await good.send(Order())
        assert (await good.rest())[-1] == DONE

    assert works.ended == [Order()]


@pytest.mark.parametrize("begun", [b"", b'{"kind":"ba', b'{"kind":"backfill"}'])
async def test_who_leaves_at_once(begun: bytes, settings: Settings, commands: Places) -> None:
    """Who connects and leaves before a whole line harms nobody, and has ordered nothing."""
    works = Works()
    works.finish.release()
    async with OrderDesk(settings, works):
        bad, good = [await arrive(settings, commands) for _ in range(2)]
        await bad.send(begun)
        await bad.leave()
        await good.send(FetchOrder(("x",)))
        assert (await good.rest())[-1] == DONE

    assert works.ended == [FetchOrder(("x",))]


# --- errors ---


async def test_errors_are_told(settings: Settings, commands: Places) -> None:
    """Errors reach the command with their class, defects as such; both end that job alone."""
    problems = iter([SiteUnreachable("no sitemap"), ZeroDivisionError("x")])

    async def perform(*_: object) -> Outcome:
        if problem := next(problems, None):
            raise problem
        return DONE

    told = []
    async with OrderDesk(settings, perform):
        for _ in range(3):
            command = await arrive(settings, commands)
            await command.send(Order())
            told += await command.rest()

    known, defect, done = told
    assert known == wire.Failure("SiteUnreachable", "no sitemap")
    assert isinstance(defect, wire.Failure)
    assert "ZeroDivisionError('x')" in defect.text
    assert done == DONE


# --- the end of the desk ---


async def test_closing_tells_everybody(settings: Settings, commands: Places) -> None:
    """Those at work end with true counts, the others with nothing done; all are told why."""
    works = Works()
    async with OrderDesk(settings, works):
        working, waiting, silent = [await arrive(settings, commands) for _ in range(3)]
        await working.send(Order())
        await works.begun.get()
        await waiting.send(FetchOrder(("x",)))
        await waiting.next()

    for command, counts in ((working, DONE.counts), (waiting, Counts())):
        told = (await command.rest())[-1]
        assert isinstance(told, Outcome)
        assert told.counts == counts
        assert isinstance(told.halted, Busy)
    (failure,) = await silent.rest()
    assert isinstance(failure, wire.Failure)
    assert isinstance(failure.as_error(), Busy)
    assert "the daemon is stopping" in failure.text
    assert works.ended == [Order()]


async def test_closing_does_not_wait_for_ever(settings: Settings, commands: Places) -> None:
    """A job that does not heed its stop is cut when the grace is over, and its command told."""
    begun = asyncio.Event()

    async def perform(*_: object) -> Outcome:
        begun.set()
        await asyncio.Event().wait()
        return DONE

    async with OrderDesk(settings, perform, grace=0.0):
        command = await arrive(settings, commands)
        await command.send(Order())
        await begun.wait()

    (failure,) = await command.rest()
    assert isinstance(failure, wire.Failure)
    assert "the daemon is stopping" in failure.text
