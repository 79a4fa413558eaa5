"""Labelled pages: no other page becomes a story, no story is lost, and what is read is right."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import chain, zip_longest
from pathlib import Path

import pytest

from harvester.drafts import read_page
from harvester.errors import NotAStory, Unreadable
from harvester.model import Article, BodyMode
from harvester.store import open_archive
from harvester.zaobao import gate, story_ref
from tests.e2e.processes import harvester, one_object
from tests.e2e.support import Written, read, squeezed
from tests.handoff.follower_archive import quick_folder
from tests.labelled.labelled_site import labelled_answer, serving
from tests.labelled.labels import FOLDER, Label, articles, labels, others, tidy
from tests.support.figures import Figures

TITLE = "other pages archived, stories lost"
NOW = datetime(2026, 11, 21, tzinfo=UTC)
UNREADABLE = "unreadable"

log = logging.getLogger(__name__)


def visited(label: Label, mode: BodyMode) -> Article | str:
    """Read a page as a visit does; return the article, or why it is none."""
    try:
        ref = story_ref(label.url)
        gate.check_address(ref)
        landed = gate.check_landing(ref, label.final_url or label.url)
        return read_page(label.page, landed, NOW, mode, label.charset)
    except NotAStory as refused:
        return refused.reason
    except Unreadable:
        return UNREADABLE


def differences(label: Label, article: Article) -> Iterator[str]:
    """Yield the fields in which an article is not as labelled."""
    asked = (label.title, label.at, label.author, label.access, [*map(tidy, label.blocks)])
    found = (
        *(article.title, article.published.at, article.author, article.access.value),
        [*map(tidy, article.blocks)],
    )
    names = ("title", "published", "author", "access", "blocks")
    for name, right, got in zip(names, asked, found, strict=True):
        if right != got:
            yield f"{name}: {got!r} instead of {right!r}"


@pytest.mark.gate("A1", TITLE)
@pytest.mark.parametrize("mode", list(BodyMode))
def test_the_gate_tells_stories_from_other_pages(mode: BodyMode, figures: Figures) -> None:
    """No other page passes, at most one story in 200 is lost; what passes is as labelled."""
    ends = {label: visited(label, mode) for label in labels()}
    archived = [label for label in others() if isinstance(ends[label], Article)]
    lost = [label for label in articles() if not isinstance(ends[label], Article)]
    told = {label: end for label, end in ends.items() if isinstance(end, str)}
    wrong = [label for label in others() if label in told and told[label] not in label.reasons]
    unlike = {
        label: found
        for label in articles()
        if isinstance(end := ends[label], Article) and (found := [*differences(label, end)])
    }
    held = len(articles()) - len(lost)
    for label in (*archived, *lost, *wrong, *unlike):
        log.error("%s: %s %s", label.file, told.get(label), unlike.get(label, ""))

    figures.none("other pages archived", len(archived), of=len(others()))
    figures.at_most(f"stories lost of {len(articles())}", len(lost), len(articles()) // 200)
    figures.all("stories read as labelled", held - len(unlike), of=held)
    figures.all("refused for a right reason", len(others()) - len(wrong), of=len(others()))


@pytest.mark.gate("A1", TITLE)
async def test_a_backfill_archives_the_stories_alone(figures: Figures) -> None:
    """The command writes each story's text and no other page; every refusal leaves its reason."""
    mixed = chain.from_iterable(zip_longest(articles(), others()))
    addresses = "".join(f"{label.url}\n" for label in mixed if label)
    with quick_folder() as root:
        (root / "urls.txt").write_text(addresses, "utf-8")
        async with serving(labelled_answer()) as origin:
            flags = ("--urls-from", "urls.txt", "--site-origin", origin, "--rate", "1000", "--json")
            ended = await asyncio.to_thread(harvester, "backfill", *flags, cwd=root)
        counts = one_object(ended.stdout)
        posts = written(root)
        noted, raw = states(root)

    wrong = [label.file for label in others() if label.story_id in posts]
    unlike = [label.file for label in articles() if not tells(posts.get(label.story_id), label)]
    missed = {label.story_id: label.file for label in labels() if label.story_id not in posts}
    silent = [file for story_id, file in missed.items() if not noted.get(story_id)]
    unseen = {story_id for story_id, why in noted.items() if why == UNREADABLE} - raw
    log.error("written %s, unlike %s, silent %s: %s", wrong, unlike, silent, ended.stderr)
    figures.none("other pages written", len(wrong), of=len(others()))
    figures.at_most("stories not written as labelled", len(unlike), len(articles()) // 200)
    figures.all("addresses counted", int(counts["discovered"]), of=len(labels()))
    figures.none("refused without a reason kept", len(silent), of=len(missed))
    figures.none("unreadable pages not kept", len(unseen), of=len(raw))
    assert (counts["new"], counts["rejected"] + counts["failed"]) == (len(posts), len(missed))


def written(root: Path) -> dict[str, Written]:
    """Return the posts of an archive by story id, read by other means than the program's."""
    with open_archive(root / "seeds", root / "state") as archive:
        paths = {row.story_id: root / "seeds" / row.path for row in archive.articles()}
    assert sorted(paths.values()) == sorted((root / "seeds").glob("*/*/*.md"))
    return {story_id: read(path.read_bytes()) for story_id, path in paths.items()}


def tells(post: Written | None, label: Label) -> bool:
    """Say whether a post tells what a label says."""
    asked = (label.title, label.at, label.at, label.url, squeezed("".join(label.blocks)))
    return post is not None and asked == (post.title, post.date, post.epoch, post.url, post.said)


def states(root: Path) -> tuple[dict[str, str], set[str]]:
    """Return the reason noted of each story that is not held, and of which the page is kept."""
    address = f"file:{root / 'state' / 'harvester.db'}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as catalogue:
        rows = catalogue.execute("SELECT story_id, reason FROM visits WHERE state != 'held'")
        reasons = {story: reason.partition(":")[0] for story, reason in rows}
        raw = {story for (story,) in catalogue.execute("SELECT story_id FROM kept_pages")}
    return reasons, raw


def test_the_set_is_whole() -> None:
    """Every file has one label, every address is its own; articles and others are as many."""
    files = Counter(label.file for label in labels())
    ids = Counter(label.story_id for label in labels())
    lying = {
        path.relative_to(FOLDER).as_posix()
        for folder in ("articles", "others")
        for path in (FOLDER / folder).rglob("*")
        if path.is_file()
    }
    eras = Counter(label.file.split("/")[1] for label in articles())

    assert lying == set(files)
    assert {*files.values(), *ids.values()} == {1}
    assert len(articles()) >= 200
    assert len(others()) >= 100
    assert min(eras.values()) >= 30
    assert eras.keys() == {"sg2013", "sg2019", "sg2024", "hk2020", "hk2025"}
    assert all(label.reasons for label in others())
    assert all(label.blocks and label.title for label in articles())
