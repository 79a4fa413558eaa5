"""Figures as bars: `python -m benchmarks.plot FILE.json FILE.svg`. Needs matplotlib.

One panel for each kind of figure worth comparing, from what `python -m benchmarks --json` kept.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet

from benchmarks.figures import shown

_WIDTH, _ROW, _HEAD = 9.0, 0.24, 0.9


@dataclass(frozen=True, slots=True)
class Panel:
    """What is drawn together: figures of a part in one unit."""

    title: str
    part: str
    unit: str
    log: bool = False


_PANELS = (
    Panel("Page to post (ms, log)", "page", "ms", log=True),
    Panel("Sitemap to archive (pages/s)", "crawl", "pages/s"),
    Panel("Peak of memory (MB)", "crawl", "MB"),
    Panel("An article as the archive grows (ms of processor)", "growth", "ms CPU"),
    Panel("Import and verify (posts/s)", "posts", "posts/s"),
    Panel("Memory over a long run (MB)", "memory", "MB"),
    Panel("Start (ms)", "startup", "ms"),
)

Bars = list[tuple[str, float]]


def plot(told: dict[str, object], path: Path) -> None:
    """Draw all panels that have figures."""
    panels = [(panel, bars) for panel in _PANELS if (bars := list(_bars(told, panel)))]
    heights = [_HEAD + _ROW * len(bars) for _, bars in panels]
    sheet = Sheet(figsize=(_WIDTH, sum(heights)), layout="constrained")
    axes = sheet.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for each, (panel, bars) in zip(axes, panels, strict=True):
        _draw(each, panel, bars)
    with rc_context({"svg.fonttype": "none"}):  # letters as letters, not as curves
        sheet.savefig(path, format="svg", metadata={"Date": None})


def _bars(told: dict[str, object], panel: Panel) -> Iterator[tuple[str, float]]:
    parts = told["parts"]
    assert isinstance(parts, dict)  # noqa: S101 - of JSON
    for figure in parts.get(panel.part, {"figures": []})["figures"]:
        if figure["unit"] == panel.unit:
            yield figure["what"], figure["value"]


def _draw(axes: Axes, panel: Panel, bars: Bars) -> None:
    drawn = axes.barh([what for what, _ in bars], [value for _, value in bars])
    axes.bar_label(drawn, fmt=shown, padding=2, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.set_title(panel.title, loc="left", fontsize=10)
    axes.margins(x=0.12)
    axes.invert_yaxis()
    if panel.log:
        axes.set_xscale("log")


def main() -> None:
    """Draw what a file holds."""
    source, target = map(Path, sys.argv[1:])
    plot(json.loads(source.read_text("utf-8")), target)


if __name__ == "__main__":
    main()
