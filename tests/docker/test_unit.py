"""The systemd unit: it works as the daemon expects and is shut as far as the program allows."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Callable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from pathlib import Path

import pytest

from harvester.fetch.guard import is_public
from harvester.settings import OPTIONS
from tests.support.figures import Figures, cases

# `systemd-analyze security` in tenths: 100 is open, 20 and below is "OK".
_EXPOSURE = 15
_NOT_PUBLIC = (
    "::7f00:1",
    "64:ff9b:1::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "3fff::1",
    "fc00::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
)
_PUBLIC = ("1.1.1.1", "203.116.1.1", "2606:4700::1111", "64:ff9b::808:808")


@pytest.fixture(scope="module")
def unit(folder: Path) -> dict[str, list[str]]:
    """Return the unit's settings: all values of each key, in their order."""
    found: dict[str, list[str]] = {}
    for line in (folder / "harvester.service").read_text("utf-8").splitlines():
        if not line.startswith(("#", "[")) and "=" in line:
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("ExecReload", "/bin/kill -HUP $MAINPID"),
        ("Restart", "on-failure"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
        ("IPAddressAllow", "localhost"),
    ],
)
def test_the_unit_says(unit: dict[str, list[str]], key: str, value: str) -> None:
    """The daemon's protocol, and no way to the rest of the system."""
    assert unit[key] == [value]


@pytest.mark.parametrize(
    "key", ["WatchdogSec", "MemoryMax", "TasksMax", "StartLimitBurst", "StartLimitIntervalSec"]
)
def test_what_goes_wrong_is_bounded(unit: dict[str, list[str]], key: str) -> None:
    """A daemon that hangs, grows or falls again and again is ended."""
    assert unit[key]


def test_the_end_has_time(unit: dict[str, list[str]]) -> None:
    """The daemon needs up to 20 s from SIGTERM; SIGKILL comes later."""
    assert int(unit["TimeoutStopSec"][0]) > 20


def test_it_runs_as_a_user_of_its_own(unit: dict[str, list[str]]) -> None:
    """The user is neither root nor nobody, which others share."""
    assert unit["User"] == unit["Group"] == ["harvester"]


@pytest.mark.parametrize("network", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"])
def test_private_networks_are_closed(unit: dict[str, list[str]], network: str) -> None:
    """Not even a guard that fails lets a request into the operator's network."""
    assert network in " ".join(unit["IPAddressDeny"]).split()


def _denied(unit: dict[str, list[str]]) -> list[IPv4Network | IPv6Network]:
    """Return the networks that are closed; systemd.resource-control(5) says what its words mean."""
    words = {
        "link-local": ["169.254.0.0/16", "fe80::/64"],
        "multicast": ["224.0.0.0/4", "ff00::/8"],
    }
    named = " ".join(unit["IPAddressDeny"]).split()
    return [ip_network(network) for name in named for network in words.get(name, [name])]


@pytest.mark.gate("M14", "the unit closes what is not public")
def test_what_the_guard_refuses_is_closed_once_more(
    unit: dict[str, list[str]], figures: Figures
) -> None:
    """Of all addresses that are not public only loopback is open, and what NAT64 makes of it."""
    chance = random.Random(14)  # noqa: S311
    drawn = [IPv4Address(chance.getrandbits(32)) for _ in range(cases(5_000, 200_000))]
    closed = [each for each in drawn if not is_public(each) and not each.is_loopback]
    others = [ip_address(each) for each in _NOT_PUBLIC]
    networks = _denied(unit)

    def is_open(address: IPv4Address | IPv6Address) -> bool:
        return not any(address in each for each in networks if each.version == address.version)

    assert not any(map(is_public, others))
    figures.none("addresses of version 4 left open", sum(map(is_open, closed)), len(closed))
    figures.none("addresses of version 6 left open", sum(map(is_open, others)), len(others))
    figures.none("public addresses closed", sum(not is_open(ip_address(a)) for a in _PUBLIC), 4)


@pytest.mark.gate("M14", "locked dependencies")
@pytest.mark.parametrize(
    "name", ["requirements.lock", "docker/requirements.txt", "docker/requirements-build.txt"]
)
def test_every_dependency_is_locked_with_hashes(root: Path, name: str, figures: Figures) -> None:
    """Each is named with one version and with the hashes of its files."""
    text = (root / name).read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    locked = [line for line in lines if re.match(r"[\w.-]+(\[[\w,-]+\])?==", line)]

    figures.all("named with a version", len(locked), len(lines))
    figures.all("named with hashes", sum("--hash=sha256:" in line for line in lines), len(lines))


def test_it_writes_where_systemd_made_its_folders(unit: dict[str, list[str]]) -> None:
    """The folders of posts and catalogue are state directories of the unit."""
    given = dict(re.findall(r"HARVESTER_(SEEDS|STATE)=(\S+)", " ".join(unit["Environment"])))
    made = [f"/var/lib/{name}" for name in unit["StateDirectory"][0].split()]

    assert given.keys() == {"SEEDS", "STATE"}
    assert set(given.values()) <= set(made)


def test_every_setting_is_an_option(unit: dict[str, list[str]]) -> None:
    """A variable that the program does not know would be ignored in silence."""
    known = {option.variable for option in OPTIONS} | {"HARVESTER_CONFIG"}
    named = set(re.findall(r"(HARVESTER_\w+)=", " ".join(unit["Environment"])))

    assert named - known == set()


def test_systemd_understands_the_unit(
    folder: Path, tmp_path: Path, program: Callable[[str], str]
) -> None:
    """`systemd-analyze verify` has no complaint."""
    unit = _with_a_program_that_is_there(folder, tmp_path)
    assert _run(program("systemd-analyze"), "verify", str(unit)) == (0, "")


def test_the_unit_is_little_exposed(
    folder: Path, tmp_path: Path, program: Callable[[str], str]
) -> None:
    """`systemd-analyze security` rates it as 1.5 of 10 at most."""
    unit = _with_a_program_that_is_there(folder, tmp_path)
    code, said = _run(
        program("systemd-analyze"),
        "security",
        "--no-pager",
        "--offline=true",
        f"--threshold={_EXPOSURE}",
        str(unit),
    )

    assert code == 0, said


def _with_a_program_that_is_there(folder: Path, tmp_path: Path) -> Path:
    text = (folder / "harvester.service").read_text("utf-8")
    unit = tmp_path / "harvester.service"
    unit.write_text(re.sub(r"(?m)^(ExecStart=)\S+", r"\1/bin/true", text), "utf-8")
    return unit


def _run(*command: str) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr
