"""Commands on their way to disk: gathered into batches, acknowledged when they are durable."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from harvester.errors import DatabaseUnusable, DiskError
from harvester.model import Stored
from harvester.store.batch import Command, Outcome, batch_size

_Waiting = tuple[Command, "asyncio.Future[Stored | None]"]


class WriteQueue:
    """One batch at a time; while it is written the next one gathers.

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
            size = batch_size(command for command, _ in self._waiting)
            batch = [self._waiting.popleft() for _ in range(size)]
            try:
                self.refuse_after_failure()
                outcomes = await self._apply([command for command, _ in batch])
                for (_, future), outcome in zip(batch, outcomes, strict=True):
                    _settle(future, outcome)
                await self._after()
            except asyncio.CancelledError as error:
                self._fail(error, batch)
                raise
            except Exception as error:  # noqa: BLE001  every caller gets it, known or a bug
                self._fail(error, batch)

    def _fail(self, error: BaseException, batch: Sequence[_Waiting]) -> None:
        self._failure = error
        for _, future in [*batch, *self._waiting]:
            _settle(future, error)
        self._waiting.clear()


def _settle(future: asyncio.Future[Stored | None], outcome: Outcome | BaseException) -> None:
    if future.done():  # its caller was cancelled, or has its outcome
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
