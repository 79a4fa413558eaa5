"""Other processes that take work off the event loop's hands, where there is a lot of it.

A process is asked over a socket, as `python -m harvester.crew FD`. Each message is a length in four
bytes and so much pickle: (function, arguments) there, what it returns back. A pool of the standard
library would do the same by threads of its own, at four times the price for each call.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import socket
import subprocess
import sys
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from struct import Struct
from typing import Any, TypeVar, TypeVarTuple

from harvester.heap import keep_freed

log = logging.getLogger(__name__)

_A = TypeVar("_A")
_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

_CORES = os.cpu_count() or 1
_LENGTH = Struct(">I")
# A page and what is held ready behind it.
_BUFFER = 2**20


@asynccontextmanager
async def open_crew(begin: int) -> AsyncIterator[Crew]:
    """Open a crew whose processes begin at the call of that number: short work needs none."""
    crew = Crew(begin)
    try:
        yield crew
    finally:
        await crew.end()


async def in_order(
    items: Iterable[_A], work: Callable[[_A], Awaitable[_T]], at_once: int
) -> AsyncGenerator[tuple[_A, _T], None]:
    """Yield what is made of each item, in the order of the items, while later ones are made."""
    waiting: deque[tuple[_A, asyncio.Future[_T]]] = deque()
    try:
        for item in items:
            waiting.append((item, asyncio.ensure_future(work(item))))
            if len(waiting) == at_once:
                first, making = waiting.popleft()
                yield first, await making
        while waiting:
            first, making = waiting.popleft()
            yield first, await making
    finally:
        for _, making in waiting:
            making.cancel()


class Crew:
    """Processes of this machine; before the first is there, and after the last, a thread works."""

    def __init__(self, begin: int) -> None:
        self._begin = begin
        self._come = 0
        self._hands: list[_Hand] = []
        self._hiring: asyncio.Task[None] | None = None

    async def call(self, work: Callable[[*_Ts], _T], *arguments: *_Ts) -> _T:
        """Call a function of a module elsewhere: by whoever has the least to do.

        It may be called twice, where a process is lost or the call raises.
        """
        self._come += 1
        if self._come == self._begin and _CORES > 1:
            self._hiring = asyncio.create_task(self._hire())
        hand = min(self._hands, key=lambda hand: hand.asked, default=None)
        if hand is not None:
            try:
                done: _T = await hand.ask(pickle.dumps((work, arguments)))
            except (OSError, EOFError) as trouble:
                await self._lose(hand, trouble)
            else:
                return done
        return await asyncio.to_thread(work, *arguments)

    async def _hire(self) -> None:
        try:
            for _ in range(_CORES):
                self._hands.append(await _Hand.hire())
        except OSError as trouble:
            log.warning("no process can be begun to help: %s", trouble)

    async def _lose(self, hand: _Hand, trouble: Exception) -> None:
        if hand in self._hands:
            self._hands.remove(hand)
            log.warning("a process that helped was lost (%r)", trouble)
            await hand.end()

    async def end(self) -> None:
        """End the processes; what they have in hand is not waited for."""
        if self._hiring:
            await self._hiring
        for hand in self._hands:
            await hand.end()


class _Hand:
    """A process that does one thing after the other; `asked` counts those that it has to do."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.asked = 0
        self._process = process
        self._reader = reader
        self._writer = writer
        self._turn = asyncio.Lock()

    @classmethod
    async def hire(cls) -> _Hand:
        """Begin a process."""
        here, there = socket.socketpair()
        with there:
            for end in (here, there):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
            process = subprocess.Popen(  # noqa: ASYNC220, S603 - some milliseconds, our own
                # -P: nothing of the folder at which we happen to be is a module of ours.
                [sys.executable, "-P", "-m", __name__, str(there.fileno())],
                pass_fds=[there.fileno()],
                process_group=0,  # Ctrl-C on a terminal is for the run, which ends it
            )
        reader, writer = await asyncio.open_connection(sock=here, limit=_BUFFER)
        return cls(process, reader, writer)

    async def ask(self, question: bytes) -> Any:  # noqa: ANN401 - what the function returns
        """Return the answer. Raises OSError or EOFError where the process is no more."""
        self.asked += 1
        try:
            # At once: the process finds its next question when it has answered the one before.
            self._writer.writelines((_LENGTH.pack(len(question)), question))
            async with self._turn:  # those who wait get it in the order in which they asked
                (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
                answer = await self._reader.readexactly(length)
        except BaseException:  # whoever asks next would be given this answer
            self._writer.close()
            raise
        finally:
            self.asked -= 1
        return pickle.loads(answer)  # noqa: S301 - our own

    async def end(self) -> None:
        """End the process."""
        self._writer.close()
        self._process.kill()
        await asyncio.to_thread(self._process.wait)


def serve(descriptor: int) -> None:
    """Answer questions at the other end of a socket until it is closed."""
    keep_freed()
    with socket.socket(fileno=descriptor) as end, end.makefile("rwb") as stream:
        while head := stream.read(_LENGTH.size):
            question = stream.read(*_LENGTH.unpack(head))
            work, arguments = pickle.loads(question)  # noqa: S301 - our own
            answer = pickle.dumps(work(*arguments))
            stream.write(_LENGTH.pack(len(answer)) + answer)
            stream.flush()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
