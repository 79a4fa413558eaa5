"""Stories read whole: by selection, the newest, and while a writer works."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.model import Access, Draft, Instant
from harvester.store import Selection, open_archive
from tests.store.support import NOON, make_draft, open_store

SECTIONS = ("news", "news/sea", "news-x", "realtime/china", "realtime")


def draft(number: int, *, section: str = "news", hours: int = 0) -> Draft:
    """Return a draft of a section that was published so many hours after noon."""
    made = make_draft(str(number), f"text {number}", name=f"{number}.md")
    at = Instant(NOON + timedelta(hours=hours), "json-ld")
    return replace(made, article=replace(made.article, section=section, published=at))


async def fill(root: Path, drafts: Iterable[Draft]) -> None:
    """Put drafts into an archive."""
    async with open_store(root) as archive:
        await asyncio.gather(*map(archive.put, drafts))


async def test_what_changes_meanwhile_comes_next_time(tmp_path: Path) -> None:
    """Read in the order of changes, each story comes once, and none newer than the reading."""
    await fill(tmp_path, map(draft, range(450)))
    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        stories = reader.stories(Selection(after=-1))
        first = next(stories)
        later = NOON + timedelta(hours=1)
        edits = [make_draft(n, f"edited {n}", observed_at=later) for n in (first.story_id, "449")]
        await fill(tmp_path, edits)
        found = [first, *stories]
        assert [row.seq for row in found] == list(range(1, 450))
        assert {row.story_id for row in reader.stories(Selection(after=450))} == {
            first.story_id,
            "449",
        }


@given(
    st.lists(st.tuples(st.sampled_from(SECTIONS), st.integers(0, 9)), max_size=12),
    st.sampled_from((*SECTIONS, None)),
    st.integers(1, 6),
)
def test_the_newest(
    tmp_path_factory: pytest.TempPathFactory,
    stories: list[tuple[str, int]],
    section: str | None,
    count: int,
) -> None:
    """The newest of a section and what lies below it, the last published first."""
    root = tmp_path_factory.mktemp("archive")
    drafts = [draft(n, section=name, hours=h) for n, (name, h) in enumerate(stories)]
    asyncio.run(fill(root, drafts))
    with open_archive(root / "seeds", root / "state") as reader:
        found = reader.latest(count, section)
        assert reader.sections() == tuple(sorted({name for name, _ in stories}))
    wanted = [
        (NOON + timedelta(hours=hours), str(number))
        for number, (name, hours) in enumerate(stories)
        if section is None or name == section or name.startswith(f"{section}/")
    ]
    assert [(row.published, row.story_id) for row in found] == sorted(wanted, reverse=True)[:count]


async def test_all_conditions_hold(tmp_path: Path) -> None:
    """Time, section and access are asked for together; the end of a span is not in it."""
    drafts = [draft(n, section=SECTIONS[n % 5], hours=n) for n in range(10)]
    preview = replace(drafts[6], article=replace(drafts[6].article, access=Access.PREVIEW))
    await fill(tmp_path, [*drafts[:6], preview, *drafts[7:]])

    def ids(**conditions: object) -> list[str]:
        with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
            chosen = Selection(**conditions)  # type: ignore[arg-type]
            return [row.story_id for row in reader.stories(chosen)]

    noon = datetime(2021, 11, 1, 12, tzinfo=UTC)
    assert ids(since=noon + timedelta(hours=3), until=noon + timedelta(hours=5)) == ["3", "4"]
    assert ids(sections=("news",)) == ["0", "1", "5", "6"]
    assert ids(sections=("realtime/china", "news-x")) == ["2", "3", "7", "8"]
    assert ids(access=Access.PREVIEW) == ["6"]
    assert ids(sections=("news",), since=noon + timedelta(hours=6), access=Access.FULL) == []
