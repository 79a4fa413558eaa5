"""`harvester status`: the catalogue, the calendar, the watches, and a daemon if there is one."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from harvester.cli import status_command
from harvester.cli.status_command import ask_daemon, calendar
from harvester.clock import SystemClock
from harvester.handoff.hooks import deliver
from harvester.model import Poll, Watch
from harvester.serve import HttpServer, Metrics
from harvester.serve.report import Report
from harvester.settings import Address, Hook, Settings, load
from harvester.store import Coverage
from tests.handoff.hooks.support import command, publish, rewind
from tests.serve.support import Told
from tests.store.support import StillClock, make_ref, open_store

MONDAY = date(2026, 10, 19)
ESCAPE = "\x1b"

HERE = Path("state")


def _settings(root: Path, http: Address | None) -> Settings:
    flags = {"seeds": root / "seeds", "state": root / "state"}
    return replace(load(flags, {}, root / "harvester.toml"), http=http)


@pytest.fixture
async def root(tmp_path: Path) -> Path:
    """Return a place whose catalogue knows two stories of today and one watch."""
    (tmp_path / "harvester.toml").touch()
    clock = StillClock()
    clock.at = now = datetime.now(UTC).replace(microsecond=0)
    today = (now + timedelta(hours=8)).date()
    watch = Watch("realtime/china", "https://www.zaobao.com.sg/realtime/china", checked_at=now)
    watch = replace(watch, next_check_at=now + timedelta(minutes=5), problem=f"no cards{ESCAPE}[2J")
    async with open_store(tmp_path, clock) as archive:
        await archive.begin_poll(watch, now, now)
        refs = [make_ref("9000001", day=today), make_ref("9000002", day=today)]
        await archive.end_poll(Poll(watch.name, now, now, cards=2), watch, refs)
    return tmp_path


@pytest.fixture
def closed() -> Address:
    """Return an address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return Address("127.0.0.1", server.getsockname()[1])


@asynccontextmanager
async def _daemon(told: Told) -> AsyncIterator[Address]:
    async with HttpServer(Address("127.0.0.1", 0), told, Metrics().registry) as server:
        yield Address("127.0.0.1", int(server.url.rstrip("/").rpartition(":")[2]))


async def _shown(capsys: pytest.CaptureFixture[str], settings: Settings) -> str:
    chosen = argparse.Namespace(json=False)
    assert await asyncio.to_thread(status_command.run, chosen, settings) == 0
    return capsys.readouterr().out


async def _object(capsys: pytest.CaptureFixture[str], settings: Settings) -> dict[str, Any]:
    chosen = argparse.Namespace(json=True)
    assert await asyncio.to_thread(status_command.run, chosen, settings) == 0
    told = json.loads(capsys.readouterr().out)
    assert isinstance(told, dict)
    return told


async def test_without_a_daemon_the_catalogue_is_shown(
    capsys: pytest.CaptureFixture[str], root: Path, closed: Address
) -> None:
    """Nobody at the port is fine, and said; coverage and watches come from the catalogue."""
    shown = await _shown(capsys, _settings(root, closed))

    assert f"no daemon answers at http://{closed}/; all this is from the catalogue" in shown
    assert "0/2" in shown
    assert "of these 2 wait, 0 failed, 0 are no articles" in shown
    assert "watch realtime/china: looked " in shown
    assert "; no cards [2J" in shown
    assert ESCAPE not in shown


