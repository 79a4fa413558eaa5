"""`harvester status`: the catalogue, the calendar, the watches, and a daemon if there is one."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from harvester.cli import status_command
from harvester.cli.status_command import ask_daemon, calendar
from harvester.model import Poll, Watch
from harvester.serve import HttpServer, Metrics
from harvester.serve.report import Report
from harvester.settings import Address, Settings, load
from harvester.store import Coverage
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
