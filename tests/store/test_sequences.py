"""Whatever is put, in whatever order: disk and catalogue agree, and no text is lost."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.model import Draft, Stored, Verdict
from harvester.store import open_archive, verify
from tests.store.support import NOON, make_draft, open_store

DRAFTS = st.builds(
    make_draft,
    st.sampled_from("123"),
    st.sampled_from("abcd"),
    title=st.sampled_from(["a", "A", "á"]),
    observed_at=st.integers(0, 3).map(lambda hours: NOON + timedelta(hours=hours)),
)
# Runs of the program; in each, groups of drafts that are put at the same time.
RUNS = st.lists(st.lists(st.lists(DRAFTS, max_size=6), max_size=4), max_size=3)


async def put_all(root: Path, runs: list[list[list[Draft]]]) -> list[tuple[Draft, Stored]]:
    """Put all drafts; return each with its end."""
    ends = []
    for groups in runs:
        async with open_store(root) as archive:
            assert archive.orphans == ()
            for group in groups:
                stored = await asyncio.gather(*map(archive.put, group))
                ends += list(zip(group, stored, strict=True))
    return ends


@settings(max_examples=60)
@given(runs=RUNS)
def test_any_sequence(runs: list[list[list[Draft]]]) -> None:
    """Disk == catalogue, every acknowledged text can be read, a path is kept for ever."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        ends = asyncio.run(put_all(root, [[], *runs]))
        assert verify(root / "seeds", root / "state").differences == ()

        with open_archive(root / "seeds", root / "state") as reader:
            rows = {row.story_id: row for row in reader.articles()}
            texts = {
                story_id: {reader.post(story_id, each.revision) for each in revisions}
                for story_id in rows
                if (revisions := reader.revisions(story_id))
            }
            log = [(change.op, change.story_id) for change in reader.changes()]
            current = {row.path: reader.post(story_id) for story_id, row in rows.items()}

    assert {row.path for row in rows.values()} == set(current)
    for draft, end in ends:
        if end.decision.verdict is not Verdict.DUPLICATE:
            assert draft.data in texts[end.story_id]
            assert rows[end.story_id].path == end.path
    moved = [
        (end.decision.verdict.value, end.story_id)
        for _, end in ends
        if end.decision.verdict in {Verdict.NEW, Verdict.REVISED} and not end.decision.archival
    ]
    assert sorted(moved) == sorted(log)
    assert len(rows) == len({path.casefold() for path in current})
