"""A catalogue that is damaged: refused, told by `verify`, or right; never a wrong answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harvester.errors import HarvesterError
from harvester.store import CATALOGUE, Reader, open_archive, verify
from tests.handoff.follower_archive import quick_folder
from tests.store.support import make_draft, make_visit, open_store
from tests.support.figures import Figures, cases

STORIES = 60


@pytest.fixture
def place() -> Iterator[Path]:
    """Yield a folder in which thousands of starts cost little."""
    with quick_folder() as folder:
        yield folder


async def fill(root: Path) -> None:
    """Make an archive whose stories have one, two or three texts; two are gone."""
    async with open_store(root) as archive:
        for version in range(3):
            for number in range(version, STORIES, version + 1):
                draft = make_draft(
                    str(1000 + number), f"{number} {version} " * 50, title=f"题目{number}"
                )
                await archive.put(draft, make_visit(draft.article.story_id))
        for number in (3, 5):
            await archive.bury(make_visit(str(1000 + number), reason="missing"))


def answers(reader: Reader) -> dict[str, Any]:
    """Return all that the archive says of its stories."""
    articles = list(reader.articles())
    texts = {each.story_id: reader.revisions(each.story_id) for each in articles}
    return {
        "articles": articles,
        "stories": list(reader.stories()),
        "changes": list(reader.changes()),
        "texts": texts,
        "posts": {
            (story_id, each.revision): reader.post(story_id, each.revision)
            for story_id, revisions in texts.items()
            for each in revisions
        },
        "files": [reader.post(each.story_id) for each in articles],
    }


def answered(root: Path) -> dict[str, Any] | None:
    """Return all answers of an archive; None where it is refused or `verify` finds a fault."""
    try:
        if verify(root / "seeds", root / "state", patience=0).differences:
            return None
        with open_archive(root / "seeds", root / "state") as reader:
            return answers(reader)
    except HarvesterError:
        return None


async def start(root: Path) -> None:
    """Start a writer as after any end of the one before."""
    with suppress(HarvesterError):
        async with open_store(root) as archive:
            await archive.put(make_draft("1000"))


def spoiled(whole: bytes) -> Iterator[bytes]:
    """Return the catalogue with flipped bits, cut off, and with its head wiped out."""
    dice = Random(2021)  # noqa: S311 - the same damage in each run
    for _ in range(cases(60, 1000)):
        damaged = bytearray(whole)
        damaged[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
        yield bytes(damaged)
    yield from (whole[: dice.randrange(len(whole))] for _ in range(cases(10, 100)))
    yield bytes(100) + whole[100:]
    yield bytes(len(whole))


@pytest.mark.gate("M8", "damaged catalogue")
async def test_no_silent_wrong_answer(place: Path, figures: Figures) -> None:
    """Where neither the opening nor `verify` speaks of damage, every answer is the right one."""
    await fill(place)
    path = place / "state" / CATALOGUE
    whole, truth = path.read_bytes(), answered(place)
    assert truth

    ends = []
    for damaged in spoiled(whole):
        path.write_bytes(damaged)
        ends.append(answered(place))

    wrong = [end for end in ends if end is not None and end != truth]
    figures.none("silent wrong answers", len(wrong), of=len(ends))
    assert ends.count(None) > len(ends) // 5, "some of it must have been seen"


@pytest.mark.gate("M8", "damaged catalogue")
async def test_a_start_on_a_damaged_catalogue(place: Path, figures: Figures) -> None:
    """A start is refused in our words or works; then, too, no answer is wrong without a word."""
    await fill(place)
    await start(place)
    path = place / "state" / CATALOGUE
    whole, truth = path.read_bytes(), answered(place)
    assert truth
    wrong = tries = answered_well = 0
    for damaged in spoiled(whole):
        path.write_bytes(damaged)
        await start(place)
        tries += 1
        end = answered(place)
        wrong += end is not None and end != truth
        answered_well += end == truth
    figures.none("wrong answers after a start", wrong, of=tries)
    assert answered_well > tries // 5, "the check must not refuse all"