async def test_http_off_asks_nobody(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    """Who has switched the server off is told that the catalogue speaks alone."""
    assert "http is off" in await _shown(capsys, _settings(root, None))


async def test_a_daemon_tells_its_state(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    """State, reason, counts and every alarm of the running daemon; foreign text cannot act."""
    details = {
        "waiting": {"live": 0, "backfill": 7},
        "alarms": [{"text": "no cards"}, {"text": f"no dates{ESCAPE}[2J"}],
        "since": "2026-11-21",
        "reconciled": "",
    }
    told = Told(Report("drifting", "no cards (and 1 more)", alive=True, details=details))
    async with _daemon(told) as address:
        shown = await _shown(capsys, _settings(root, address))

    assert (
        shown.splitlines()[-6:-1]
        == [
            f"daemon at http://{address}/: drifting: no cards (and 1 more)",
            "  waiting: 7 backfill",
            "  alarms: no cards; no dates [2J",
            "  since: 2026-11-21",
            "→ nothing is held yet; `harvester backfill --since 7d` begins",
        ]
        or ESCAPE not in shown
    )


async def test_json_has_the_same(
    capsys: pytest.CaptureFixture[str], root: Path, closed: Address
) -> None:
    """`--json` has the calendar's days, the watches and what the daemon told, or null."""
    alone = await _object(capsys, _settings(root, closed))
    async with _daemon(Told(Report("ok", "", alive=True, details={"a": 1}))) as address:
        told = await _object(capsys, _settings(root, address))

    assert alone["daemon"] is None
    assert told["daemon"] == {"status": "ok", "reason": "", "alive": True, "details": {"a": 1}}
    assert date.fromisoformat(told["coverage"][0]["day"]).weekday() == 0
    last = {"known": 2, "held": 0, "refused": 0, "failed": 0, "waiting": 2}
    assert last.items() <= told["coverage"][-1].items()
    assert 29 <= len(told["coverage"]) <= 35
    (watch,) = told["watches"]
    assert watch["name"] == "realtime/china"
    assert watch["next_check_at"] > watch["checked_at"]


@asynccontextmanager
async def _answering(body: bytes) -> AsyncIterator[Address]:
    """Answer every request with these bytes while the block runs; yield the address."""

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(body=body)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield Address("127.0.0.1", runner.addresses[0][1])
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "body", [b"hello", b"[]", b"{}", b'{"status": 1}', b"\xff", b"", b"[" * 100_000, b'{"status":']
)
async def test_another_program_at_the_port_is_no_daemon(body: bytes) -> None:
    """Whatever answers there, and is no report, counts as none."""
    async with _answering(body) as address:
        assert await asyncio.to_thread(ask_daemon, address, HERE) is None


async def test_the_daemon_of_another_archive_is_not_ours() -> None:
    """What answers at the port tells which archive it keeps; only ours counts."""
    body = b'{"status": "ok", "details": {"state": "/srv/other"}}'

    async with _answering(body) as address:
        assert await asyncio.to_thread(ask_daemon, address, HERE) is None
        assert await asyncio.to_thread(ask_daemon, address, Path("/srv/other")) is not None


async def test_a_server_for_all_is_asked_on_loopback() -> None:
    """A daemon that listens on every address is found on this machine's own."""
    async with _daemon(Told()) as address:
        everywhere = Address("0.0.0.0", address.port)  # noqa: S104 - only asked
        told = await asyncio.to_thread(ask_daemon, everywhere, HERE)

    assert told
    assert told["status"] == "ok"


def _days(*some: Coverage) -> Sequence[Coverage]:
    known = {day.day: day for day in some}
    dates = (MONDAY + timedelta(days=n) for n in range(31))
    return [known.get(day, Coverage(day)) for day in dates]


def test_the_calendar_has_a_row_for_each_week() -> None:
    """Weeks begin on Monday; a day without stories has a dot, days to come have nothing."""
    lines = list(calendar(_days(Coverage(MONDAY + timedelta(days=8), 190, 183, 7))))

    weeks = [line for line in lines if line.startswith("2026-")]
    assert [line[:10] for line in weeks] == [
        *("2026-10-19", "2026-10-26", "2026-11-02", "2026-11-09", "2026-11-16")
    ]
    assert weeks[1].count("·") == 6
    assert weeks[1].index("183/190") > weeks[1].index("·")
    assert weeks[4].count("·") == 3


@pytest.mark.parametrize(
    ("day", "colour"),
    [
        (Coverage(MONDAY, 10, 7, 3), "green"),
        (Coverage(MONDAY, 10, 7, 2, 0, 1), "yellow"),
        (Coverage(MONDAY, 10, 7, 1, 1, 1), "red"),
    ],
)
def test_a_day_has_the_colour_of_its_completeness(day: Coverage, colour: str) -> None:
    """What was refused is complete; what waits is not yet; what failed needs an eye."""
    assert f"[{colour}]      7/10[/]" in "".join(calendar(_days(day)))


SITE = command("site", "exit 4")


def _with_hooks(root: Path, *hooks: Hook) -> Settings:
    return replace(_settings(root, None), hooks=hooks)


async def test_a_new_hook_is_mentioned(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    """A hook never seen before has its line, also before there is a file; none is made."""
    settings = _with_hooks(root, SITE)

    assert "hook site (sh): new; it begins with what comes" in await _shown(capsys, settings)
    (site,) = (await _object(capsys, settings))["hooks"]
    assert {"name": "site", "position": None, "problem": ""}.items() <= site.items()
    assert not (root / "state" / "consumers.db").exists()
    assert (await _object(capsys, _settings(root, None)))["hooks"] == []


async def _failing(root: Path) -> Settings:
    """Make the hook fail with the first of two changes."""
    await publish(root, 1, 2)
    rewind(root, SITE)
    settings = _with_hooks(root, SITE)
    await deliver([SITE], settings.seeds, settings.state, SystemClock(), roll=lambda: 1.0)
    return settings


@pytest.mark.parametrize("with_daemon", [False, True])
async def test_a_hook_that_fails(
    capsys: pytest.CaptureFixture[str], root: Path, *, with_daemon: bool
) -> None:
    """How far it is, since when and why it fails, the next try, and what to do; daemon or not."""
    settings = await _failing(root)
    if with_daemon:
        async with _daemon(Told()) as address:
            shown = await _shown(capsys, replace(settings, http=address))
    else:
        shown = await _shown(capsys, settings)

    lines = shown.splitlines()
    (line,) = [line for line in lines if line.startswith("hook site (sh): ")]
    assert "has had all up to 0, 2 behind, last delivery never; fails since 20" in line
    assert "3 tries, next 20" in line
    assert line.endswith(": exit 4")
    (advice,) = [line for line in lines if line.startswith("→ hook")]
    assert advice == (
        "→ hook site fails; `harvester hooks log site` tells what it said, "
        "`harvester hooks deliver site` tries at once"
    )


async def test_a_hook_that_is_lost(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    """Over a catalogue of other changes it says so, and how it goes on; it is not called failing.

    The tries of before count no more.
    """
    settings = await _failing(root)
    with closing(sqlite3.connect(root / "state" / "consumers.db")) as ledger, ledger:
        ledger.execute("INSERT INTO consumers VALUES ('hook:site', 9, '1', '2026-01-01T00:00Z')")

    shown = await _shown(capsys, settings)
    (site,) = (await _object(capsys, settings))["hooks"]

    assert "→ hook site has lost its place; `harvester hooks replay site --since SEQ` " in shown
    assert "hook site fails" not in shown
    assert "entry 9 of another change log" in site["problem"]
    assert (site["attempts"], site["failing_since"], site["next_try"]) == (0, None, None)


@pytest.mark.parametrize("damage", ["foreign", "folder", "locked"])
async def test_hooks_that_cannot_be_read(
    capsys: pytest.CaptureFixture[str], root: Path, damage: str
) -> None:
    """Whatever is wrong with the hooks' own file is told in their lines; the rest is shown."""
    await publish(root, 1)
    rewind(root, SITE)
    path = root / "state" / "consumers.db"
    with closing(sqlite3.connect(path, check_same_thread=False)) as other:
        match damage:
            case "locked":
                other.execute("BEGIN EXCLUSIVE")
            case "foreign":
                path.write_bytes(b"no database at all" * 100)
            case _:
                path.unlink()
                path.mkdir()
        shown = await _shown(capsys, _with_hooks(root, SITE))

    assert "1 stories held" in shown
    assert f"hook site (sh): {path}: " in shown
    assert "lost" not in shown


def test_without_hooks_nothing_of_them_is_loaded() -> None:
    """What delivers takes long to load; `status` without hooks does without."""
    told = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import sys, harvester.cli.status_command; print('harvester.handoff' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "False\n"
