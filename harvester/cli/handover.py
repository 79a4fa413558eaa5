"""Work that a running daemon does in a command's stead, its progress shown here."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from harvester.bulk.locations import absolute
from harvester.cli.console import Screen
from harvester.cli.running import run_to_end
from harvester.daemon import wire
from harvester.daemon.orders import socket_address
from harvester.discover import Discovery
from harvester.errors import Busy, UsageError
from harvester.model import BodyMode
from harvester.runs import ImportOrder, Job, Order, Outcome
from harvester.settings import Settings

_PACE = ("rate", "concurrency", "raw")
_ORIGINS = ("wayback_origin", "commoncrawl_origin")
_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def run_job(
    job: Job,
    chosen: argparse.Namespace,
    settings: Settings,
    screen: Screen,
    alone: Callable[[asyncio.Event], Awaitable[Outcome]],
) -> Outcome:
    """Have the daemon do a job; without a daemon do it here, `alone`. Ctrl-C ends it cleanly."""
    unheeded = [f"--{name}" for name in _PACE if hasattr(chosen, name)]

    async def work(stopping: asyncio.Event) -> Outcome:
        outcome = await hand_over(settings, job, screen, stopping, unheeded)
        return outcome if outcome is not None else await alone(stopping)

    return run_to_end(work, screen)


def body_asked(chosen: argparse.Namespace, settings: Settings) -> BodyMode | None:
    """Return the form of the body if it was asked for here; if not, the daemon's own holds."""
    return settings.body if hasattr(chosen, "body") else None


async def hand_over(
    settings: Settings,
    job: Job,
    screen: Screen,
    stopping: asyncio.Event,
    unheeded: Sequence[str] = (),
) -> Outcome | None:
    """Hand a job to the daemon of the state folder and follow it; None where no daemon listens.

    `unheeded` are options that were given and that the daemon does not heed. Raises what the job
    raised, `Busy` where the daemon ends before it or is of another version, `UsageError` where it
    works on another post tree or asks another site.
    """
    connection = await _connect(settings)
    if connection is None:
        return None
    reader, writer = connection
    try:
        hello = _checked(await _next(reader), settings, job)
        screen.say(f"handed to the daemon (pid {hello.pid})")
        if unheeded:
            screen.say(f"{' and '.join(unheeded)}: not heeded, the daemon keeps its own pace")
        await _send(job, writer)
        return await _follow(reader, writer, screen, stopping)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _connect(settings: Settings) -> _Connection | None:
    with suppress(OSError), socket_address(settings.state) as address:
        return await asyncio.open_unix_connection(address, limit=wire.LINE_MAX)
    return None


async def _pass_on(stopping: asyncio.Event, writer: asyncio.StreamWriter) -> None:
    await stopping.wait()
    writer.write(wire.encode(wire.Stop()))


def _checked(hello: wire.Message, settings: Settings, job: Job) -> wire.Hello:
    if not isinstance(hello, wire.Hello):
        raise Busy(f"{settings.state}: something else than a daemon listens there")
    if hello.seeds != settings.seeds.resolve():
        raise UsageError(f"--seeds: the daemon (pid {hello.pid}) keeps its posts in {hello.seeds}")
    if hello.site_origin != settings.site_origin and not isinstance(job, ImportOrder):
        asked = hello.site_origin or "the site itself"
        raise UsageError(f"--site-origin: the daemon (pid {hello.pid}) asks {asked}")
    if isinstance(job, Order):
        for name in _ORIGINS:
            if getattr(hello, name) != getattr(settings, name):
                asked = getattr(hello, name) or "the archive itself"
                flag = f"--{name.replace('_', '-')}"
                raise UsageError(f"{flag}: the daemon (pid {hello.pid}) asks {asked}")
    return hello


async def _send(job: Job, writer: asyncio.StreamWriter) -> None:
    """Send a job; the daemon may have another working folder than this command."""
    if isinstance(job, ImportOrder):
        job = replace(job, paths=tuple(path.absolute() for path in job.paths))
    elif isinstance(job, Order):
        job = replace(job, warc=tuple(map(absolute, job.warc)))
    with suppress(OSError):  # what the daemon says to that is read next
        for line in wire.job_lines(job):
            writer.write(line)
            await writer.drain()


async def _follow(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    screen: Screen,
    stopping: asyncio.Event,
) -> Outcome:
    """Show the job's progress until it ends; pass on the wish that it ends sooner."""
    telling = asyncio.create_task(_pass_on(stopping, writer))
    try:
        while True:
            match await _next(reader):
                case Outcome() as outcome:
                    return outcome
                case wire.Failure() as failure:
                    raise failure.as_error()
                case event:
                    _show(event, screen)
    finally:
        telling.cancel()


async def _next(reader: asyncio.StreamReader) -> wire.Message:
    line = b""
    with suppress(OSError):
        line = await reader.readline()
    if not line.endswith(b"\n"):
        raise Busy("the daemon ended in the middle; run the command again, finished work is kept")
    try:
        return wire.decode(line)
    except ValueError as problem:
        told = f"the daemon cannot be understood ({problem}); restart it with this version"
        raise Busy(told) from problem


def _show(event: wire.Message, screen: Screen) -> None:
    match event:
        case wire.Queued(before):
            screen.say(f"jobs that the daemon does first: {before}")
        case wire.Missed(events):
            screen.say(f"lines left out because they were not read in time: {events}")
        case wire.Adopting(posts):
            screen.adopting(posts)
        case wire.Discovering(sources, total, fresh):
            screen.discovering(Discovery(sources, total, fresh))
        case wire.Planned(total):
            screen.planned(total)
        case wire.Waiting(host, seconds, why):
            screen.waiting(host, seconds, why)
        case wire.Ended(url, decision):
            screen.ended(url, decision)
        case wire.Imported(path, decision, stored):
            screen.imported(path, decision, stored)
