"""The feeds beside the posts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import feedparser
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from harvester import post
from harvester.drafts import draft_of_page
from harvester.errors import DatabaseUnusable, DiskError
from harvester.handoff.feeds import publish_feeds
from harvester.handoff.feeds.atom import atom
from harvester.handoff.feeds.feed import feed_of
from harvester.handoff.feeds.json_feed import json_feed
from harvester.model import Access, Article, Era, Instant, Visit, VisitState
from harvester.store import StoryRow, open_archive
from tests.store.support import NOON, StillClock, open_store

SCHEMA = json.loads((Path(__file__).parent / "json-feed-1.1.schema.json").read_text("utf-8"))
HOUR = timedelta(hours=1)
HOSTILE = (
    "<script>alert(1)</script>",
    "]]></title><title>A & B &amp; C &lt;",
    "“引号”与\"双引号\"与'单引号'",
    "{{ page.title }} {% raw %}",
    "😀 👨‍👩‍👧‍👦 和 𠮷",
    "\u202e倒写\u202c \u200f标题",
    "--- <!-- --> <![CDATA[ ?> %3C \\u003c \\",
)


def article(story_id: str = "1209230", **changes: Any) -> Article:  # noqa: ANN401 - many types
    """Return an article that follows from its id, but for `changes`."""
    section = changes.get("section", "realtime/china")
    whole = Article(
        story_id=story_id,
        url=f"https://www.zaobao.com.sg/{section}/story20211101-{story_id}",
        section=section,
        title=f"第{story_id}则消息",
        published=Instant(NOON, "json-ld"),
        body=f"<p>第{story_id}段文字 & more。</p>",
        blocks=(f"第{story_id}段文字 & more。",),
        era=Era.SG_2019,
        tags=("中国", "外交"),
    )
    return replace(whole, **changes)


async def keep(root: Path, articles: Iterable[Article], at: datetime = NOON) -> None:
    """Store articles as they stood at an instant."""
    clock = StillClock()
    clock.at = at
    async with open_store(root, clock) as archive:
        await asyncio.gather(*(archive.put(draft_of_page(one, at)) for one in articles))


async def bury(root: Path, story_id: str, at: datetime) -> None:
    """Mark a story as gone from the site."""
    clock = StillClock()
    clock.at = at
    visit = Visit(story_id, article(story_id).url, VisitState.REJECTED, at, "gone")
    async with open_store(root, clock) as archive:
        assert await archive.bury(visit)


def publish(root: Path, seeds: Path | None = None) -> int:
    """Write the feeds of an archive."""
    with open_archive(root / "seeds", root / "state") as archive:
        return publish_feeds(seeds or root / "seeds", archive)


def feeds(root: Path) -> dict[str, bytes]:
    """Return every file below `feeds`, hidden ones too, by relative path."""
    folder = root / "seeds" / "feeds"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def everything(root: Path) -> set[Path]:
    """Return all files and folders below a root."""
    return set(root.rglob("*"))


def read_atom(data: bytes) -> Any:  # noqa: ANN401 - feedparser has no types
    """Return what a feed reader makes of an Atom document, which must be well-formed."""
    read = feedparser.parse(data, sanitize_html=False, resolve_relative_uris=False)
    assert not read.bozo, read.bozo_exception
    assert read.version == "atom10"
    return read


def read_json(data: bytes) -> Any:  # noqa: ANN401 - JSON
    """Return a JSON Feed, which must follow the specification."""
    document = json.loads(data)
    Draft202012Validator(SCHEMA).validate(document)
    return document


def row(title: str, body: str, author: str = "", tags: Sequence[str] = ()) -> StoryRow:
    """Return a story as the archive gives it."""
    one = article(title=post.clean_title(title), body=body, author=author, tags=tuple(tags))
    draft = draft_of_page(one, NOON)
    return StoryRow(
        story_id=one.story_id,
        url=one.url,
        title=one.title,
        published=NOON,
        published_source="json-ld",
        section=one.section,
        author=one.author,
        tags=one.tags,
        access=one.access,
        era=one.era,
        content_hash=draft.content_hash,
        path=draft.name,
        sha256="0" * 64,
        size=len(draft.data),
        revision=1,
        seq=1,
        first_seen=NOON,
        updated_at=NOON,
        gone_at=None,
        post=draft.data,
    )


async def test_files(tmp_path: Path) -> None:
    """There is a pair of files for all stories and for each section, and nothing else."""
    await keep(tmp_path, [article("1"), article("2", section="news/sea"), article("3")])

    assert publish(tmp_path) == 6
    assert {
        *("all.atom", "all.json", "realtime/china.atom", "realtime/china.json"),
        *("news/sea.atom", "news/sea.json"),
    } == feeds(tmp_path).keys()


async def test_atom(tmp_path: Path) -> None:
    """An Atom feed tells of each story what the archive holds, the last published first."""
    newer = article(
        "2",
        published=Instant(NOON + HOUR, "json-ld"),
        author="陈某",
        access=Access.PREVIEW,
        url="https://www.zaobao.com/realtime/china/story20211101-2",
    )
    await keep(tmp_path, [article("1"), newer], at=NOON + 2 * HOUR)
    publish(tmp_path)
    read = read_atom(feeds(tmp_path)["realtime/china.atom"])

    assert read.feed.title == "联合早报 · 即时中国"
    assert read.feed.link == "https://www.zaobao.com.sg/realtime/china"
    assert read.feed.language == "zh-Hans"
    assert read.feed.generator == "harvester"
    assert read.feed.generator_detail.version
    assert read.feed.updated == "2021-11-01T14:00:00+00:00"
    assert [entry.title for entry in read.entries] == ["第2则消息", "第1则消息"]
    first, second = read.entries
    assert newer.url == first.link
    assert [{"rel": "alternate", "type": "text/html", "href": newer.url}] == first.links
    assert first.author == "陈某"
    assert read.feed.author == "联合早报"
    assert first.published == "2021-11-01T13:00:00+00:00"
    assert first.updated == "2021-11-01T14:00:00+00:00"
    assert [tag.term for tag in first.tags] == ["realtime/china", "中国", "外交", "preview"]
    assert first.tags[0].label == "即时中国"
    assert [tag.term for tag in second.tags] == ["realtime/china", "中国", "外交"]
    assert first.content[0].type == "text/html"
    assert newer.body == first.content[0].value


async def test_json(tmp_path: Path) -> None:
    """A JSON Feed tells the same, and which file of the archive holds a story."""
    one = article(author="陈某", access=Access.PREVIEW)
    await keep(tmp_path, [one], at=NOON + HOUR)
    publish(tmp_path)
    files = feeds(tmp_path)
    with open_archive(tmp_path / "seeds", tmp_path / "state") as archive:
        (held,) = archive.stories()

    assert {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "联合早报",
        "home_page_url": "https://www.zaobao.com.sg/",
        "language": "zh-Hans",
        "authors": [{"name": "联合早报"}],
        "items": [
            {
                "id": read_atom(files["all.atom"]).entries[0].id,
                "url": one.url,
                "title": one.title,
                "content_html": one.body,
                "date_published": "2021-11-01T12:00:00+00:00",
                "date_modified": "2021-11-01T13:00:00+00:00",
                "authors": [{"name": "陈某"}],
                "tags": ["realtime/china", "中国", "外交", "preview"],
                "_harvester": {
                    "story_id": one.story_id,
                    "access": "preview",
                    "path": held.path,
                    "sha256": held.sha256,
                    "seq": 1,
                    "revision": 1,
                },
            }
        ],
    } == read_json(files["all.json"])


async def test_ids_are_kept(tmp_path: Path) -> None:
    """Another address, host, section and title leave the id of a story as it was."""
    await keep(tmp_path, [article()])
    publish(tmp_path)
    before = read_json(feeds(tmp_path)["realtime/china.json"])["items"][0]
    moved = article(
        section="news/sea",
        url="https://www.zaobao.com/news/sea/story20211102-1209230",
        title="换了标题",
        blocks=("换了文字",),
    )
    await keep(tmp_path, [moved], at=NOON + HOUR)
    publish(tmp_path)
    after = read_json(feeds(tmp_path)["news/sea.json"])["items"][0]

    assert moved.url == after["url"] != before["url"]
    assert after["title"] == "换了标题"
    assert before["id"] == after["id"]


async def test_ids_of_all_times(tmp_path: Path) -> None:
    """Ids are those of every version of the program: others would show every story again."""
    await keep(tmp_path, [article()])
    publish(tmp_path)
    whole, section = (
        read_atom(feeds(tmp_path)[name]) for name in ("all.atom", "realtime/china.atom")
    )

    assert (
        "urn:uuid:e8408a3b-96d9-56fd-aefd-d4f1102259fd"
        == whole.entries[0].id
        == section.entries[0].id
    )
    assert whole.feed.id == "urn:uuid:acfff398-0896-51ba-b3f0-7b17d2da92d5"
    assert section.feed.id == "urn:uuid:88e779f1-888a-561f-9b58-4e094f0b50cf"


async def test_unchanged(tmp_path: Path) -> None:
    """Where nothing has changed nothing is written, and two writers write the same bytes."""
    await keep(tmp_path, [article("1"), article("2", section="news/sea")])
    folder = tmp_path / "seeds" / "feeds"

    def identities() -> dict[str, tuple[int, int]]:
        stats = {name: (folder / name).stat() for name in feeds(tmp_path)}
        return {name: (at.st_ino, at.st_mtime_ns) for name, at in stats.items()}

    assert publish(tmp_path) == 6
    first = identities()
    assert publish(tmp_path) == 0
    assert first == identities()
    assert publish(tmp_path, tmp_path / "elsewhere" / "seeds") == 6
    assert feeds(tmp_path) == feeds(tmp_path / "elsewhere")


async def test_edit(tmp_path: Path) -> None:
    """An edit moves `updated` of its story and its feeds, and rewrites no other section."""
    await keep(tmp_path, [article("1"), article("2"), article("3", section="news/sea")])
    publish(tmp_path)
    edited = article("1", body="<p>改了。</p>", blocks=("改了。",))
    await keep(tmp_path, [edited], at=NOON + HOUR)

    assert publish(tmp_path) == 4
    read = read_atom(feeds(tmp_path)["all.atom"])
    later = (NOON + HOUR).isoformat()
    assert later == read.feed.updated
    updated = {entry.title: entry.updated for entry in read.entries}
    same = NOON.isoformat()
    assert {"第1则消息": later, "第2则消息": same, "第3则消息": same} == updated
    assert same == read_atom(feeds(tmp_path)["news/sea.atom"]).feed.updated


async def test_gone(tmp_path: Path) -> None:
    """A story that the site took away leaves the feeds, which counts as a change of them."""
    await keep(tmp_path, [article("1"), article("2", section="news/sea")])
    publish(tmp_path)
    await bury(tmp_path, "1", NOON + HOUR)

    assert publish(tmp_path) == 4
    files = feeds(tmp_path)
    whole, section = (read_atom(files[name]) for name in ("all.atom", "realtime/china.atom"))
    assert [entry.title for entry in whole.entries] == ["第2则消息"]
    assert (NOON + HOUR).isoformat() == whole.feed.updated == section.feed.updated
    assert [] == section.entries == read_json(files["realtime/china.json"])["items"]


async def test_newest_hundred(tmp_path: Path) -> None:
    """A feed holds the newest 100 stories by publication, not by arrival."""
    numbers = [(n * 37) % 130 for n in range(130)]
    await keep(
        tmp_path,
        [article(str(n), published=Instant(NOON + n * HOUR, "json-ld")) for n in numbers],
    )
    publish(tmp_path)

    assert [f"第{n}则消息" for n in reversed(range(30, 130))] == [
        item["title"] for item in read_json(feeds(tmp_path)["all.json"])["items"]
    ]


async def test_unknown_section(tmp_path: Path) -> None:
    """A section that is in no list of today goes by its path."""
    await keep(tmp_path, [article(section="special/report/politic")])
    publish(tmp_path)

    read = read_atom(feeds(tmp_path)["special/report/politic.atom"])
    assert read.feed.title == "联合早报 · special/report/politic"


async def test_unsafe_sections(tmp_path: Path) -> None:
    """A section that could lead elsewhere, or meet another, has no feed; its stories are in all."""
    unsafe = (
        *("../../outside", "/etc", "a//b", "a/../b", "a/", "", ".", "News/Sea", "a.atom", "a b"),
        *("all", "中国", "x" * 65, "a\0b", "a\n", "\u202ea"),
    )
    root = tmp_path / "deep" / "down"
    url = article().url
    await keep(root, [article(str(n), section=name, url=url) for n, name in enumerate(unsafe)])
    before = everything(tmp_path)

    assert publish(root) == 2
    folder = root / "seeds" / "feeds"
    made = {folder, folder / "all.atom", folder / "all.json"}
    assert made == everything(tmp_path) - before
    assert len(unsafe) == len(read_json(feeds(root)["all.json"])["items"])


async def test_no_stories(tmp_path: Path) -> None:
    """An archive without stories has no feeds: a feed must say when it was updated."""
    await keep(tmp_path, [])

    assert publish(tmp_path) == 0
    assert not (tmp_path / "seeds" / "feeds").exists()


async def test_in_the_way(tmp_path: Path) -> None:
    """A folder where a feed should be is an error that names it."""
    await keep(tmp_path, [article()])
    (tmp_path / "seeds" / "feeds" / "all.atom").mkdir(parents=True)

    with pytest.raises(DiskError, match=r"feeds/all\.atom"):
        publish(tmp_path)
    assert feeds(tmp_path) == {}


def test_damaged() -> None:
    """A text that is no post is an error of the archive that names the story and the way out."""
    with pytest.raises(DatabaseUnusable, match=r"1209230 .* `harvester verify`"):
        atom(feed_of(None, [replace(row("标题", "<p>一</p>"), post=b"no post")]))


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(title=text, body=text, author=text, tag=text)
@example(
    title="\ufffe\x0b<\r\n\t\x85\u2028]]>", body="\ufffe\uffff<p>]]></p>", author="\x00", tag=""
)
def test_any_text(title: str, body: str, author: str, tag: str) -> None:
    """Whatever a page says, both forms can be read, and title and text are what was published."""
    # feedparser takes a text with nothing beyond Latin-1 for one that was decoded wrongly.
    story = row(f"题{title}题", f"<p>文{body}</p>", author, [tag])
    feed = feed_of(None, [story])
    html = post.read_post(story.post).body
    (entry,) = read_atom(atom(feed)).entries
    (item,) = read_json(json_feed(feed))["items"]

    assert story.title == item["title"] == entry.title
    assert html == item["content_html"]
    assert html.translate({0xFFFE: None, 0xFFFF: None}) == entry.content[0].value


@pytest.mark.parametrize("title", HOSTILE)
async def test_hostile_titles(title: str, tmp_path: Path) -> None:
    """A title that looks like markup, code or an end is shown as published."""
    one = article(
        title=title, body=f"<p>{HOSTILE[4]} &lt;b&gt; ]]&gt; &amp;amp;</p>", tags=(title,)
    )
    await keep(tmp_path, [one])
    publish(tmp_path)
    files = feeds(tmp_path)
    (entry,) = read_atom(files["all.atom"]).entries
    (item,) = read_json(files["all.json"])["items"]

    assert title == entry.title == item["title"]
    assert one.body == entry.content[0].value == item["content_html"]
    assert title == entry.tags[1].term == item["tags"][1]


def test_half_a_character() -> None:
    """Half a surrogate pair, which a page's JSON can hold, breaks neither form."""
    feed = feed_of(None, [row("标题", "<p>一</p>", "陈\ud800", ["国\udfff"])])

    assert read_atom(atom(feed)).entries[0].author == "陈"
    assert read_json(json_feed(feed))["items"][0]["authors"] == [{"name": "陈?"}]


async def test_polling(tmp_path: Path) -> None:
    """Who reads the files in a loop while they are replaced sees one whole file or the other."""
    seeds = tmp_path / "published"
    roots = (tmp_path / "a", tmp_path / "b")
    for root in roots:
        body = f"<p>{root.name * 50_000}</p>"
        await keep(root, [article(str(n), body=body) for n in range(20)])
    whole = {"all.atom": set[bytes](), "all.json": set[bytes]()}
    for root in roots:
        publish(root, seeds)
        for name, versions in whole.items():
            versions.add((seeds / "feeds" / name).read_bytes())
    seen = {name: set[bytes]() for name in whole}
    over = Event()

    def poll() -> None:
        while not over.is_set():
            for name, found in seen.items():
                found.add((seeds / "feeds" / name).read_bytes())

    reader = Thread(target=poll)
    reader.start()
    try:
        for _ in range(15):
            for root in roots:
                assert publish(root, seeds) == 4
    finally:
        over.set()
        reader.join()

    assert all(len(versions) == 2 for versions in whole.values())
    assert all(seen[name] and seen[name] <= versions for name, versions in whole.items())
