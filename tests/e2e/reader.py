"""A reader that never rests: `python -m tests.e2e.reader SEEDS` until its standard input ends.

Reads the manifest and every post again and again as another program would, and holds each post to
the grammar and to its line. Prints what it saw as one JSON object.
"""

from __future__ import annotations

import hashlib
import json
import select
import sys
from collections import Counter
from pathlib import Path

from harvester import read_post
from harvester.errors import BadPost


def told(seeds: Path) -> dict[str, str]:
    """Return path and SHA-256 of each line of the manifest."""
    try:
        data = (seeds / "MANIFEST.jsonl").read_bytes()
    except FileNotFoundError:
        return {}
    return {line["path"]: line["sha256"] for line in map(json.loads, data.splitlines())}


def look(seeds: Path, seen: Counter[str], faults: list[str]) -> None:
    """Read all there is once."""
    manifest = told(seeds)
    for path in sorted(seeds.rglob("*.md")):
        data = path.read_bytes()
        try:
            read_post(data)
        except BadPost as problem:
            faults.append(f"{path}: {problem}")
        seen["posts"] += 1
    for name, sha256 in manifest.items():
        if hashlib.sha256((seeds / name).read_bytes()).hexdigest() == sha256:
            seen["lines"] += 1
        elif told(seeds).get(name) == sha256:
            faults.append(f"{name}: not the bytes of its line")
        else:
            seen["replaced"] += 1
    seen["rounds"] += 1


def main(seeds: Path) -> None:
    """Look until the input ends, and once more."""
    seen: Counter[str] = Counter()
    faults: list[str] = []
    while not select.select([sys.stdin], [], [], 0)[0]:
        look(seeds, seen, faults)
    look(seeds, seen, faults)
    print(json.dumps({**seen, "faults": faults}, ensure_ascii=False))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
