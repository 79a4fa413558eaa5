"""One process at a time: by name, for consumers and hooks alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from harvester.errors import Busy, DiskError
from harvester.handoff.lock import only_one


def test_the_second_one_is_refused(tmp_path: Path) -> None:
    """Whoever comes second is told whose place is taken; the next one after the first gets it."""
    with (
        only_one(tmp_path, "consumer", "site"),
        pytest.raises(Busy, match="for consumer 'site'; wait"),
        only_one(tmp_path, "consumer", "site"),
    ):
        pass
    with only_one(tmp_path, "consumer", "site"):
        pass


def test_others_are_not_concerned(tmp_path: Path) -> None:
    """Another name, and a hook of the same name, have locks of their own, named alike."""
    with (
        only_one(tmp_path, "consumer", "site"),
        only_one(tmp_path, "consumer", "shop"),
        only_one(tmp_path, "hook", "site"),
    ):
        names = sorted(path.name for path in tmp_path.iterdir())

    assert names == ["consumer-shop.lock", "consumer-site.lock", "hook-site.lock"]


def test_a_lock_that_cannot_be_made(tmp_path: Path) -> None:
    """Where there is no folder that is an error of the disk, which names the file."""
    with (
        pytest.raises(DiskError, match=r"hook-site\.lock"),
        only_one(tmp_path / "none", "hook", "site"),
    ):
        pass
