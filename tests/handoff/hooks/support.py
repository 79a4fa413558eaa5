"""An archive that changes, a receiver that answers as it is told, and hooks on virtual time."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

from harvester.handoff.hooks import Couriers, HookStatus, open_ledger, replay, status_of
from harvester.handoff.hooks.ledger import Delivery
from harvester.settings import Hook
from harvester.store import open_archive
from tests.store.support import make_draft, make_visit, open_store
from tests.support.virtual_time import VirtualClock, run

SECRET = "whsec_" + b64encode(b"a key that tests use alone").decode()
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
_FIRST = 1_000_000


async def publish(root: Path, *numbers: int, text: str = "text") -> None:
    """Put stories into the archive in this order, each a change; another text is another one."""
    async with open_store(root) as archive:
        for number in numbers:
            story_id = str(_FIRST + number)
            draft = make_draft(story_id, f"{text} {number}", title=f"标题{number}")
            await archive.put(draft, make_visit(story_id))


def command(name: str, script: str, **options: Any) -> Hook:  # noqa: ANN401 - as a hook takes them
    """Return a hook that runs a shell script."""
    return Hook(name, ("sh", "-c", script), **options)


@dataclass(frozen=True)
class Call:
    """A call that a receiver got: when, and what it said. `at` are seconds of the loop."""

    at: float
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The message's id."""
        return self.headers["webhook-id"]

    @property
    def seqs(self) -> list[int]:
        """The numbers of its changes."""
        return [change["seq"] for change in json.loads(self.body)["data"]["changes"]]

    def verify(self) -> None:
        """Hold it to its signature, as the receivers' library signs at the time it states."""
        at = datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), UTC)
        signature = Webhook(SECRET).sign(self.id, at.replace(tzinfo=UTC), self.body.decode())
        assert self.headers["webhook-signature"] == signature


Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass
class Receiver:
    """A webhook's receiver. It gives `answers` in their turn, then 204; `calls` are all it got."""

    answers: list[int | Answer] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    port: int = 0

    @property
    def seqs(self) -> list[int]:
        """The numbers of all changes that it got, in the order in which they came."""
        return [seq for call in self.calls for seq in call.seqs]

    def changes(self, call: int) -> list[dict[str, Any]]:
        """Return the changes of a call."""
        told: list[dict[str, Any]] = json.loads(self.calls[call].body)["data"]["changes"]
        return told

    def hook(self, name: str = "shop", **options: Any) -> Hook:  # noqa: ANN401
        """Return a hook that calls it."""
        options = {"url": f"http://127.0.0.1:{self.port}/hook", "secret": SECRET} | options
        return Hook(name, timeout=30.0, **options)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen while the block runs, on the same port every time."""
        runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self.port, reuse_address=True).start()
            self.port = runner.addresses[0][1]
            yield
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        now = asyncio.get_running_loop().time()
        self.calls.append(Call(now, {k.lower(): v for k, v in request.headers.items()}, body))
        answer = self.answers.pop(0) if self.answers else 204
        return web.Response(status=answer) if isinstance(answer, int) else await answer(request)


@dataclass
class Place:
    """An archive on virtual time."""

    root: Path
    clock: VirtualClock

    def couriers(self, *hooks: Hook) -> Couriers:
        """Return couriers whose pauses are as long as they can be."""
        seeds, state = self.root / "seeds", self.root / "state"
        return Couriers(hooks, seeds, state, self.clock, roll=lambda: 0.0)

    async def publish(self, *numbers: int, text: str = "text") -> None:
        """Add changes."""
        await publish(self.root, *numbers, text=text)

    def status(self, hook: Hook) -> HookStatus:
        """Return how a hook stands."""
        return status(self.root, hook)

    async def until(self, met: Callable[[], bool], limit: float = 2 * DAY) -> None:
        """Let time pass until a condition is met, in steps that grow with the wait."""
        passed = 0.0
        while not met():
            assert passed < limit, "what was waited for did not come"
            step = max(0.5, passed / 50)
            await self.clock.sleep(step)
            passed += step


def status(root: Path, hook: Hook) -> HookStatus:
    """Return how a hook stands, as another process sees it."""
    with (
        open_archive(root / "seeds", root / "state") as archive,
        open_ledger(root / "state") as ledger,
    ):
        return status_of(hook, archive, ledger)


def deliveries(root: Path, hook: Hook) -> list[Delivery]:
    """Return the delivery log of a hook."""
    with open_ledger(root / "state") as ledger:
        return ledger.deliveries(hook.name, 1000)


def rewind(root: Path, hook: Hook, since: int = 0) -> None:
    """Set a hook back, as another process does."""
    with (
        open_archive(root / "seeds", root / "state") as archive,
        open_ledger(root / "state") as ledger,
    ):
        replay(hook, since, archive, ledger)


def live(root: Path, act: Callable[[Place], Awaitable[None]]) -> None:
    """Run `act` on virtual time that begins now."""
    clock = VirtualClock(datetime.now(UTC))

    async def main() -> None:
        await act(Place(root, clock))

    run(main(), clock)
