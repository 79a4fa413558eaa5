"""Hostile titles on a real disk: each story keeps a file of its own, inside the tree."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pytest

from harvester.drafts import draft_of_page
from harvester.errors import DiskError
from harvester.handoff.feeds import publish_feeds
from harvester.model import Draft, Stored
from harvester.post import clean_title, name_key
from harvester.store import MANIFEST, Archive, open_archive, verify
from tests.handoff.follower_archive import NOON, open_writer, quick_folder
from tests.handoff.searching import story
from tests.store.support import files
from tests.support import hostile
from tests.support.figures import Figures, cases

_GATE = "titles, paths, front matter, Liquid, comment"
_BATCH = 1000


Plant = Callable[[Path, Path, Draft, Draft], None]


def _link_at_its_place(seeds: Path, elsewhere: Path, mine: Draft, _: Draft) -> None:
    (seeds / mine.name).unlink()
    (seeds / mine.name).symlink_to(elsewhere / mine.name)


def _link_to_another_story(seeds: Path, _: Path, mine: Draft, other: Draft) -> None:
    (seeds / mine.name).unlink()
    (seeds / mine.name).symlink_to(seeds / other.name)


def _second_name_of_a_file(seeds: Path, elsewhere: Path, mine: Draft, _: Draft) -> None:
    (seeds / mine.name).unlink()
    (seeds / mine.name).hardlink_to(elsewhere / mine.name)


def _link_at_a_new_place(seeds: Path, elsewhere: Path, _: Draft, __: Draft) -> None:
    (seeds / _draft(3, "丙").name).symlink_to(elsewhere / "new")


def _link_at_a_temporary_name(seeds: Path, elsewhere: Path, mine: Draft, _: Draft) -> None:
    for name in (mine.article.story_id, "1200003", "1200004", "MANIFEST"):
        for folder in (seeds, seeds / "2021/11"):
            (folder / f".harvester-{name}.tmp").symlink_to(elsewhere / mine.name)


def _link_at_the_manifest(seeds: Path, elsewhere: Path, mine: Draft, _: Draft) -> None:
    (seeds / MANIFEST).unlink(missing_ok=True)
    (seeds / MANIFEST).symlink_to(elsewhere / mine.name)


def _linked_month(seeds: Path, elsewhere: Path, _: Draft, __: Draft) -> None:
    shutil.rmtree(seeds / "2021/11")
    (seeds / "2021/11").symlink_to(elsewhere / "2021/11")


def _linked_year(seeds: Path, elsewhere: Path, _: Draft, __: Draft) -> None:
    shutil.rmtree(seeds / "2021")
    (seeds / "2021").symlink_to(elsewhere / "2021")


def _linked_feeds(seeds: Path, elsewhere: Path, _: Draft, __: Draft) -> None:
    (seeds / "feeds").symlink_to(elsewhere)


_PLANTS: tuple[Plant, ...] = (
    _link_at_its_place,
    _link_to_another_story,
    _second_name_of_a_file,
    _link_at_a_new_place,
    _link_at_a_temporary_name,
    _link_at_the_manifest,
    _linked_month,
    _linked_year,
    _linked_feeds,
)


@pytest.mark.gate("C1", _GATE)
@pytest.mark.timeout(3600)
async def test_many(figures: Figures) -> None:
    """Every story is in a file that holds it alone, also after some of them were revised."""
    count, room = cases(300, 100_000), 10_000
    titles = hostile.texts("disk", count)
    faults = dict.fromkeys(("lost or overwritten", "outside", "long", "twins", "differences"), 0)
    for _ in range(0, count, room):
        for name, number in (await _faults(list(islice(titles, room)))).items():
            faults[name] += number

    figures.none("stories overwritten or lost", faults["lost or overwritten"], of=count)
    figures.none("files outside the tree", faults["outside"], of=count)
    figures.none("names on disk over 255 bytes", faults["long"], of=count)
    figures.none("names that some file system takes for one", faults["twins"], of=count)
    figures.none("differences found by verify", faults["differences"], of=count)


async def _faults(titles: Sequence[str]) -> dict[str, int]:
    """Store stories of these titles, revise every seventh under another; return what is wrong."""
    with quick_folder() as root:
        drafts = [_draft(number, title) for number, title in enumerate(titles)]
        revised = [_draft(n, titles[-1 - n], 2) for n in range(0, len(titles), 7)]
        async with open_writer(root) as archive:
            placed = await _put(archive, drafts)
            again = await _put(archive, revised)
        expected = dict(zip(placed, drafts, strict=True)) | dict(zip(again, revised, strict=True))
        held = files(root)
        return {
            "lost or overwritten": sum(
                held.pop(path, None) != d.data for path, d in expected.items()
            )
            + len(held)
            + len(titles)
            - len(expected),
            "outside": len({path.name for path in root.iterdir()} - {"seeds", "state"}),
            "long": sum(len(os.fsencode(Path(path).name)) > 255 for path in expected),
            "twins": len(expected) - len({name_key(path) for path in expected}),
            "differences": len(verify(root / "seeds", root / "state").differences),
        }


def _draft(number: int, title: str, version: int = 1) -> Draft:
    """Return a story of this title as it is read from a page."""
    text = f"第{number}篇新闻的第{version}稿。"
    return draft_of_page(
        story(str(1_200_000 + number), clean_title(title), text), NOON.replace(minute=version)
    )


async def _put(archive: Archive, drafts: Sequence[Draft]) -> list[str]:
    """Store drafts, many at a time; return where each is."""
    ends: list[Stored] = []
    for start in range(0, len(drafts), _BATCH):
        ends += await asyncio.gather(*map(archive.put, drafts[start : start + _BATCH]))
    return [str(end.path) for end in ends]


@pytest.mark.gate("C1", _GATE)
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("plant", _PLANTS, ids=lambda plant: plant.__name__.strip("_"))
async def test_planted(figures: Figures, plant: Plant) -> None:
    """A link in the tree leads nobody to write, to read or to delete elsewhere."""
    rounds = cases(2, 20)
    harmed = [number for number in range(rounds) if await _is_harmed(number, plant)]

    figures.none(f"harm done by way of a {plant.__name__.strip('_')}", len(harmed), of=rounds)


async def _is_harmed(number: int, plant: Plant) -> bool:
    """Plant a link while the archive is open or closed; say whether anything elsewhere changed."""
    with quick_folder() as root:
        elsewhere = root / "elsewhere"
        mine, other = _draft(1, f"甲{number}"), _draft(2, f"乙{number}")
        async with open_writer(root) as archive:
            await _put(archive, [mine, other])
            if number % 2:
                before = _planted(plant, root, mine, other)
                await _work(archive, number)
        if not number % 2:
            before = _planted(plant, root, mine, other)
            await _worked(root, number)
        with suppress(DiskError):
            verify(root / "seeds", root / "state", repair=True)
        await _worked(root, number + 1)
        with suppress(DiskError), open_archive(root / "seeds", root / "state") as reader:
            publish_feeds(root / "seeds", reader)
        held = (root / "seeds" / other.name).read_bytes()
        return _everything(elsewhere) != before or held != other.data


def _planted(plant: Plant, root: Path, mine: Draft, other: Draft) -> dict[str, bytes]:
    """Plant; return what lies elsewhere, a copy of the tree with other texts among it."""
    elsewhere = root / "elsewhere"
    shutil.copytree(root / "seeds", elsewhere)
    (elsewhere / mine.name).write_text("precious")
    (elsewhere / "2021" / "11" / ".harvester-9.tmp").write_text("precious too")
    plant(root / "seeds", elsewhere, mine, other)
    return _everything(elsewhere)


async def _worked(root: Path, number: int) -> None:
    with suppress(DiskError):
        async with open_writer(root) as archive:
            await _work(archive, number)


async def _work(archive: Archive, number: int) -> None:
    """Revise the story whose place was planted, bring a new one, renew the manifest."""
    for draft in (_draft(1, "新题", 2 + number % 50), _draft(3 + number, "丙")):
        with suppress(DiskError):
            await archive.put(draft)
    with suppress(DiskError):
        await archive.publish_manifest()


def _everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
