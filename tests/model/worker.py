"""The process that holds the archive: `python -m tests.model.worker SOCKET`.

It loads the program once, listens, and forks for each connection: a start costs milliseconds. The
child first tells its process id; then it takes orders, an object of JSON on a line each, and
answers with a line for each end that is durable and one that is `done` or an `error`. An order
brings its time, and may bring after how many calls that reach out of the process the process is to
be killed: right before the next one, on whichever thread.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from harvester import judge, runs
from harvester.drafts import draft_of_page
from harvester.errors import HarvesterError
from harvester.model import Decision, Stored, StoryRef, VisitState
from harvester.runs import FetchOrder, ImportOrder, Order
from harvester.settings import load
from harvester.workshop import Workshop, open_workshop
from harvester.zaobao import story_ref
from tests.e2e.support import Watcher
from tests.model import stories

_REACHING_OUT = frozenset(
    {"open", "writelines", "flush", "fsync", "close", "replace", "rename", "unlink", "mkdir"}
    | {"execute", "executescript"}
)


class Moment:
    """When the process is to be killed; a profile function of all threads but the first."""

    def __init__(self) -> None:
        self.left: int | None = None

    def __call__(self, _: object, event: str, argument: Any) -> None:  # noqa: ANN401
        """Hear of a call."""
        if self.left is None or event != "c_call" or argument.__name__ not in _REACHING_OUT:
            return
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)


class Clock:
    """Shows the time of the order; sleep is over at once and moves the steady clock alone."""

    def __init__(self) -> None:
        self.at = datetime(2000, 1, 1, tzinfo=UTC)
        self._steady = 1000.0

    def now(self) -> datetime:
        """Return the time of the order."""
        return self.at

    def monotonic(self) -> float:
        """Return the seconds slept, and a few for each order."""
        return self._steady

    async def sleep(self, seconds: float) -> None:
        """Let others run, then be later."""
        await asyncio.sleep(0)
        self._steady += seconds

    def set(self, at: datetime) -> None:
        """Take the time of an order."""
        self._steady += min(max((at - self.at) / timedelta(seconds=1), 1.0), 3600.0)
        self.at = at


class Teller(Watcher):
    """Tells every end as soon as the program does."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        super().__init__()
        self._writer = writer

    def ended(self, url: str, decision: Decision) -> None:
        """Tell the end of an address."""
        self.tell(story=url.rpartition("-")[2], verdict=decision.verdict, why=decision.reason)

    def imported(self, path: Path, decision: Decision, stored: Stored | None) -> None:
        """Tell the end of a file."""
        story = stored.story_id if stored else path.name
        self.tell(story=story, verdict=decision.verdict, why=decision.reason)

    def tell(self, **fields: object) -> None:
        """Tell something, at once."""
        self._writer.write(json.dumps(fields).encode() + b"\n")


class Worker:
    """Does what it is told."""

    def __init__(self, teller: Teller, moment: Moment) -> None:
        self._teller = teller
        self._moment = moment
        self._clock = Clock()
        self._open: AsyncExitStack | None = None
        self._workshop: Workshop | None = None

    async def obey(self, order: dict[str, Any]) -> None:
        """Do what an order asks for and tell how it ended."""
        self._clock.set(datetime.fromisoformat(order["now"]))
        self._moment.left = order.get("kill")
        try:
            await self._do(order)
            await self._settle()
        except HarvesterError as error:
            self._teller.tell(error=type(error).__name__, text=str(error))
        except Exception:  # noqa: BLE001 - a bug is told as one
            self._teller.tell(error="bug", text=traceback.format_exc())
        else:
            self._teller.tell(done=True)
        finally:
            self._moment.left = None

    async def _do(self, order: dict[str, Any]) -> None:
        match order["do"]:
            case "open":
                await self._enter(order["root"], order["origin"])
            case "close":
                await self._leave()
            case "fetch":
                await self._run(FetchOrder(tuple(map(stories.url, order["stories"]))))
            case "due":
                await self._run(Order())
            case "import":
                await self._run(ImportOrder(tuple(map(Path, order["paths"]))))
            case "put":
                await asyncio.gather(*(self._put(*each) for each in order["texts"]))
            case "bury":
                await self._bury(order["story"])

    async def _settle(self) -> None:
        """Wait for what was begun after the last text: this is asked for behind it."""
        if self._open and self._workshop:
            await self._workshop.archive.last_change()

    async def _enter(self, root: str, origin: str) -> None:
        place = Path(root)
        flags = {"seeds": place / "seeds", "state": place / "state", "site_origin": origin}
        settings = load(flags | {"rate": 1000, "concurrency": 1}, {})
        self._open = AsyncExitStack()
        opening = open_workshop(settings, self._teller, self._clock)
        self._workshop = await self._open.enter_async_context(opening)

    async def _leave(self) -> None:
        held, self._open = self._open, None
        if held:
            await held.aclose()

    async def _run(self, job: runs.Job) -> None:
        assert self._workshop
        outcome = await runs.perform(job, self._workshop, self._teller, asyncio.Event())
        if outcome.halted:
            raise outcome.halted
        for problem in outcome.problems:
            self._teller.tell(error="bug", text=problem)

    async def _put(self, number: int, text: int) -> None:
        assert self._workshop
        now = self._clock.now()
        visit = judge.visited(_ref(number), None, VisitState.HELD, now, published=now)
        draft = draft_of_page(stories.article(number, text), now)
        stored = await self._workshop.archive.put(draft, visit)
        self._teller.tell(story=stored.story_id, verdict=stored.decision.verdict)

    async def _bury(self, number: int) -> None:
        assert self._workshop
        now, ref = self._clock.now(), _ref(number)
        before = await self._workshop.archive.visit(ref.story_id)
        visit = judge.visited(ref, before, VisitState.REJECTED, now, reason=judge.MISSING)
        await self._workshop.archive.bury(visit)
        self._teller.tell(story=ref.story_id, verdict="buried")


def _ref(number: int) -> StoryRef:
    return story_ref(stories.url(number))


async def _serve(connection: socket.socket) -> None:
    moment = Moment()
    threading.setprofile(moment)
    reader, writer = await asyncio.open_unix_connection(sock=connection)
    teller = Teller(writer)
    worker = Worker(teller, moment)
    teller.tell(pid=os.getpid())
    while line := await reader.readline():
        await worker.obey(json.loads(line))


def _listen(path: str) -> Iterator[socket.socket]:
    """Yield connections until stdin is closed, also by the death of who holds the other end."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)  # noqa: T201
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            yield listener.accept()[0]


def _main(path: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    logging.disable(logging.CRITICAL)
    gc.freeze()
    for connection in _listen(path):
        if os.fork() == 0:
            try:
                asyncio.run(_serve(connection))
            finally:
                os._exit(0)
        connection.close()


if __name__ == "__main__":
    _main(sys.argv[1])
