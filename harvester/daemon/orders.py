"""The desk where commands hand their work in: a socket in the state folder, one job at a time.

    connection -> hello -> job -> line -> perform -> outcome | failure

Whoever can open the socket owns the state folder, so nothing more is asked. A job lasts as long as
its command is there: when the command says stop or goes away, what is in flight is finished and no
more is begun.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from harvester.daemon import wire
from harvester.discover import Discovery
from harvester.errors import Busy, DiskError, HarvesterError, UsageError
from harvester.model import Counts, Decision, Stored
from harvester.runs import FetchOrder, ImportOrder, Job, Order, Outcome
from harvester.settings import Settings
from harvester.workshop import Watcher

log = logging.getLogger(__name__)

Perform = Callable[[Job, Watcher, asyncio.Event], Awaitable[Outcome]]

SOCKET = "control.sock"
GRACE = 10.0
"""Seconds that work in flight may take when the desk closes."""
# A sockaddr_un holds so many bytes of a path, the final NUL included (unix(7)).
_PATH_MAX = 108
# Bytes that a command may leave unread before events are left out for it.
_UNREAD_MAX = 2**18


class OrderDesk:
    """Takes jobs from commands and has them performed one after another.

    An asynchronous context manager, for the process that holds the lock of the state folder;
    entering it raises `DiskError` where the socket cannot be made. Leaving it stops the jobs,
    waits for what is in flight, at most `grace` seconds, and tells the commands.
    """

    def __init__(self, settings: Settings, perform: Perform, *, grace: float = GRACE) -> None:
        self._state = settings.state
        self._hello = wire.Hello(
            os.getpid(),
            settings.seeds.resolve(),
            settings.site_origin,
            settings.wayback_origin,
            settings.commoncrawl_origin,
        )
        self._perform = perform
        self._grace = grace
        self._line: list[_Ticket] = []
        self._visits: dict[asyncio.Task[None], _Command] = {}
        self._closing = False

    async def __aenter__(self) -> Self:
        """Begin to listen; a socket that a killed daemon left is replaced."""
        sock = _listen(self._state)
        self._server = await asyncio.start_unix_server(self._greet, sock=sock, limit=wire.LINE_MAX)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Take no more jobs, stop those there are, and say so to the commands."""
        self._closing = True
        self._server.close()
        (self._state / SOCKET).unlink(missing_ok=True)
        for task, command in self._visits.items():
            if command.ticket:
                command.ticket.stop()
            else:
                task.cancel()
        if visits := tuple(self._visits):
            _done, late = await asyncio.wait(visits, timeout=self._grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command = _Command(writer)
        task = asyncio.create_task(self._serve(reader, command), name="order")
        self._visits[task] = command
        task.add_done_callback(lambda task: self._visits.pop(task).close())

    async def _serve(self, reader: asyncio.StreamReader, command: _Command) -> None:
        command.say(self._hello)
        try:
            await self._answer(reader, command)
        except asyncio.CancelledError:
            command.conclude(wire.Failure.of(_closed()))
            raise
        if not self._closing:
            await command.gone(reader)

    async def _answer(self, reader: asyncio.StreamReader, command: _Command) -> None:
        try:
            job = await _read_job(reader)
            command.conclude(self._cut(await self._take(job, reader, command)))
        except HarvesterError as error:
            command.conclude(wire.Failure.of(error))
        except Exception as error:
            log.exception("a defect of the program; the daemon goes on")
            command.conclude(wire.Failure.of(error))

    async def _take(self, job: Job, reader: asyncio.StreamReader, command: _Command) -> Outcome:
        """Perform a job when those before it have ended; one stopped before that is not begun."""
        command.ticket = ticket = _Ticket(command)
        self._line.append(ticket)
        self._call_next()
        heeding = asyncio.create_task(_heed(reader, ticket), name="order-heeding")
        try:
            await ticket.turn.wait()
            if ticket.stopping.is_set():
                return Outcome(Counts(), interrupted=True)
            return await self._perform(job, command, ticket.stopping)
        finally:
            command.ticket = None
            self._line.remove(ticket)
            self._call_next()
            heeding.cancel()
            await asyncio.wait([heeding])

    def _call_next(self) -> None:
        for place, ticket in enumerate(self._line):
            ticket.move(place)

    def _cut(self, outcome: Outcome) -> Outcome:
        """Name the reason where it is the daemon that cut a job short."""
        if self._closing and outcome.interrupted and not outcome.halted:
            return replace(outcome, halted=_closed())
        return outcome


class _Ticket:
    """A command's place in the line: how many go first."""

    def __init__(self, command: _Command) -> None:
        self._command = command
        self._place = 0
        self.turn = asyncio.Event()
        self.stopping = asyncio.Event()

    def move(self, place: int) -> None:
        """Take a place; the command hears of it where it is another one."""
        if place == 0:
            self.turn.set()
        elif place != self._place:
            self._command.say(wire.Queued(place))
        self._place = place

    def stop(self) -> None:
        """Have the job end; one that waits need not wait for that."""
        self.stopping.set()
        self.turn.set()


class _Command:
    """The command at the other end of a connection, as the watcher of its job.

    The daemon never waits for it: what it does not read in time is left out and counted.
    """

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._missed = 0
        self.ticket: _Ticket | None = None

    def say(self, message: wire.Message) -> None:
        """Send a message, however much waits unread."""
        if not self._writer.is_closing():
            self._writer.write(wire.encode(message))

    def conclude(self, message: Outcome | wire.Failure) -> None:
        """Send the last message."""
        self._own_up()
        self.say(message)

    def close(self) -> None:
        """Close the connection; what waits is still sent."""
        self._writer.close()

    async def gone(self, reader: asyncio.StreamReader) -> None:
        """Wait for the command to close first.

        Closing on what it still says, such as a late stop, would take away what it has yet to read.
        """
        with suppress(OSError):
            self._writer.write_eof()
            while await reader.read(2**16):
                pass

    def adopting(self, posts: int) -> None:
        """Pass it on."""
        self._tell(wire.Adopting(posts))

    def discovering(self, found: Discovery) -> None:
        """Pass it on."""
        self._tell(wire.Discovering(found.sources, found.total, found.fresh))

    def planned(self, total: int) -> None:
        """Pass it on."""
        self._tell(wire.Planned(total))

    def waiting(self, host: str, seconds: float, why: str) -> None:
        """Pass it on."""
        self._tell(wire.Waiting(host, seconds, why))

    def ended(self, url: str, decision: Decision) -> None:
        """Pass it on."""
        self._tell(wire.Ended(url, decision))

    def imported(self, path: Path, decision: Decision, stored: Stored | None) -> None:
        """Pass it on."""
        self._tell(wire.Imported(path, decision, stored))

    def _tell(self, event: wire.Event) -> None:
        if self._writer.transport.get_write_buffer_size() > _UNREAD_MAX:
            self._missed += 1
            return
        self._own_up()
        try:
            self.say(event)
        except ValueError:  # an address of a megabyte
            self._missed += 1

    def _own_up(self) -> None:
        if self._missed:
            self.say(wire.Missed(self._missed))
            self._missed = 0


@contextmanager
def socket_address(state: Path) -> Iterator[str]:
    """Yield an address of the socket, through the opened folder where its path is too long."""
    path = state / SOCKET
    if len(os.fsencode(path)) < _PATH_MAX:
        yield str(path)
        return
    folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{SOCKET}"
    finally:
        os.close(folder)


def _listen(state: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    try:
        os.fchmod(sock.fileno(), 0o600)  # the socket file gets its mode from here
        (state / SOCKET).unlink(missing_ok=True)
        with socket_address(state) as address:
            sock.bind(address)
    except OSError as problem:
        sock.close()
        raise DiskError(f"{state / SOCKET}: cannot be made: {problem.strerror}") from problem
    return sock


async def _read_job(reader: asyncio.StreamReader) -> Job:
    """Read a job and the parts that go ahead of it. Raises `UsageError` for anything else."""
    values: list[str] = []
    try:
        for _ in range(wire.PARTS_MAX + 1):
            match wire.decode(await _line(reader)):
                case wire.Part(part):
                    values += part
                case Order() | FetchOrder() | ImportOrder() as job:
                    return wire.with_listed(job, tuple(values)) if values else job
                case _:
                    break
    except ValueError as problem:
        raise UsageError(f"the daemon was told what it cannot read: {problem}") from problem
    raise UsageError("the daemon was told something else than a job")


async def _heed(reader: asyncio.StreamReader, ticket: _Ticket) -> None:
    """Stop a job when its command says so, says anything else, or goes away."""
    with suppress(ValueError):
        await _line(reader)
    ticket.stop()


async def _line(reader: asyncio.StreamReader) -> bytes:
    """Return a whole line, or nothing at the end. Raises `ValueError` for one that is too long."""
    line = b""
    with suppress(OSError):
        line = await reader.readline()
    return line if line.endswith(b"\n") else b""


def _closed() -> Busy:
    why = "the daemon is stopping, or begins anew with other settings"
    return Busy(f"{why}; run the command again once it is back, or without it")
