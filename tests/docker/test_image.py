"""The image: what the Dockerfile promises to those who run it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

Stages = list[list[tuple[str, str]]]
_PIN = re.compile(r"(?m)^([a-z0-9-]+)==(\S+)")


def test_the_image_does_not_run_as_root(image: dict[str, str]) -> None:
    """The user is a number other than 0, so that an orchestrator can see it."""
    user, group = image["USER"].split(":")

    assert int(user) > 0
    assert int(group) > 0


def test_the_program_ends_with_the_signal_it_handles(image: dict[str, str]) -> None:
    """The engine stops it with SIGTERM."""
    assert image["STOPSIGNAL"] == "SIGTERM"


def test_the_entry_point_is_the_projects_command(root: Path, image: dict[str, str]) -> None:
    """The image starts the daemon; other commands can be named instead."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    (entry,) = json.loads(image["ENTRYPOINT"])

    assert entry in project["scripts"]
    assert json.loads(image["CMD"]) == ["daemon"]


def test_what_is_written_lies_in_volumes(image: dict[str, str]) -> None:
    """The folders of posts and catalogue are volumes: the rest can be read-only."""
    folders = re.findall(r"HARVESTER_(?:SEEDS|STATE)=(\S+)", image["ENV"])

    assert sorted(folders) == sorted(json.loads(image["VOLUME"]))


def test_the_build_has_stages_on_one_base_with_a_version(stages: Stages) -> None:
    """All stages start from one image, named with its version, and tools stay in the first ones."""
    bases = {re.sub(" AS .*", "", stage[0][1]) for stage in stages}

    assert len(stages) > 1
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.\d+(\.\d+)?-slim-[a-z]+(@sha256:[0-9a-f]{64})?", bases.pop())


def test_every_copied_source_exists_and_is_sent_to_the_builder(
    root: Path, folder: Path, stages: Stages
) -> None:
    """What COPY names is in the repository, and the ignore file lets it through."""
    sent = re.findall(r"(?m)^!(.+)$", (folder / "Dockerfile.dockerignore").read_text("utf-8"))
    copied = [
        source
        for stage in stages
        for keyword, rest in stage
        if keyword == "COPY" and not rest.startswith("--from=")
        for source in rest.split()[:-1]
    ]

    assert sorted(copied) == sorted(sent)
    assert [source for source in copied if not (root / source).exists()] == []


def test_nothing_is_installed_without_its_hash(stages: Stages) -> None:
    """Every installation checks hashes, or takes only the wheel that was just built."""
    installs = [
        part
        for stage in stages
        for keyword, rest in stage
        if keyword == "RUN"
        for part in rest.split("&&")
        if re.search(r"\bpip\b.* install ", part)
    ]

    assert installs
    assert [
        part for part in installs if "--require-hashes" not in part and "--no-index" not in part
    ] == []


def test_the_image_has_the_versions_that_are_tested(root: Path, folder: Path) -> None:
    """Every pin of the image's lock files is one of the project's."""
    tested = dict(_PIN.findall((root / "requirements.lock").read_text("utf-8")))
    for name in ("requirements.txt", "requirements-build.txt"):
        pins = dict(_PIN.findall((folder / name).read_text("utf-8")))

        assert pins.items() <= tested.items(), f"{name}: make lock"


def test_the_image_has_what_the_program_needs_and_no_tools(root: Path, folder: Path) -> None:
    """The image's lock file holds all dependencies at run time and none of development."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    pins = dict(_PIN.findall((folder / "requirements.txt").read_text("utf-8")))

    assert _names(project["dependencies"]) <= pins.keys()
    assert _names(project["optional-dependencies"]["dev"]) & pins.keys() == set()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-build.txt"])
def test_a_lock_file_names_no_host(folder: Path, name: str) -> None:
    """Where packages come from is the builder's affair."""
    assert "://" not in (folder / name).read_text("utf-8")


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_tells_well_from_ill(health: list[str], status: int, code: int) -> None:
    """The health check succeeds with 200 from /healthz and fails with anything else."""
    with _answering(status) as (port, asked):
        assert _check(health, port) == code
        assert asked == ["/healthz"]


def test_the_health_check_fails_where_nobody_listens(health: list[str]) -> None:
    """A daemon that does not answer is not healthy."""
    with _answering(200) as (port, _):
        pass

    assert _check(health, port) == 1


def test_the_health_check_asks_where_the_image_listens(
    image: dict[str, str], health: list[str]
) -> None:
    """The port of the health check is that of HARVESTER_HTTP and of EXPOSE."""
    assert f"HARVESTER_HTTP=0.0.0.0:{image['EXPOSE']}" in image["ENV"]
    assert f"'127.0.0.1', {image['EXPOSE']}," in health[-1]


def test_hadolint_has_no_complaint(folder: Path, program: Callable[[str], str]) -> None:
    """The Dockerfile is clean."""
    _clean([program("hadolint"), "--no-color", str(folder / "Dockerfile")])


def test_shellcheck_has_no_complaint(folder: Path, program: Callable[[str], str]) -> None:
    """The script that tries the image is clean."""
    _clean([program("shellcheck"), str(folder / "try.sh")])


def _names(requirements: list[str]) -> set[str]:
    found = (re.split(r"[^A-Za-z0-9._-]", each)[0] for each in requirements)
    return {re.sub("[._-]+", "-", name).lower() for name in found}


def _check(health: list[str], port: int) -> int:
    python, *rest, code = health
    assert python == "python"
    command = [sys.executable, *rest, code.replace("8710", str(port))]
    return subprocess.run(command, capture_output=True, check=False).returncode


def _clean(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@contextmanager
def _answering(status: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the port of a server that always answers so, and the list of what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join()
