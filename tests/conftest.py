"""What all tests share: how thorough hypothesis is, and the real posts beside the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# HYPOTHESIS_PROFILE=thorough is for the threat model's figures; it takes minutes.
_COMMON = settings(deadline=None, database=None, derandomize=False)
settings.register_profile("default", _COMMON, max_examples=100)
settings.register_profile("thorough", _COMMON, max_examples=100_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

_SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of real posts beside the repository; skip where there is none."""
    if not _SHARED.is_dir():
        pytest.skip(f"the real posts are not beside the project: {_SHARED} is absent")
    return _SHARED


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where every program and post must be there, a skipped test is a failed run."""
    if "HARVESTER_ALL_PROGRAMS" not in os.environ:
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("a test was skipped although HARVESTER_ALL_PROGRAMS is set", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
