"""The folder `docker/`, and its Dockerfile as instructions."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the root of the repository."""
    return _ROOT


@pytest.fixture(scope="session")
def folder(root: Path) -> Path:
    """Return the folder of what deployment needs."""
    return root / "docker"


@pytest.fixture(scope="session")
def stages(folder: Path) -> list[list[tuple[str, str]]]:
    """Return the Dockerfile's stages, each its instructions with what follows the keyword."""
    text = re.sub(r"(?m)^\s*#.*\n|^\s*\n", "", (folder / "Dockerfile").read_text("utf-8"))
    lines = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    found: list[list[tuple[str, str]]] = []
    for line in lines:
        keyword, _, rest = line.partition(" ")
        if keyword == "FROM":
            found.append([])
        found[-1].append((keyword, rest.strip()))
    return found


@pytest.fixture(scope="session")
def image(stages: list[list[tuple[str, str]]]) -> dict[str, str]:
    """Return the last instruction of each kind of the last stage, which is the image."""
    return dict(stages[-1])


@pytest.fixture(scope="session")
def health(image: dict[str, str]) -> list[str]:
    """Return the command of the image's health check."""
    command: list[str] = json.loads(image["HEALTHCHECK"].partition("CMD ")[2])
    return command


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Return what finds a program on this machine or beside the interpreter, or skips."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

    def find(name: str) -> str:
        found = shutil.which(name, path=places)
        if found is None:
            pytest.skip(f"{name} is not on this machine")
        return found

    return find
