"""The systemd unit: it works as the daemon expects and is shut as far as the program allows."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harvester.settings import OPTIONS

# `systemd-analyze security` in tenths: 100 is open, 20 and below is "OK".
_EXPOSURE = 15


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
