"""All benchmarks, one after another, each in a process of its own.

`python -m benchmarks [--scale S] [--only PART …] [--json FILE] [--plot FILE.svg]`

Prints a table as it goes; keeps figures, machine and versions in one JSON object, and draws them.
Returns 1 if something that is asked for is missed, 2 if a part could not be measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.figures import machine
from benchmarks.harness import arguments, workplace, write_json
from benchmarks.processes import environment, module

PARTS = {
    "startup": "start of commands and daemon",
    "page": "page to post, beside general extractors",
    "crawl": "sitemap to archive, beside raw aiohttp and Scrapy",
    "again": "a run over what is known",
    "growth": "an article as the archive grows",
    "posts": "import and verify",
    "memory": "memory over a long run",
    "search": "search",
    "export": "export",
    "warc": "WARC files",
    "weeks": "weeks of the daemon",
}


def main() -> int:
    """Measure what is asked for."""
    parser = arguments(__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the figures (SVG)")
    chosen = parser.parse_args()
    for kept in filter(None, (chosen.json, chosen.plot)):
        kept.parent.mkdir(parents=True, exist_ok=True)
    with workplace() as folder:
        target = chosen.json or folder / "all.json"
        codes: dict[str, int] = {}
        for part in chosen.only:
            codes[part] = _measure(part, chosen.scale, folder)
            kept = {part: _read(folder, part) for part in codes}
            # At once: a run that is cut short keeps what it has measured.
            write_json(target, {"machine": machine(), "scale": chosen.scale, "parts": kept})
        if chosen.plot:
            _call("plot", target, chosen.plot)
    small = "" if chosen.scale >= 1 else f"; at scale {chosen.scale:g} that says little"
    sys.stdout.write(f"\n{_summary(kept)}{small}\n")
    return max(codes.values())


def _measure(part: str, scale: float, folder: Path) -> int:
    """Measure a part; return 0, 1 if something is missed, 2 if there are no figures."""
    sys.stdout.write(f"\n{PARTS[part]} ({part})\n")
    sys.stdout.flush()
    code = _call(part, "--scale", scale, "--json", _file(folder, part))
    return code if _file(folder, part).exists() else 2


def _call(name: str, *words: object) -> int:
    command = list(map(str, module(name, *words)))
    return subprocess.run(command, env=environment(), check=False).returncode  # noqa: S603


def _file(folder: Path, part: str) -> Path:
    return folder / f"{part}.json"


def _read(folder: Path, part: str) -> dict[str, Any]:
    if not _file(folder, part).exists():
        return {"figures": []}
    told: dict[str, Any] = json.loads(_file(folder, part).read_text("utf-8"))
    return told


def _summary(kept: dict[str, dict[str, Any]]) -> str:
    asked = [figure for told in kept.values() for figure in told["figures"] if figure["asked"]]
    held = sum(figure["held"] for figure in asked)
    return f"{held} of {len(asked)} figures are as asked for"


if __name__ == "__main__":
    sys.exit(main())
