"""The fuzzer started in a process of its own, and what came of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.targets import TARGETS
from tests.support.mutations import TOKENS

FOUND = Path(__file__).parent / "found"
"""Inputs that once failed, named `TARGET-...`; a new finding is put here, to be mended."""

_FEATURES = re.compile(r" ft: (\d+) ")
_ERROR = re.compile(r"Uncaught Python exception: ===\n(.*)|(ERROR: libFuzzer: .*)")
_SLOWEST = 30  # seconds for one input
_LONGEST = 200_000
_START = 120  # seconds for imports and seeds


@dataclass(frozen=True)
class Reached:
    """How far a target was fuzzed: `taken` inputs were no rejections; `findings` failed."""

    target: str
    runs: int
    taken: int
    features: int
    error: str
    findings: tuple[Path, ...]


def fuzz(name: str, seconds: int, keep: Path = FOUND) -> Reached:
    """Fuzz a target for so many seconds; an input that fails ends it and is kept in `keep`."""
    keep.mkdir(exist_ok=True)
    known = set(keep.glob(f"{name}-*"))
    with tempfile.TemporaryDirectory(prefix="harvester-fuzz-") as folder:
        place = Path(folder)
        corpus, counts, words = place / "corpus", place / "counts", place / "words"
        corpus.mkdir()
        for number, seed in enumerate(TARGETS[name].seeds()):
            (corpus / str(number)).write_bytes(seed)
        words.write_text("".join(f'"{_quoted(token)}"\n' for token in TOKENS))
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "tests.fuzz.worker", name, counts),
                *(f"-max_total_time={seconds}", f"-timeout={_SLOWEST}", f"-max_len={_LONGEST}"),
                *(f"-artifact_prefix={keep / name}-", f"-dict={words}", "-rss_limit_mb=4096"),
                *("-print_final_stats=1", corpus),
            ],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds + _START,
            check=False,
        )
        runs, taken = json.loads(counts.read_text()) if counts.exists() else (0, 0)
    features = [int(each) for each in _FEATURES.findall(ended.stderr)]
    error = _ERROR.search(ended.stdout + ended.stderr)
    findings = tuple(sorted(set(keep.glob(f"{name}-*")) - known))
    if ended.returncode and not findings:
        raise RuntimeError(ended.stderr[-2_000:])
    told = next(filter(None, error.groups()), "") if error else ""
    return Reached(name, runs, taken, max(features, default=0), told, findings)


def _quoted(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token)
