"""The virtual loop: time passes only when nothing is left to do, and costs nothing."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import pbkdf2_hmac
from pathlib import Path

import aiohttp
import aiosqlite
import pytest
from aiohttp import web

from harvester.replica import Site
from harvester.replica.server import ReplicaServer
from harvester.replica.story import SG
from tests.support.virtual_time import START, VirtualClock, run

YEAR = 365 * 86_400


def virtually(main: Callable[[VirtualClock], Awaitable[None]]) -> None:
    """Run a test's body on a clock of its own."""
    clock = VirtualClock()

    async def body() -> None:
        await main(clock)

    run(body(), clock)


def test_a_year_passes_at_once() -> None:
    """Sleeping for a year takes no time, and both clocks tell of the year."""

    async def main(clock: VirtualClock) -> None:
        await clock.sleep(YEAR)

        assert clock.monotonic() == pytest.approx(YEAR)
        assert clock.now() == START + timedelta(days=365)

    virtually(main)


def test_timers_fire_in_order_at_their_times() -> None:
    """Sleepers wake in the order of their times, each at its own."""
    woken: list[tuple[str, float]] = []

    async def main(clock: VirtualClock) -> None:
        async def sleeper(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            woken.append((name, clock.monotonic()))

        await asyncio.gather(sleeper("late", 7200.0), sleeper("early", 0.5), sleeper("mid", 60.0))

    virtually(main)

    assert [name for name, _ in woken] == ["early", "mid", "late"]
    assert [at for _, at in woken] == pytest.approx([0.5, 60.0, 7200.0])


def test_short_sleeps_still_end_after_years() -> None:
    """After years, when floats are coarse, a millisecond is still one, and nothing hangs."""

    async def main(clock: VirtualClock) -> None:
        await clock.sleep(3 * YEAR)
        for _ in range(1000):
            await clock.sleep(0.001)

        assert clock.monotonic() - 3 * YEAR == pytest.approx(1.0, abs=0.01)

    virtually(main)


def test_an_exchange_takes_no_time() -> None:
    """Requests over a real socket are answered while the virtual time stands still."""

    async def main(clock: VirtualClock) -> None:
        async with (
            ReplicaServer(Site.bulk(20)) as server,
            aiohttp.ClientSession(headers={"Host": SG}) as session,
        ):
            alarm = asyncio.create_task(asyncio.sleep(0.001))
            for _ in range(20):
                async with session.get(f"{server.origin}/realtime/china") as response:
                    assert response.status == 200
                    assert await response.read()

            assert clock.monotonic() == 0
            assert [request.at for request in server.log] == [0] * 20
            await alarm

    virtually(main)


def test_a_large_answer_takes_no_time() -> None:
    """A body larger than every buffer on its way arrives before the next timer."""
    size = 20_000_000

    async def handle(_: web.BaseRequest) -> web.Response:
        return web.Response(body=b"x" * size)

    async def main(clock: VirtualClock) -> None:
        runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        async with aiohttp.ClientSession() as session:
            timeout = aiohttp.ClientTimeout(total=0.01)
            async with session.get(f"http://{host}:{port}/", timeout=timeout) as response:
                assert len(await response.read()) == size
        assert clock.monotonic() == 0
        await runner.cleanup()

    virtually(main)


def test_a_slow_server_triggers_the_clients_timeout() -> None:
    """A server that takes 5 virtual seconds is too slow for a client that waits for 3."""

    async def main(clock: VirtualClock) -> None:
        site = Site.bulk(20)
        site.slow("/realtime/china", 5)
        timeout = aiohttp.ClientTimeout(total=3)
        async with (
            ReplicaServer(site) as server,
            aiohttp.ClientSession(headers={"Host": SG}, timeout=timeout) as session,
        ):
            with pytest.raises(TimeoutError):
                await session.get(f"{server.origin}/realtime/china")

        assert 3 <= clock.monotonic() < 4

    virtually(main)


def test_threads_hold_the_time() -> None:
    """While a thread works for the loop no timer runs ahead, however long it takes."""
    order: list[str] = []

    async def main(clock: VirtualClock) -> None:
        async def timer() -> None:
            await asyncio.sleep(0.001)
            order.append("timer")

        running = asyncio.create_task(timer())
        await asyncio.to_thread(pbkdf2_hmac, "sha256", b"work", b"", 100_000)
        order.append("thread")

        assert clock.monotonic() == 0
        await running

    virtually(main)

    assert order == ["thread", "timer"]


def test_the_database_holds_the_time(tmp_path: Path) -> None:
    """Statements on aiosqlite's own thread end before the next timer, which fires afterwards."""

    async def main(clock: VirtualClock) -> None:
        fired = asyncio.Event()
        asyncio.get_running_loop().call_later(0.001, fired.set)
        async with aiosqlite.connect(tmp_path / "x.db") as database:
            await database.execute("CREATE TABLE t (n)")
            await database.execute(
                "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 50000)"
                " INSERT INTO t SELECT n FROM c"
            )
            await database.commit()

            assert not fired.is_set()
            assert clock.monotonic() == 0
        await fired.wait()

    virtually(main)


def test_a_child_process_holds_the_time() -> None:
    """A command's output and end are waited for, in real time, before a deadline comes."""

    async def main(clock: VirtualClock) -> None:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "print(len(input()))"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await asyncio.wait_for(child.communicate(b"hello"), 0.001)

        assert output.strip() == b"5"
        assert clock.monotonic() == 0
        await clock.sleep(5)

        assert clock.monotonic() == 5

    virtually(main)


def test_a_jump_of_the_wall_clock_leaves_sleeps_alone() -> None:
    """The wall clock may go an hour forward or back: a sleeper wakes after its own minute."""

    async def main(clock: VirtualClock) -> None:
        sleeper = asyncio.create_task(clock.sleep(60))
        clock.jump(3600)
        await asyncio.sleep(0)

        assert clock.now() == START + timedelta(hours=1)
        assert not sleeper.done()
        clock.jump(-7200)
        await sleeper

        assert clock.monotonic() == pytest.approx(60)
        assert clock.now() == START + timedelta(hours=-1, seconds=60)

    virtually(main)


def test_what_never_fires_is_cancelled_at_the_end() -> None:
    """A task still asleep when the main one ends is cancelled, and nothing is left open."""
    ended: list[str] = []

    async def sleeper() -> None:
        try:
            await asyncio.sleep(YEAR)
        finally:
            ended.append("sleeper")

    async def main(clock: VirtualClock) -> None:
        task = asyncio.create_task(sleeper())
        await clock.sleep(1)

        assert not task.done()

    virtually(main)

    assert ended == ["sleeper"]
