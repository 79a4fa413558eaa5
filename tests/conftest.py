"""What all tests share: figures of gates, settings of hypothesis, the real posts beside it all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each report of a gate's test carry the gate: with several processes only that is told."""
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
        told = dict(phase.user_properties)
        if "gate" not in told or (phase.when != "call" and phase.passed):
            return
        threats, title = told["gate"]
        found = [value for name, value in phase.user_properties if name == "figure"]
        taken = tuple(report.Figure(**each) for each in found)
        self.ended.append(
            report.Ended(threats, title, phase.nodeid, phase.outcome, phase.duration, taken)
        )

    def pytest_sessionfinish(self) -> None:
        """Write them down."""
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
