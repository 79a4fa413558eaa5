"""What waits for the catalogue: commands in batches, until they are durable; questions in waves."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from harvester.errors import DatabaseUnusable, DiskError
from harvester.model import Stored
from harvester.store.batch import BATCH, Command, Outcome, batch_size

_A = TypeVar("_A")
_T = TypeVar("_T")
_Waiting = tuple[Command, "asyncio.Future[Stored | None]"]


class WriteQueue:
    """One batch at a time; while it is written the next one gathers, and for `linger` seconds more.

    `apply` makes a batch durable, `after` is called after each. When one of them fails nothing of
    the batch counts as stored, and everything from then on is refused with the same error.
    """

    def __init__(
        self,
        apply: Callable[[Sequence[Command]], Awaitable[list[Outcome]]],
        after: Callable[[], Awaitable[None]],
    ) -> None:
        self._apply = apply
        self._after = after
        self.linger = 0.0
        self._waiting: deque[_Waiting] = deque()
        self._draining: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None

    async def submit(self, command: Command) -> Stored | None:
        """Wait until a command is durable. Raises what concerns its draft, or the failure."""
        self.refuse_after_failure()
        future: asyncio.Future[Stored | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, future))
        if self._draining is None or self._draining.done():
            self._draining = asyncio.create_task(self._drain(), name="archive-writer")
        return await future

    async def finish(self) -> bool:
        """Wait for what was begun; return whether all of it went well."""
        if self._draining:
            await self._draining
        return self._failure is None

    def refuse_after_failure(self) -> None:
        """Raise the failure, if there was one."""
        if self._failure:
            raise self._failure

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Hold a write that is no command to the same rule: refused after a failure, or one."""
        self.refuse_after_failure()
        try:
            yield
        except (DiskError, DatabaseUnusable) as error:
            self._failure = error
            raise

    async def _drain(self) -> None:
        while self._waiting:
            batch: list[_Waiting] = []
            try:
                if self.linger and len(self._waiting) < BATCH:
                    await asyncio.sleep(self.linger)
                size = batch_size(command for command, _ in self._waiting)
                batch = [self._waiting.popleft() for _ in range(size)]
                self.refuse_after_failure()
                outcomes = await self._apply([command for command, _ in batch])
                for (_, future), outcome in zip(batch, outcomes, strict=True):
                    _end(future, outcome)
                await self._after()
            except asyncio.CancelledError as error:
                self._fail(error, batch)
                raise
            except Exception as error:  # noqa: BLE001  every caller gets it, known or a bug
                self._fail(error, batch)

    def _fail(self, error: BaseException, batch: Sequence[_Waiting]) -> None:
        self._failure = error
        for _, future in [*batch, *self._waiting]:
            _end(future, error)
        self._waiting.clear()


class Waves(Generic[_A, _T]):
    """Questions: those that come while others are answered are answered together, in order."""

    def __init__(self, answer: Callable[[Sequence[_A]], Awaitable[Sequence[_T]]]) -> None:
        self._answer = answer
        self._waiting: list[tuple[_A, asyncio.Future[_T]]] = []
        self._answering: asyncio.Task[None] | None = None

    async def ask(self, question: _A) -> _T:
        """Return the answer. Raises what `answer` raises for the wave."""
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._answering is None or self._answering.done():
            self._answering = asyncio.create_task(self._drain(), name="archive-reader")
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            wave, self._waiting = self._waiting, []
            try:
                answers = await self._answer([question for question, _ in wave])
            except Exception as error:  # noqa: BLE001  every caller gets it, known or a bug
                for _, future in wave:
                    _end(future, error)
            else:
                for (_, future), answer in zip(wave, answers, strict=True):
                    _end(future, answer)


def _end(future: asyncio.Future[_T], outcome: _T | BaseException) -> None:
    if future.done():  # its caller was cancelled, or has its outcome
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
