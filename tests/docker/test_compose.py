"""The compose file: the container is shut as far as the program allows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from harvester.settings import OPTIONS


@pytest.fixture(scope="module")
def compose(folder: Path) -> dict[str, Any]:
    """Return the compose file as read."""
    read: dict[str, Any] = yaml.safe_load((folder / "compose.yaml").read_text("utf-8"))
    return read


@pytest.fixture(scope="module")
def service(compose: dict[str, Any]) -> dict[str, Any]:
    """Return the only service."""
    (only,) = compose["services"].values()
    found: dict[str, Any] = only
    return found


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("read_only", True),
        ("cap_drop", ["ALL"]),
        ("security_opt", ["no-new-privileges:true"]),
        ("restart", "unless-stopped"),
        ("stop_grace_period", "30s"),
    ],
)
def test_the_container_is_hardened(service: dict[str, Any], key: str, value: object) -> None:
    """Root file system, capabilities and privileges are closed; it comes back after a fall."""
    assert service[key] == value


@pytest.mark.parametrize("key", ["mem_limit", "pids_limit", "logging"])
def test_what_grows_is_bounded(service: dict[str, Any], key: str) -> None:
    """Memory, processes and logs have a limit."""
    assert service[key]


def test_nothing_opens_the_container_again(service: dict[str, Any]) -> None:
    """No key that would give back what was taken."""
    opening = {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices", "userns_mode"}

    assert service.keys() & opening == set()


def test_the_status_page_is_published_on_loopback_only(
    service: dict[str, Any], image: dict[str, str]
) -> None:
    """Nobody but this machine reaches the pages, which have no log-in."""
    assert service["ports"] == [f"127.0.0.1:{image['EXPOSE']}:{image['EXPOSE']}"]


def test_the_archive_outlives_the_container(
    compose: dict[str, Any], service: dict[str, Any], image: dict[str, str]
) -> None:
    """Each volume of the image is a named volume that the file declares."""
    mounts = dict(mount.split(":") for mount in service["volumes"])

    assert sorted(mounts.values()) == sorted(json.loads(image["VOLUME"]))
    assert mounts.keys() == compose["volumes"].keys()


def test_only_tmp_can_be_written_beside_the_volumes(service: dict[str, Any]) -> None:
    """The folder of temporary files is in memory, of a limited size."""
    (tmp,) = service["tmpfs"]
    where, _, options = tmp.partition(":")

    assert where == "/tmp"  # noqa: S108 - the container's own
    assert {"nosuid", "nodev", "noexec", "size=64m"} <= set(options.split(","))


def test_user_and_health_check_are_the_images(
    service: dict[str, Any], image: dict[str, str], health: list[str]
) -> None:
    """What the compose file says again of the image is the same."""
    check = service["healthcheck"]
    again = " ".join(
        f"--{name.replace('_', '-')}={check[name]}"
        for name in ("interval", "timeout", "start_period", "retries")
    )

    assert service["user"] == image["USER"]
    assert check["test"] == ["CMD", *health]
    assert image["HEALTHCHECK"].startswith(f"{again} CMD")


def test_every_setting_is_an_option(service: dict[str, Any], image: dict[str, str]) -> None:
    """A variable that the program does not know would be ignored in silence."""
    known = {option.variable for option in OPTIONS}
    named = set(service["environment"])
    named |= {
        word.partition("=")[0] for word in image["ENV"].split() if word.startswith("HARVESTER_")
    }

    assert named - known == set()


def test_the_operator_must_say_who_it_is(service: dict[str, Any]) -> None:
    """Compose refuses to start without a contact."""
    assert service["environment"]["HARVESTER_CONTACT"].startswith("${HARVESTER_CONTACT:?")
