"""What is measured, beside what is asked for: a table to be read, one JSON object to be kept."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    "zaobao-harvester",
    "selectolax",
    "aiohttp",
    "fastwarc",
    "trafilatura",
    "newspaper4k",
    "news-please",
    "readability-lxml",
    "scrapy",
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure reached, and what is asked for: at least `least`, at most `most`, or nothing.

    `note` is what a reader of the table needs besides.
    """

    what: str
    value: float
    unit: str = ""
    least: float | None = None
    most: float | None = None
    note: str = ""

    @property
    def held(self) -> bool:
        """Say whether it is what is asked for; True where nothing is."""
        low = self.least is not None and self.value < self.least
        high = self.most is not None and self.value > self.most
        return not (low or high)

    @property
    def asked(self) -> str:
        """Return what is asked for, empty where nothing is."""
        if self.least is not None:
            return f">= {self.least:g}"
        return f"<= {self.most:g}" if self.most is not None else ""

    @property
    def told(self) -> dict[str, object]:
        """Return it for JSON; `held` is null where nothing is asked for."""
        return {
            "what": self.what,
            "value": self.value,
            "unit": self.unit,
            "asked": self.asked,
            "held": self.held if self.asked else None,
            "note": self.note,
        }

    def __str__(self) -> str:
        verdict = ("held" if self.held else "NOT HELD") if self.asked else ""
        figure = f"{self.what:56}{shown(self.value):>10} {self.unit:11}"
        return f"{figure}{self.asked:>9} {verdict:9}{self.note}".rstrip()


def shown(value: float) -> str:
    """Return a number with about three digits that count."""
    digits = next((n for n, least in enumerate((100, 10, 1)) if abs(value) >= least), 3)
    return f"{value:,.{digits}f}" if value != int(value) else f"{value:,.0f}"


def table(figures: Iterable[Figure]) -> str:
    """Return figures as lines."""
    return "".join(f"{figure}\n" for figure in figures)


def machine() -> dict[str, object]:
    """Return on what it was measured, when, and with which versions."""
    return {
        "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "versions": dict(_versions()),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _versions() -> Iterable[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue
