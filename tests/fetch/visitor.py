"""The fetcher in a process of its own: `python -m tests.fetch.visitor`, an order on stdin.

Time and memory of what a hostile site does to the program cannot be told apart from those of the
server in the same process. It prints an `Outcome` as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter

from harvester.clock import SystemClock
from harvester.errors import FetchFailed
from harvester.fetch import FetchSettings
from harvester.fetch.client import Fetcher
from harvester.model import HostState

MIB = 1024 * 1024
_HOSTILE = "https://www.zaobao.com.sg"
_WELL = "https://www.zaobao.com/well"


@dataclass(frozen=True)
class Visit:
    """What to fetch: all `paths` of the hostile host at once, each at most `cap` bytes.

    `beside` fetches go to a second host meanwhile, one after the other, unless it is 0.
    """

    origin: str
    paths: list[str]
    cap: int = 8 * MIB
    beside: int = 0


@dataclass(frozen=True)
class End:
    """How a fetch ended: the class of the error, its words, and after how many seconds."""

    kind: str
    problem: str
    seconds: float


@dataclass
class Outcome:
    """What came of it. `growth` is in bytes; `alone` and `beside` are the seconds of fetches."""

    ends: dict[str, End] = field(default_factory=dict)
    growth: int = 0
    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)


async def send(visit: Visit, **environment: str) -> Outcome:
    """Let a process of its own do it, with this added to the environment."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.fetch.visitor",
        cwd=Path(__file__).parents[2],
        env=os.environ | environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await process.communicate(json.dumps(asdict(visit)).encode())
    fields = json.loads(told)
    ends = {path: End(**end) for path, end in fields.pop("ends").items()}
    return Outcome(ends=ends, **fields)


class _NoMemory:
    """Remembers nothing."""

    async def load_host(self, host: str) -> HostState:  # noqa: ARG002 - of no host
        return HostState()

    async def save_host(self, host: str, state: HostState) -> None:
        pass


class _Visitor:
    def __init__(self, visit: Visit, fetcher: Fetcher) -> None:
        self._visit = visit
        self._fetcher = fetcher
        self._outcome = Outcome()

    async def go(self) -> Outcome:
        """Measure the well host alone, then beside the hostile one."""
        await self._timed(f"{_HOSTILE}/well")
        await self._timed(_WELL)
        for _ in range(self._visit.beside):
            self._outcome.alone.append((await self._timed(_WELL)).seconds)
        forget_peak()
        before = resident("VmRSS")
        hostile = asyncio.gather(*(self._hostile(path) for path in self._visit.paths))
        for _ in range(self._visit.beside):
            if hostile.done():
                break
            self._outcome.beside.append((await self._timed(_WELL)).seconds)
        await hostile
        self._outcome.growth = resident("VmHWM") - before
        return self._outcome

    async def _hostile(self, path: str) -> None:
        self._outcome.ends[path] = await self._timed(_HOSTILE + path)

    async def _timed(self, url: str) -> End:
        begun = perf_counter()
        kind, problem = "Page", ""
        try:
            await self._fetcher.get(url, cap=self._visit.cap)
        except FetchFailed as error:
            kind, problem = type(error).__name__, error.problem
        return End(kind, problem, perf_counter() - begun)


def forget_peak() -> None:
    """Let `VmHWM` begin anew."""
    Path("/proc/self/clear_refs").write_text("5")


def resident(name: str) -> int:
    """Return a size of this process in bytes: `VmRSS` now, `VmHWM` at its peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


async def _main() -> None:
    visit = Visit(**json.load(sys.stdin))
    settings = FetchSettings(
        "harvester/test", rate=1000, concurrency=100, site_origin=visit.origin, attempts=1
    )
    async with AsyncExitStack() as stack:
        hosts = frozenset({"www.zaobao.com.sg", "www.zaobao.com"})
        fetcher = Fetcher(settings, SystemClock(), _NoMemory(), hosts)
        outcome = await _Visitor(visit, await stack.enter_async_context(fetcher)).go()
    sys.stdout.write(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    asyncio.run(_main())
