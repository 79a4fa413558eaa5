"""Hooks beside commands that are run by hand."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.processes import harvester, replica
from tests.e2e.test_kill import backfill

STORIES = 6


def test_a_new_hook_has_what_the_next_run_brings(tmp_path: Path) -> None:
    """A hook that is new when a run begins is told of what that run brings, whoever delivers it."""
    (tmp_path / "harvester.toml").write_text(
        '[[hooks]]\nname = "log"\ncommand = "sh -c \'cat >> heard.jsonl\'"\n'
    )
    with replica(STORIES) as (origin, _):
        assert harvester(*backfill(origin), cwd=tmp_path).returncode == 0
    delivered = harvester("hooks", "deliver", cwd=tmp_path)
    assert delivered.returncode == 0, delivered.stderr
    heard = (tmp_path / "heard.jsonl").read_text().splitlines()
    told = harvester("changes", "--since", 0, cwd=tmp_path).stdout.splitlines()
    assert heard == told
    assert len(heard) == STORIES
