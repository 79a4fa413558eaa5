"""The daemon as a process: its life under signals, kills and systemd, and what it shows."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import urllib.error
import urllib.request
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harvester.model import Era
from harvester.replica.making import make
from harvester.replica.server import ReplicaServer
from harvester.replica.site import Site
from harvester.replica.story import SITE_ZONE, Story
from tests.e2e.processes import DEADLINE, command, environment, harvester, one_object
from tests.e2e.support import Place

LIST = "page-content/realtime?page=0"
SPEED = ("--rate", "500", "--min-free", "0")


def recent(count: int) -> list[Story]:
    """Return stories of the last hours, the newest a minute old."""
    now = datetime.now(UTC).astimezone(SITE_ZONE)
    times = [now - timedelta(minutes=1 + 10 * n) for n in range(count)]
    return [
        make(
            f"realtime/china/story{at:%Y%m%d}-{9_800_000 + n}",
            Era.SG_2024,
            f"{at:%Y-%m-%dT%H:%M:%S}",
            0,
        )
        for n, at in enumerate(times)
    ]


@pytest.fixture
async def server() -> AsyncIterator[ReplicaServer]:
    """Yield a running replica of 25 stories of today."""
    async with ReplicaServer(Site(recent(25))) as server:
        yield server


@asynccontextmanager
async def daemon(
    place: Path, server: ReplicaServer, *more: str, environ: Mapping[str, str] | None = None
) -> AsyncIterator[Process]:
    """Run a daemon in a folder while the block runs; it is killed at the end if it still runs."""
    options = ("--site-origin", server.origin, "--log-format", "json", *SPEED, *more)
    http = () if "--http" in more else ("--http", "off")
    process = await asyncio.create_subprocess_exec(
        *command("daemon", *options, *http),
        cwd=place,
        env=environment(environ or {}),
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def heard(process: Process, event: str, **more: object) -> dict[str, object]:
    """Return the next log line of an event with these fields."""
    assert process.stderr
    async with asyncio.timeout(DEADLINE):
        async for line in process.stderr:
            told: dict[str, object] = json.loads(line)
            if told["event"] == event and more.items() <= told.items():
                return told
    raise AssertionError(f"the daemon ended before it said {event}")


async def all_held(process: Process, stories: int) -> None:
    """Wait until so many stories were told as new."""
    for _ in range(stories):
        await heard(process, "new")


def lists(server: ReplicaServer) -> int:
    """Return how often the list was asked for."""
    return sum(LIST in request.target for request in server.log)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_order(
    tmp_path: Path, server: ReplicaServer, number: signal.Signals
) -> None:
    """What is in flight is finished or given back, the exit code is 0, the archive is whole."""
    async with daemon(tmp_path, server) as process:
        await all_held(process, 3)
        process.send_signal(number)
        await heard(process, "stopped")
        assert await asyncio.wait_for(process.wait(), 20) == 0
    Place(tmp_path).check()


async def test_killed_and_started_again_it_asks_nothing_twice(
    tmp_path: Path, server: ReplicaServer
) -> None:
    """After SIGKILL the slot that was used stays used, and all that was listed is held."""
    async with daemon(tmp_path, server) as process:
        await all_held(process, 3)
        process.kill()
    asked = lists(server)
    for _ in range(3):
        async with daemon(tmp_path, server) as process:
            await heard(process, "open")
            process.kill()
    async with daemon(tmp_path, server) as process:
        await asyncio.to_thread(_wait_for_posts, tmp_path, 25)
        process.terminate()
        assert await process.wait() == 0
    assert asked == lists(server) == 1
    Place(tmp_path).check()
    assert harvester("verify", cwd=tmp_path).returncode == 0


def _wait_for_posts(place: Path, number: int) -> None:
    """Ask the catalogue, as a consumer would, until so many stories are held."""
    for _ in range(2000):
        told = json.loads(harvester("status", "--json", "--http", "off", cwd=place).stdout)
        if told["stories"] >= number:
            return
    raise AssertionError(f"{told['stories']} of {number} stories are held")


async def test_a_slow_site_does_not_hold_up_the_end(tmp_path: Path, server: ReplicaServer) -> None:
    """A request without an answer is cut after the grace; its story stands as before."""
    for story in recent(25):
        server.site.slow(f"/{story.path}", 3600.0)
    async with daemon(tmp_path, server) as process:
        await heard(process, "poll", watch="realtime")
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 20) == 0
    assert harvester("verify", cwd=tmp_path).returncode == 0


async def test_hangup_reads_the_settings_again_and_keeps_the_old_ones_if_they_are_bad(
    tmp_path: Path, server: ReplicaServer
) -> None:
    """A bad file is told with its key, and the daemon goes on; a good one holds at once."""
    written = tmp_path / "harvester.toml"
    written.write_text('sections = ["realtime/china"]\n', "utf-8")
    async with daemon(tmp_path, server) as process:
        await heard(process, "poll", watch="realtime/china")
        written.write_text('sectoins = ["realtime/world"]\n', "utf-8")
        process.send_signal(signal.SIGHUP)
        told = await heard(process, "settings", level="error")
        assert "did you mean 'sections'" in str(told["problem"])
        await heard(process, "open")
        written.write_text('sections = ["realtime/world"]\n', "utf-8")
        process.send_signal(signal.SIGHUP)
        await heard(process, "settings", changed=True)
        await heard(process, "poll", watch="realtime/world")
        process.terminate()
        assert await process.wait() == 0


async def test_systemd_hears_when_it_is_ready_alive_and_ending(
    tmp_path: Path, server: ReplicaServer
) -> None:
    """READY after the archive is open, WATCHDOG while it works, STOPPING at once when told."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard_here:
        heard_here.bind(str(tmp_path / "notify"))
        heard_here.setblocking(False)
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "3000000"}
        async with daemon(tmp_path, server, environ=environ) as process:
            said = await _until(heard_here, "READY=1")
            said += await _until(heard_here, "WATCHDOG=1")
            process.terminate()
            said += await _until(heard_here, "STOPPING=1")
            assert await process.wait() == 0
    assert said[0].startswith("STATUS=starting")


