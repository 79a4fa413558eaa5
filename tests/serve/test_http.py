"""The server: what it tells, to whom, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import socket
from datetime import UTC, datetime
from types import MappingProxyType

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from harvester.errors import UsageError
from harvester.serve import HttpServer, Metrics, Report
from harvester.settings import Address
from tests.serve.support import Client, Told

PATHS = ("", "healthz", "api/status", "metrics")
AT = datetime(2026, 11, 21, 11, 12, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "alive", "code"),
    [
        ("ok", True, 200),
        ("starting", True, 200),
        ("offline", True, 200),
        ("resting", True, 200),
        ("stopping", True, 200),
        ("drifting", True, 503),
        ("paused", True, 503),
        ("ok", False, 503),
        ("offline", False, 503),
    ],
)
async def test_health(client: Client, told: Told, status: str, alive: bool, code: int) -> None:
    """200 as long as nobody must act; a dead pulse, drift and a full disk are 503."""
    told.now = Report(status, "why", alive=alive, details={"secret": 1})

    reply = await client.ask("healthz")

    assert reply.status == code
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    health = json.loads(reply.text)
    assert (health["status"], health["alive"]) == (status, alive)
    assert health["reason"] == ("why" if alive else "the schedule or the database hangs; why")


async def test_status_is_json_of_all_that_is_known(client: Client, told: Told) -> None:
    """Instants are ISO 8601, Chinese stays readable, mappings of any kind are objects."""
    details = MappingProxyType({"since": AT, "watches": ({"name": "早报"},), "free": 1.5})
    told.now = Report("resting", "asked", alive=True, details=details)

    reply = await client.ask("api/status")

    assert reply.status == 200
    assert "早报" in reply.text
    assert json.loads(reply.text) == {
        "status": "resting",
        "reason": "asked",
        "alive": True,
        "details": {
            "since": "2026-11-21T11:12:13+00:00",
            "watches": [{"name": "早报"}],
            "free": 1.5,
        },
    }


async def test_metrics_can_be_parsed(client: Client, metrics: Metrics) -> None:
    """What Prometheus' own parser reads is what was told."""
    metrics.drift(5)

    reply = await client.ask("metrics", Accept="application/openmetrics-text;version=9.9.9")

    assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(reply.text)}
    assert [sample.value for sample in families["harvester_drift_alarms"].samples] == [5.0]


async def test_the_page_shows_the_report(client: Client, told: Told) -> None:
    """State, reason and details stand in the page."""
    told.now = Report("drifting", "no cards", alive=True, details={"next_snapshot": AT})

    reply = await client.ask("")

    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<title>harvester: drifting</title>" in reply.text
    assert "no cards" in reply.text
    assert "<th>next snapshot</th><td>2026-11-21 11:12:13+00:00</td>" in reply.text


@pytest.mark.parametrize("path", PATHS)
async def test_head_is_get_without_a_body(client: Client, path: str) -> None:
    """HEAD has the status and type of GET."""
    got, headed = await client.ask(path), await client.ask(path, "HEAD")

    assert (got.status, got.headers["Content-Type"]) == (
        headed.status,
        headed.headers["Content-Type"],
    )
    assert headed.text == ""


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_nothing_is_taken(client: Client, path: str, method: str) -> None:
    """Only reading is possible."""
    reply = await client.ask(path, method)

    assert reply.status == 405
    assert reply.headers["Allow"] == "GET,HEAD"


@pytest.mark.parametrize("path", [*PATHS, "nowhere", "../etc/passwd", "api"])
@pytest.mark.parametrize("host", ["127.0.0.1", "evil.example"])
async def test_every_answer_is_guarded(client: Client, path: str, host: str) -> None:
    """Also errors forbid scripts, foreign content, sniffing and storing; no version is told."""
    headers = (await client.ask(path, Host=host)).headers

    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe-inline" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] == "harvester"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8710", "LOCALHOST:1", "localhost", "[::1]:8710", "127.9.9.9", "[::1]"],
)
async def test_loopback_names_are_served(client: Client, host: str) -> None:
    """Whoever names this machine is answered, whatever port a tunnel has given it."""
    assert (await client.ask("api/status", Host=host)).status == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8710", "localhost.evil.example", "127.0.0.1.evil.example"),
        *("10.0.0.1", "[::2]", "[", "", "evil@", "2130706433", "localhost."),
    ],
)
async def test_other_names_are_refused(client: Client, told: Told, host: str) -> None:
    """A page that has its own name resolve to this machine reads nothing."""
    told.now = Report("ok", "secret", alive=True, details={})

    for path in PATHS:
        reply = await client.ask(path, Host=host)

        assert reply.status == 421
        assert "secret" not in reply.text


async def _raw(url: str, request: bytes) -> bytes:
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    await writer.drain()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    "request_text",
    [
        b"GET /api/status HTTP/1.0\r\n\r\n",
        b"GET /api/status HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n\r\n",
    ],
)
async def test_a_request_without_one_clear_name_is_refused(
    client: Client, request_text: bytes
) -> None:
    """No Host, or two, is no way in."""
    answer = await _raw(client.url, request_text)

    assert answer.split()[1] in (b"400", b"421")


async def test_a_server_for_all_does_not_look_at_names(told: Told, metrics: Metrics) -> None:
    """Who binds it to the network decides who may ask; names there are not ours to know."""
    everywhere = Address("0.0.0.0", 0)  # noqa: S104 - this is what is tested
    async with (
        HttpServer(everywhere, told, metrics.registry) as server,
        aiohttp.ClientSession() as session,
    ):
        url = server.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        async with session.get(f"{url}healthz", headers={"Host": "archive.lan"}) as response:
            assert response.status == 200


def _speaks_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["localhost", *(["::1"] if _speaks_ipv6() else [])])
async def test_a_name_or_ipv6_can_be_listened_at(told: Told, metrics: Metrics, host: str) -> None:
    """The URL of the server is one that a client can use."""
    async with (
        HttpServer(Address(host, 0), told, metrics.registry) as server,
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}healthz") as response,
    ):
        assert response.status == 200


async def test_an_address_of_others_is_wrong_usage(told: Told, metrics: Metrics) -> None:
    """What is not this machine's cannot be listened at; the option is named with a way out."""
    with pytest.raises(UsageError, match=r"^--http 192\.0\.2\.1:8710: .*; choose another"):
        async with HttpServer(Address("192.0.2.1", 8710), told, metrics.registry):
            pass


async def test_a_port_in_use_is_wrong_usage(told: Told, metrics: Metrics) -> None:
    """Two daemons with one port: the second says so in a line."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UsageError) as caught:
            async with HttpServer(Address("127.0.0.1", port), told, metrics.registry):
                pass

    assert str(caught.value) == (
        f"--http 127.0.0.1:{port}: cannot be listened at: Address already in use; "
        "choose another HOST:PORT, or off"
    )


async def test_a_bug_in_the_report_is_no_health(metrics: Metrics) -> None:
    """If the state cannot be told, the answer is an error and the server goes on."""

    class Broken(Told):
        def report(self) -> Report:
            raise RuntimeError("bug")

    async with (
        HttpServer(Address("127.0.0.1", 0), Broken(), metrics.registry) as server,
        aiohttp.ClientSession() as session,
    ):
        async with session.get(f"{server.url}healthz") as response:
            assert response.status == 500
            assert "bug" not in await response.text()
        async with session.get(f"{server.url}metrics") as response:
            assert response.status == 200
