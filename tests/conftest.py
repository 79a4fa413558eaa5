"""What all tests share: figures of gates, settings of hypothesis, the real posts beside it all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support import figures as report

settings.register_profile("default", deadline=None, database=None, max_examples=100)
settings.load_profile("default")

_SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of real posts beside the repository; skip where there is none."""
    if not _SHARED.is_dir():
        pytest.skip(f"the real posts are not beside the project: {_SHARED} is absent")
    return _SHARED


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> report.Figures:
    """Return what takes the figures of a test marked `gate`."""
    return report.Figures(record_property)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Call bytes by their argument: packed ones hold their time, and processes compare names."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only a release is measured by; let reports of gates' tests carry the gate.

    With several processes only that is told to the first of them.
    """
    if not report.FULL:
        left_out = [item for item in items if item.get_closest_marker("release")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    for item in items:
        if gate := item.get_closest_marker("gate"):
            item.user_properties.append(("gate", tuple(gate.args)))


class _Gates:
    """Gathers what the tests of gates reached."""

    def __init__(self) -> None:
        self.ended: list[report.Ended] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the call of a test, or the phase in which it was skipped or broke."""
        self._keep(report)

    def _keep(self, phase: pytest.TestReport) -> None:
        told: list[tuple[str, Any]] = phase.user_properties
        gates = [value for name, value in told if name == "gate"]
        if not gates or (phase.when != "call" and phase.passed):
            return
        threats, title = gates[0]
        taken = tuple(report.Figure(**value) for name, value in told if name == "figure")
        self.ended.append(
            report.Ended(threats, title, phase.nodeid, phase.outcome, phase.duration, taken)
        )

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write them down; a process that died with its test tells of no gate."""
        if exitstatus and all(each.outcome == "passed" for each in self.ended):
            told = f"pytest ended with {exitstatus:d}, and no test says why"
            self.ended.append(report.Ended("", "all", told, "failed", 0.0, ()))
        report.write(self.ended, Path(report.REPORT))


def pytest_configure(config: pytest.Config) -> None:
    """Gather the gates' figures where they are asked for, in the one process that hears of all."""
    if report.FULL and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Gates())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where every program and post must be there, a skipped test is a failed run."""
    if "HARVESTER_ALL_PROGRAMS" not in os.environ:
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("a test was skipped although HARVESTER_ALL_PROGRAMS is set", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