async def _until(heard_here: socket.socket, word: str) -> list[str]:
    said: list[str] = []
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(DEADLINE):
        while word not in said:
            said.append((await loop.sock_recv(heard_here, 4096)).decode())
    return said


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own http
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


async def test_health_status_and_metrics_tell_how_it_is(
    tmp_path: Path, server: ReplicaServer
) -> None:
    """200 while it is well; `status` shows the live daemon; the figures are Prometheus'."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    async with daemon(tmp_path, server, "--http", address) as process:
        await all_held(process, 25)
        code, body = await asyncio.to_thread(_get, f"http://{address}/healthz")
        assert (code, json.loads(body)["status"]) == (200, "ok")
        _, metrics = await asyncio.to_thread(_get, f"http://{address}/metrics")
        assert 'harvester_visits_total{lane="live",verdict="new"}' in metrics
        shown = await asyncio.to_thread(
            lambda: harvester("status", "--json", "--http", address, cwd=tmp_path)
        )
        told = json.loads(shown.stdout)
        assert told["daemon"]["status"] == "ok"
        assert {watch["name"] for watch in told["watches"]} == {"realtime", "sitemap"}
        assert sum(day["held"] for day in told["coverage"]) == 25


async def test_no_room_on_the_disk_pauses_it_and_room_resumes_it(
    tmp_path: Path, server: ReplicaServer
) -> None:
    """With less room than asked for nothing is fetched, and it says so; a reload resumes it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    written = tmp_path / "harvester.toml"
    written.write_text('min_free = "9000000GiB"\n', "utf-8")
    options = ("--site-origin", server.origin, "--log-format", "json", "--http", address)
    process = await asyncio.create_subprocess_exec(
        *command("daemon", *options, "--rate", "500"),
        cwd=tmp_path,
        env=environment({}),
        stderr=PIPE,
    )
    try:
        await heard(process, "state", state="paused")
        code, body = await asyncio.to_thread(_get, f"http://{address}/healthz")
        assert (code, json.loads(body)["status"]) == (503, "paused")
        assert server.log == []
        written.write_text("min_free = 0\n", "utf-8")
        process.send_signal(signal.SIGHUP)
        await all_held(process, 25)
        process.terminate()
        await heard(process, "stopped")
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_commands_hand_their_work_to_it(tmp_path: Path, server: ReplicaServer) -> None:
    """A backfill and a fetch beside the daemon are done by it and end as if done alone."""
    origin = ("--site-origin", server.origin)
    async with daemon(tmp_path, server) as process:
        await all_held(process, 25)
        told = await asyncio.to_thread(
            lambda: harvester("backfill", "--since", "7d", "--json", *origin, cwd=tmp_path)
        )
        counts = one_object(told.stdout)
        assert (told.returncode, counts["skipped"]) == (0, 25)
        assert f"handed to the daemon (pid {process.pid})" in told.stderr
        url = f"https://www.zaobao.com.sg/{recent(1)[0].path}"
        told = await asyncio.to_thread(
            lambda: harvester("fetch", url, "--json", *origin, cwd=tmp_path)
        )
        assert one_object(told.stdout)["unchanged"] == 1
        process.terminate()
        assert await process.wait() == 0
