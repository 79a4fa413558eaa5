"""Finding stories: which, in what order, among which, and how they are shown."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import opencc
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harvester.drafts import draft_of_post
from harvester.errors import HarvesterError, UsageError
from harvester.handoff.search import Query, Search, find, parse
from harvester.handoff.search.refresh import Listener
from harvester.handoff.search.segment import words
from harvester.model import Access
from harvester.store import Reader, Selection, open_archive
from tests.handoff.follower_archive import NOON, quick_folder
from tests.handoff.searching import ids, keep, keep_drafts, look, story

DAY = timedelta(days=1)
STORIES = (
    story("1000001", "王毅会见布林肯", "两人在罗马会面。"),
    story("1000002", "罗马峰会", "王毅与布林肯出席G20峰会，谈了很久。", at=NOON + DAY),
    story("1000003", "东京股市", "王毅没有来。", at=NOON + 2 * DAY, section="finance/world"),
    story("1000004", "国会", "《联合早报》报道。", at=NOON + 3 * DAY, access=Access.PREVIEW),
    story("1000005", "国会", "《联合早报》报道！", at=NOON + 4 * DAY, section="finance"),
)
ALPHABET = "王毅國会a1 ，"
FAMILY = "王李张刘陈杨黄赵吴周徐孙马朱胡林郭何高罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余"


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """Return the archive of `STORIES`."""
    with quick_folder() as folder:
        keep(folder, STORIES)
        yield folder


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("王毅 布林肯", {"1000001", "1000002"}),
        ("王毅 -布林肯", {"1000003"}),
        ("王毅 东京", {"1000003"}),  # one in the title, one in the text
        ('"布林肯出席 g20"', {"1000002"}),
        ("毅", {"1000001", "1000002", "1000003"}),
        ("聯合早報", {"1000004", "1000005"}),
        ("國會 －外交", {"1000004", "1000005"}),
        ("林毅", set()),
    ],
)
def test_which(root: Path, query: str, expected: set[str]) -> None:
    """All words must stand in title or text, phrases as they are, and nothing that must not."""
    found = look(root, query)

    assert set(ids(found)) == expected
    assert (found.total, found.stories, found.current) == (len(expected), len(STORIES), True)


def test_order(root: Path) -> None:
    """A word in the title comes first; of equals the newer does; by date the newest does."""
    assert ids(look(root, "王毅"))[0] == "1000001"
    assert ids(look(root, "国会")) == ["1000005", "1000004"]
    dated = look(root, Search(parse("王毅"), newest_first=True))
    assert ids(dated) == ["1000003", "1000002", "1000001"]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(since=NOON + 4 * DAY), {"1000005"}),
        (Selection(until=NOON + 4 * DAY), {"1000004"}),
        (Selection(sections=("finance",)), {"1000005"}),
        (Selection(sections=("financ", "realtime/china")), {"1000004"}),
        (Selection(access=Access.PREVIEW), {"1000004"}),
        (Selection(access=Access.PREVIEW, sections=("finance",)), set()),
    ],
)
def test_among(root: Path, selection: Selection, expected: set[str]) -> None:
    """Only stories of that time, section and access are found and counted."""
    found = look(root, Search(parse("国会"), selection))

    assert set(ids(found)) == expected
    assert found.stories < len(STORIES)


def test_how_many(root: Path) -> None:
    """No more are shown than asked for, and all are counted."""
    for limit in (0, 1, 2, 9):
        found = look(root, Search(parse("王毅"), limit=limit))
        assert (len(found.hits), found.total) == (min(limit, 3), 3)


def test_hit(root: Path) -> None:
    """A hit tells what the archive knows, with the words marked in title and text."""
    (hit,) = look(root, "東京 王毅").hits

    assert (hit.title.text, hit.title.marks) == ("东京股市", ((0, 2),))
    assert (hit.snippet.text, hit.snippet.marks) == ("王毅没有来。", ((0, 2),))
    assert (hit.published, hit.section, hit.access) == (NOON + 2 * DAY, "finance/world", "full")
    assert (root / "seeds" / hit.path).is_file()
    assert hit.url.endswith("/finance/world/story20211101-1000003")
    assert hit.gone_at is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(), st.text("\"“-*^:(){}+ANDORNTE王毅\x00\udc80'\\ ", max_size=40)))
@example(" ".join(map(str, range(200))))
@example("王 -" + " -".join(map(str, range(199))))
@example("国" * 200)
@example("1" * 100_000)
@example('title:王 NEAR(王 毅) {title text}: "王" * ^王 AND OR NOT')
def test_any_query(root: Path, text: str) -> None:
    """Whatever is written is answered or refused; it never becomes an error of the database."""
    try:
        found = look(root, text)
    except UsageError:
        return
    assert found.current


@pytest.fixture(scope="module")
def mixed() -> Iterator[tuple[Reader, Path, dict[str, tuple[str, str]]]]:
    """Return an archive of short texts of few characters, and title with text of each story."""
    chance = random.Random(7)  # noqa: S311 - made-up texts

    def text() -> str:
        return "毅" + "".join(chance.choices(ALPHABET, k=chance.randint(1, 12))).strip()

    stories = [story(str(2_000_000 + n), text() + str(n), text()) for n in range(60)]
    with quick_folder() as folder:
        keep(folder, stories)
        texts = {one.story_id: (one.title, "\n".join(one.blocks)) for one in stories}
        with open_archive(folder / "seeds", folder / "state") as archive:
            yield archive, folder / "state", texts


@given(
    st.lists(st.text(ALPHABET, max_size=4), max_size=3),
    st.lists(st.text(ALPHABET, max_size=4), max_size=2),
)
def test_model(
    mixed: tuple[Reader, Path, dict[str, tuple[str, str]]], wanted: list[str], unwanted: list[str]
) -> None:
    """Those stories are found in which the words stand one after another, and no others."""
    archive, state, texts = mixed
    query = Query(
        *(tuple(p for t in some if (p := tuple(words(t)))) for some in (wanted, unwanted))
    )
    if not query.wanted:
        return

    found = find(archive, state, Search(query, limit=100), Listener())

    expected = {
        story_id
        for story_id, parts in texts.items()
        if all(any(holds(part, phrase) for part in parts) for phrase in query.wanted)
        and not any(holds(part, phrase) for part in parts for phrase in query.unwanted)
    }
    assert set(ids(found)) == expected
    assert all(hit.title.marks or hit.snippet.marks for hit in found.hits)


def holds(text: str, phrase: tuple[str, ...]) -> bool:
    """Return whether the words of a phrase follow one another in a text."""
    known = words(text)
    return any(known[n : n + len(phrase)] == list(phrase) for n in range(len(known)))


@pytest.mark.shared
def test_names_of_real_posts(shared: Path) -> None:
    """A hundred names of two ideographs out of a hundred lead to every story that has them.

    So do they in Traditional characters.
    """
    drafts = []
    for path in sorted((shared / "corpus" / "zaobao").glob("*.md")):
        try:
            drafts.append(draft_of_post(path.read_bytes()))
        except HarvesterError:
            continue
    named = re.compile(rf"(?<![\u4e00-\u9fff])[{FAMILY}][\u4e00-\u9fff]")
    names = sorted({n for d in drafts for block in d.article.blocks for n in named.findall(block)})
    sampled = random.Random(3).sample(names, 100)  # noqa: S311 - which names does not matter
    traditional = opencc.OpenCC("s2t")
    with quick_folder() as folder:
        keep_drafts(folder, drafts)
        with open_archive(folder / "seeds", folder / "state") as archive:
            held = {row.story_id for row in archive.articles()}
            for name in sampled:
                having = {
                    d.article.story_id
                    for d in drafts
                    if name in d.article.title or any(name in b for b in d.article.blocks)
                }
                for form in (name, traditional.convert(name)):
                    search = Search(parse(form), limit=1000)
                    found = find(archive, folder / "state", search, Listener())
                    assert having & held <= set(ids(found)), name
