"""What comes out of an archive, and how a consumer goes on from there."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from harvester.drafts import draft_of_post
from harvester.handoff.export import Format, Summary, export
from harvester.handoff.export.fields import values
from harvester.handoff.record import records
from harvester.model import Access, Draft
from harvester.store import Selection, open_archive
from tests.handoff.export.support import NOW, READ, TITLES, Row, draft, fill
from tests.store.support import NOON, open_store

LAST = len(TITLES) + 4  # two more stories, a revision and a tombstone


def exported(
    root: Path,
    selection: Selection = Selection(),  # noqa: B008 - frozen
    form: Format = Format.JSONL,
    watch: Callable[[int], object] = lambda _: None,
) -> tuple[Summary, list[Row]]:
    """Export an archive; return the summary and the rows of the file."""
    sink = io.BytesIO()
    with open_archive(root / "seeds", root / "state") as archive:
        summary = export(archive, selection, form, sink, now=NOW, watch=watch)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "export"
        path.write_bytes(sink.getvalue())
        return summary, READ[form](path)


@pytest.mark.parametrize("form", READ)
def test_the_whole_archive(form: Format, place: Path) -> None:
    """Every format holds each story once, as the archive has it; titles are as published."""
    with open_archive(place / "seeds", place / "state") as archive:
        expected = [values(each) for each in records(archive)]

    summary, rows = exported(place, form=form)

    assert rows == expected
    assert summary == Summary(rows=len(TITLES) + 2, last_seq=LAST)
    titles = {row["story_id"]: row["title"] for row in rows}
    assert titles["1000002"] == TITLES[1]
    assert titles["1000006"] == TITLES[5]
    by_id = {row["story_id"]: row for row in rows}
    assert by_id["1000002"]["gone_at"] == "2021-11-06T12:00:00Z"
    assert by_id["2000001"]["revision"] == 2
    assert by_id["2000001"]["text"] == "换了文字。"
    assert by_id["2000002"]["access"] == "preview"
    assert "G20 峰会 <3 & 更多 😀" in by_id["1000001"]["text"]


def test_real_posts(shared: Path, tmp_path: Path) -> None:
    """Of each real post of old the whole text is there, without captions and marks."""
    posts = sorted((shared / "seeds").glob("*.md"))

    asyncio.run(put(tmp_path, *(draft_of_post(post.read_bytes()) for post in posts)))
    _, rows = exported(tmp_path, form=Format.PARQUET)

    assert len(posts) == len(rows)
    for row in rows:
        assert len(row["text"]) > 300
        assert "<" not in row["text"]
        assert row["html"].encode() in (tmp_path / "seeds" / row["path"]).read_bytes()


@pytest.mark.parametrize(
    ("selection", "ids"),
    [
        (Selection(sections=("news",)), {"2000001"}),
        (Selection(access=Access.PREVIEW), {"2000002"}),
        (Selection(since=NOON + timedelta(days=5)), {"2000001"}),
        (Selection(after=LAST - 2), {"2000001", "1000002"}),
        (Selection(after=LAST), set()),
    ],
)
def test_selection(selection: Selection, ids: set[str], place: Path) -> None:
    """Only what was asked for is in the file."""
    summary, rows = exported(place, selection)

    assert ids == {row["story_id"] for row in rows}
    assert summary == Summary(len(ids), LAST)


@pytest.mark.parametrize("after", [0, 1])
def test_what_changes_meanwhile(after: int, tmp_path: Path) -> None:
    """Who goes on from the number he was told misses nothing that came while he was reading.

    Who takes only what changed gets nothing twice either.
    """
    asyncio.run(fill(tmp_path))

    def change(rows: int) -> None:
        if rows == 1:
            asyncio.run(put(tmp_path, draft(3_000_001, "后来")))
            asyncio.run(put(tmp_path, draft(1_000_005, "换了")))

    first, before = exported(tmp_path, Selection(after=after), watch=change)
    second, then = exported(tmp_path, Selection(after=first.last_seq))

    assert [row["title"] for row in then] == ["后来", "换了"]
    assert (first.last_seq, second.last_seq) == (LAST, LAST + 2)
    if after:
        assert not {row["seq"] for row in before} & {row["seq"] for row in then}


async def put(root: Path, *drafts: Draft) -> None:
    """Store these."""
    async with open_store(root) as archive:
        for each in drafts:
            await archive.put(each)


def test_progress(place: Path) -> None:
    """Whoever watches hears of every story."""
    heard: list[int] = []
    summary, _ = exported(place, watch=heard.append)

    assert heard == list(range(1, summary.rows + 1))
