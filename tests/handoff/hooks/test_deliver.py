"""Delivery by several programs and by programs that are killed: real processes, real signals."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web

from tests.e2e.processes import command as command_line
from tests.e2e.processes import environment
from tests.handoff.hooks.support import (
    SECRET,
    Place,
    Receiver,
    command,
    deliveries,
    live,
    publish,
    rewind,
    status,
)


@pytest.fixture
async def shop() -> AsyncIterator[Receiver]:
    """Yield a receiver that listens."""
    receiver = Receiver()
    async with receiver.listening():
        yield receiver


async def _start(root: Path, hooks: list[dict[str, object]], *arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *command_line("hooks", "deliver", *arguments),
        cwd=root,
        env=environment({"HARVESTER_HOOKS": json.dumps(hooks)}),
        stdout=PIPE,
        stderr=PIPE,
    )


def _shop(receiver: Receiver) -> dict[str, object]:
    hook = receiver.hook()
    return {"name": hook.name, "url": hook.url, "secret": SECRET}


async def _ended(process: Process) -> tuple[int | None, str]:
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert b"Traceback" not in err
    assert SECRET.encode() not in out + err
    return process.returncode, out.decode() + err.decode()


async def test_a_deliverer_that_is_killed(tmp_path: Path, shop: Receiver) -> None:
    """Killed between delivery and remembering, the next one repeats the message, with its id."""
    await publish(tmp_path, 1, 2, 3)
    rewind(tmp_path, shop.hook())
    running: list[Process] = []

    async def kill(_: web.BaseRequest) -> web.StreamResponse:
        os.kill(running[-1].pid, signal.SIGKILL)
        await running[-1].wait()
        return web.Response()

    shop.answers = [204, kill, kill]
    for _ in range(3):
        running.append(await _start(tmp_path, [_shop(shop)]))
        code, _ = await _ended(running[-1])

    assert code == 0
    assert shop.seqs == [1, 2, 2, 2, 3]
    first, *same, last = (call.id for call in shop.calls)
    assert len({first, *same, last}) == 3
    assert len(set(same)) == 1
    assert status(tmp_path, shop.hook()).position == 3


async def test_a_command_whose_caller_is_killed(tmp_path: Path) -> None:
    """A command gets the same changes again where its end was not remembered."""
    await publish(tmp_path, 1, 2)
    script = 'echo $HARVESTER_FIRST_SEQ >> got; test -e once || { touch once; kill -9 "$PPID"; }'
    hook = command("site", script)
    rewind(tmp_path, hook)
    table: dict[str, object] = {"name": "site", "command": f"sh -c '{script}'"}

    codes = [(await _ended(await _start(tmp_path, [table])))[0] for _ in range(2)]

    assert codes == [-signal.SIGKILL, 0]
    assert (tmp_path / "got").read_text().split() == ["1", "1", "2"]


async def test_two_deliverers(tmp_path: Path, shop: Receiver) -> None:
    """Two commands at once deliver each change once, in order."""
    await publish(tmp_path, *range(12))
    rewind(tmp_path, shop.hook())

    both = [await _start(tmp_path, [_shop(shop)]) for _ in range(2)]
    ended = await asyncio.gather(*map(_ended, both))

    assert [code for code, _ in ended] == [0, 0]
    assert shop.seqs == list(range(1, 13))


def test_a_deliverer_beside_another(tmp_path: Path) -> None:
    """While one delivers another one waits; what the one has given up the other takes over."""
    shop = Receiver()

    async def act(place: Place) -> None:
        await place.publish(1, 2, 3)
        async with shop.listening():
            hook = shop.hook()
            rewind(tmp_path, hook)

            async def slow(_: web.BaseRequest) -> web.StreamResponse:
                await asyncio.sleep(20)
                return web.Response()

            shop.answers = [slow, slow]
            async with AsyncExitStack() as first:
                await first.enter_async_context(place.couriers(hook))
                await place.until(lambda: len(shop.calls) == 1)
                async with place.couriers(hook) as second:
                    await place.clock.sleep(10)
                    assert second.statuses["shop"].position is None
                    await place.until(lambda: len(shop.calls) == 2)
                    await first.aclose()
                    await place.until(lambda: place.status(hook).position == 3)

    live(tmp_path, act)
    assert shop.seqs == [1, 2, 2, 3]
    assert len({call.id for call in shop.calls}) == 3


async def test_what_cannot_be_delivered_is_given_up(tmp_path: Path, shop: Receiver) -> None:
    """A message is tried three times, then its hook is left; the others get theirs; exit 1."""
    await publish(tmp_path, 1, 2)
    rewind(tmp_path, shop.hook())
    site = command("site", "cat >> got")
    rewind(tmp_path, site)
    shop.answers = [204, 500, 500, 500]
    tables: list[dict[str, object]] = [
        _shop(shop),
        {"name": "site", "command": "sh -c 'cat >> got'", "batch": 10},
        {"name": "new", "command": "false"},
    ]

    code, told = await _ended(await _start(tmp_path, tables, "--json"))

    assert code == 1
    assert json.loads(told)["hooks"] == [
        _told("shop", 1, 1, 1, 1, "500 Internal Server Error", False),
        _told("site", 1, 2, 2, 0, "", False),
        _told("new", 0, 0, 2, 0, "", True),
    ]
    assert [one.attempt for one in deliveries(tmp_path, shop.hook())] == [1, 1, 2, 3]
    assert (tmp_path / "got").read_text("utf-8").count("\n") == 2

    shop.answers = [410]
    code, told = await _ended(await _start(tmp_path, [_shop(shop)]))
    assert code == 1
    assert told.startswith("shop: 0 changes delivered in 0 messages, has had all up to 1; ")
    assert told.endswith("; given up, 1 wait: 410 Gone\n")


def _told(name: str, *values: object) -> dict[str, object]:
    keys = ("messages", "changes", "position", "behind", "problem", "new")
    return {"name": name, **dict(zip(keys, values, strict=True))}


async def test_it_ends_when_told(tmp_path: Path) -> None:
    """SIGTERM ends the command that runs, too, and leaves its message for the next time."""
    await publish(tmp_path, 1)
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    hook = command("site", f"exec 9> {alive}; sleep 1000")
    rewind(tmp_path, hook)
    tables: list[dict[str, object]] = [
        {"name": "site", "command": f"sh -c 'exec 9> {alive}; sleep 1000'"}
    ]

    process = await _start(tmp_path, tables)
    with await asyncio.to_thread(alive.open) as reading:
        process.terminate()
        assert (await _ended(process))[0] == 130
        assert await asyncio.wait_for(asyncio.to_thread(reading.read), 30) == ""
    assert status(tmp_path, hook).behind == 1
    assert deliveries(tmp_path, hook) == []
