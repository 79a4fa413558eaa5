"""What the recipes need: a real archive in a folder of its own, and programs."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.recipes import DOCS, Place, fill
from tests.handoff.follower_archive import quick_folder


@pytest.fixture
def jekyll() -> str:
    """Return the path of jekyll; skip where it is absent."""
    return program("jekyll")


@pytest.fixture
def rsync() -> str:
    """Return the path of rsync; skip where it is absent."""
    return program("rsync")


def program(name: str) -> str:
    """Return the path of a program; skip where it is absent."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed: its recipe is not run")
    return path


@pytest.fixture(scope="module")
def archive() -> Iterator[Path]:
    """Return a folder with an archive and the docs, to be copied."""
    with quick_folder() as folder:
        asyncio.run(fill(folder))
        (folder / "docs").symlink_to(DOCS)
        yield folder


@pytest.fixture
def place(archive: Path) -> Iterator[Place]:
    """Return a copy of the archive, to do with what a recipe does."""
    with quick_folder() as folder:
        root = folder / "place"
        shutil.copytree(archive, root, symlinks=True)
        yield Place(root)
