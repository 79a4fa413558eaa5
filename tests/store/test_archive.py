"""What the archive does with each verdict, and what it remembers besides texts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from harvester.errors import HarvesterError, Unreadable
from harvester.model import (
    Access,
    Counts,
    Decision,
    Draft,
    Era,
    HostState,
    Known,
    Scope,
    SourceState,
    StoryRef,
    Validators,
    Verdict,
)
from harvester.store import Archive, open_archive, verify
from tests.store.support import (
    NOON,
    StillClock,
    files,
    make_draft,
    make_ref,
    make_visit,
    name_key,
    open_store,
)

LATER, EARLIER = NOON + timedelta(hours=1), NOON - timedelta(hours=1)
PATH = "2021/11/2021-11-01-title.md"


def changes(root: Path) -> list[tuple[str, str, int]]:
    """Return operation, story and revision of each entry of the change log."""
    with open_archive(root / "seeds", root / "state") as reader:
        return [(each.op, each.story_id, each.revision) for each in reader.changes()]


async def test_new(tmp_path: Path) -> None:
    """A new story gets its wished file, its first revision, one change entry and its visit."""
    draft, visit = make_draft(), make_visit()
    async with open_store(tmp_path) as archive:
        stored = await archive.put(draft, visit)
        remembered = await archive.visit("1209230")
        known = await archive.known("1209230")

    assert stored.decision.verdict is Verdict.NEW
    assert {PATH: draft.data} == files(tmp_path)
    assert changes(tmp_path) == [("new", "1209230", 1)]
    assert visit == remembered
    hashes = frozenset({draft.content_hash})
    assert Known(draft.content_hash, NOON, hashes, sha256=draft.sha256) == known


async def test_revised(tmp_path: Path) -> None:
    """A later text replaces the file at its path, also with another title; the old one stays."""
    first = make_draft(text="one")
    second = make_draft(text="two", title="other", observed_at=LATER)
    async with open_store(tmp_path) as archive:
        await archive.put(first)
        stored = await archive.put(second)

    assert stored.path == PATH
    assert {PATH: second.data} == files(tmp_path)
    assert changes(tmp_path) == [("new", "1209230", 1), ("revised", "1209230", 2)]
    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        assert first.data == reader.post("1209230", 1)
        assert [each.current for each in reader.revisions("1209230")] == [False, True]


async def test_archival(tmp_path: Path) -> None:
    """A text older than ours is kept as a revision; file, row and change log do not move."""
    current, old = make_draft(text="two"), make_draft(text="one", observed_at=EARLIER)
    async with open_store(tmp_path) as archive:
        await archive.put(current)
        stored = await archive.put(old)
        known = await archive.known("1209230")

    assert Decision(Verdict.REVISED, archival=True) == stored.decision
    assert {PATH: current.data} == files(tmp_path)
    assert changes(tmp_path) == [("new", "1209230", 1)]
    hashes = frozenset({current.content_hash, old.content_hash})
    assert Known(current.content_hash, NOON, hashes, sha256=current.sha256) == known
    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        assert old.data == reader.post("1209230", 2)


async def test_unchanged_touches_no_file(tmp_path: Path) -> None:
    """The same text again leaves the file's inode and the change log alone."""
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft())
        before = (tmp_path / "seeds" / PATH).stat()
        stored = await archive.put(make_draft(observed_at=LATER))
        known = await archive.known("1209230")

    assert (stored.decision.verdict, stored.path) == (Verdict.UNCHANGED, PATH)
    assert before.st_ino == (tmp_path / "seeds" / PATH).stat().st_ino
    assert changes(tmp_path) == [("new", "1209230", 1)]
    assert known is not None
    assert known.observed_at == LATER


async def test_unchanged_takes_over_what_only_a_page_tells(tmp_path: Path) -> None:
    """Era and access of an imported text follow a later page; the mark of a preview stays."""
    seen = [
        make_draft(access=Access.FULL, era=Era.POST),
        make_draft(access=Access.PREVIEW, era=Era.SG_2013, observed_at=EARLIER),
        make_draft(access=Access.PREVIEW, era=Era.SG_2024, observed_at=LATER),
        make_draft(access=Access.FULL, era=Era.HK_2025, observed_at=LATER),
        make_draft(access=Access.FULL, era=Era.POST, observed_at=LATER),
    ]
    async with open_store(tmp_path) as archive:
        for draft in seen:
            await archive.put(draft)

    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        figures = reader.counts()
        assert figures.by_access == {Access.PREVIEW: 1}
        assert figures.by_era == {Era.SG_2024: 1}


async def test_duplicate(tmp_path: Path) -> None:
    """Another story with the same text gets no file; with a text of its own it gets one."""
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft("1"))
        twin = await archive.put(make_draft("2"), make_visit("2"))
        with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
            aliases = reader.counts().aliases
        own = await archive.put(make_draft("2", "its own text"))

    assert (twin.decision.verdict, twin.path, aliases) == (Verdict.DUPLICATE, None, 1)
    assert Verdict.NEW is own.decision.verdict
    assert changes(tmp_path) == [("new", "1", 1), ("new", "2", 1)]
    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        assert reader.counts().aliases == 0


async def test_drafts_of_one_story_are_judged_in_order(tmp_path: Path) -> None:
    """Drafts put at the same time see each other: one story, one text, judged one after another."""
    drafts = [
        make_draft("1", "a"),
        make_draft("1", "b"),
        make_draft("1", "b"),
        make_draft("2", "b"),
        make_draft("3", "c"),
    ]
    async with open_store(tmp_path) as archive:
        ends = await asyncio.gather(*map(archive.put, drafts))

    verdicts = ["new", "revised", "unchanged", "duplicate", "new"]
    assert verdicts == [end.decision.verdict for end in ends]
    assert changes(tmp_path) == [("new", "1", 1), ("revised", "1", 2), ("new", "3", 1)]
    assert not verify(tmp_path / "seeds", tmp_path / "state").differences


async def test_rejected_leaves_the_visit_only(tmp_path: Path) -> None:
    """A draft that the judge rejects leaves its visit and nothing else."""

    def reject(_known: Known | None, _twin: str | None, _draft: Draft) -> Decision:
        return Decision(Verdict.REJECTED, "too-thin")

    async with Archive.open(
        tmp_path / "seeds",
        tmp_path / "state",
        decide=reject,
        name_key=name_key,
        clock=StillClock(),
    ) as archive:
        stored = await archive.put(make_draft(), make_visit(reason="too-thin"))

    assert (stored.path, stored.decision.reason) == (None, "too-thin")
    assert files(tmp_path) == {}
    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        assert [each.reason for each in reader.counts().visits] == ["too-thin"]


async def test_one_bad_draft_does_not_harm_the_others(tmp_path: Path) -> None:
    """Text that is not Unicode fails its own put; the rest of the batch is stored."""
    good, bad = make_draft("1", "good"), make_draft("2", "bad", title="a\ud800", name="b.md")
    async with open_store(tmp_path) as archive:
        ends = await asyncio.gather(
            archive.put(good), archive.put(bad, make_visit("2")), return_exceptions=True
        )
        assert None is await archive.visit("2")

    assert isinstance(ends[1], Unreadable)
    assert {PATH: good.data} == files(tmp_path)


async def test_cancelled_put_is_kept(tmp_path: Path) -> None:
    """A caller cancelled while it waits neither loses its text nor hangs the others."""
    async with open_store(tmp_path) as archive:
        waiting = asyncio.ensure_future(archive.put(make_draft("1", "one", title="one")))
        other = asyncio.ensure_future(archive.put(make_draft("2", "two", title="two")))
        await asyncio.sleep(0)
        waiting.cancel()
        await other

    assert waiting.cancelled()
    assert len(files(tmp_path)) == 2


async def test_cancelled_close_still_closes(tmp_path: Path) -> None:
    """A writer cancelled inside its block finishes what waits, closes, and frees the lock."""
    entered = asyncio.Event()

    async def write() -> None:
        async with open_store(tmp_path) as archive:
            entered.set()
            await asyncio.gather(*(archive.put(make_draft(str(n), f"{n}")) for n in range(20)))

    task = asyncio.ensure_future(write())
    await entered.wait()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with open_store(tmp_path) as archive:
        assert archive.orphans == ()
    assert not verify(tmp_path / "seeds", tmp_path / "state").differences


@pytest.mark.parametrize("steps", range(1, 6))
async def test_cancelled_opening_leaves_nothing_open(tmp_path: Path, steps: int) -> None:
    """A writer cancelled while it opens holds neither lock nor connection afterwards."""

    async def write() -> None:
        async with open_store(tmp_path):
            await asyncio.Event().wait()

    task = asyncio.ensure_future(write())
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with open_store(tmp_path) as archive:
        assert archive.orphans == ()


async def test_a_bug_in_the_judge_reaches_the_caller(tmp_path: Path) -> None:
    """An unknown error is not swallowed: the put raises it, and the archive takes no more work."""

    def broken(_known: Known | None, _twin: str | None, _draft: Draft) -> Decision:
        raise KeyError("bug")

    async with Archive.open(
        tmp_path / "seeds",
        tmp_path / "state",
        decide=broken,
        name_key=name_key,
        clock=StillClock(),
    ) as archive:
        for _ in range(2):
            with pytest.raises(KeyError, match="bug"):
                await archive.put(make_draft())


async def test_visits_are_replaced(tmp_path: Path) -> None:
    """The last visit counts, with every field as it was given, to the second."""
    last = replace(
        make_visit("7", reason="soft-404"),
        checked_at=NOON + timedelta(microseconds=5),
        failures=3,
        next_check_at=LATER,
        validators=Validators('"e"', "Mon, 01 Nov 2021 12:00:00 GMT"),
        lastmod="2021-11-01",
        published=EARLIER,
        missing_since=EARLIER,
    )
    async with open_store(tmp_path) as archive:
        await archive.note(make_visit("7"))
        await archive.note(last)
        found = await archive.visit("7")

    assert replace(last, checked_at=NOON) == found


async def test_sightings(tmp_path: Path) -> None:
    """New addresses are counted; a newer hint replaces the old one, no hint does not."""
    ref = make_ref("1")
    hinted = StoryRef(ref.story_id, ref.url, ref.section, ref.day, "2021-11-02")
    source = SourceState("https://www.zaobao.com.sg/sitemap.xml", Validators("e"), NOON)
    async with open_store(tmp_path) as archive:
        assert await archive.record([ref, ref], source) == 1
        assert await archive.record([hinted, make_ref("2")]) == 1
        assert await archive.record([ref]) == 0
        assert await archive.record([]) == 0
        pages = [page async for page in archive.work(Scope())]
        assert source == await archive.source(source.url)
        assert None is await archive.source("https://www.zaobao.com.sg/other.xml")

    assert [[(make_ref("2"), None), (hinted, None)]] == pages


async def test_work_pages_by_day(tmp_path: Path) -> None:
    """Work comes in pages of 1,000, the latest day first, each address once, with its visit."""
    refs = [make_ref(str(n), day=date(2021, 1, 1) + timedelta(n % 7)) for n in range(2100)]
    async with open_store(tmp_path) as archive:
        await archive.record(refs)
        await archive.note(make_visit("6"))
        pages = [page async for page in archive.work(Scope())]

    seen = [ref for page in pages for ref, _ in page]
    assert [len(page) for page in pages] == [1000, 1000, 100]
    assert sorted(refs, key=lambda ref: (ref.day, ref.url), reverse=True) == seen
    visits = {ref.story_id: visit for page in pages for ref, visit in page if visit}
    assert {"6": make_visit("6")} == visits


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (Scope(), {"1", "2", "3", "4"}),
        (Scope(since=date(2021, 11, 2)), {"3", "4"}),
        (Scope(until=date(2021, 11, 2)), {"1", "2", "3"}),
        (Scope(since=date(2021, 11, 2), until=date(2021, 11, 2)), {"3"}),
        (Scope(sections=("realtime",)), {"1", "2"}),
        (Scope(sections=("realtime/china",)), {"1"}),
        (Scope(sections=("realtime/china", "news")), {"1", "4"}),
        (Scope(sections=("real",)), set()),
        (Scope(sections=("' OR 1 --",)), set()),
    ],
)
async def test_scope(tmp_path: Path, scope: Scope, expected: set[str]) -> None:
    """A scope holds its days, both ends included, and its sections with those below them."""
    refs = [
        make_ref("1", "realtime/china"),
        make_ref("2", "realtime"),
        make_ref("3", "realtime0", date(2021, 11, 2)),
        make_ref("4", "news/singapore", date(2021, 11, 3)),
    ]
    async with open_store(tmp_path) as archive:
        await archive.record(refs)
        found = {ref.story_id async for page in archive.work(scope) for ref, _ in page}
        assert len(expected) == await archive.count(scope)

    assert expected == found


async def test_hosts(tmp_path: Path) -> None:
    """What is remembered of a host comes back; an unknown host has an empty state."""
    state = HostState("User-agent: *", NOON, LATER, EARLIER, 3)
    async with open_store(tmp_path) as archive:
        await archive.save_host("www.zaobao.com.sg", state)
        assert state == await archive.load_host("www.zaobao.com.sg")
        assert HostState() == await archive.load_host("www.zaobao.com")


async def test_runs(tmp_path: Path) -> None:
    """A run has its counts and its outcome; one that was killed has no end."""
    counts = Counts({Verdict.NEW: 2}, 1.5)
    async with open_store(tmp_path) as archive:
        await archive.begin_run("daemon")
        run = await archive.begin_run("backfill")
        await archive.end_run(run, counts, "done")

    with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
        last, killed = reader.counts().runs
    assert (last.command, last.ended_at, last.outcome) == ("backfill", NOON, "done")
    assert counts.as_json() == last.counts
    assert (killed.command, killed.ended_at, killed.counts) == ("daemon", None, {})


async def test_set_aside(tmp_path: Path) -> None:
    """A file of no story can be moved out of the tree; a story's file cannot."""
    async with open_store(tmp_path) as archive:
        await archive.put(make_draft())
        stray = tmp_path / "seeds" / "2021-11-02-stray.md"
        stray.write_text("stray")
        place = await archive.set_aside(stray.name)
        with pytest.raises(HarvesterError, match="a story has this file"):
            await archive.set_aside(PATH)

    assert place.read_text() == "stray"
    assert list(files(tmp_path)) == [PATH]


async def test_what_a_page_tells_of_a_held_text_is_told(tmp_path: Path) -> None:
    """Who has a story hears of its first page, its mark as a preview, and other tags; each once."""

    def told() -> list[tuple[str, int]]:
        with open_archive(tmp_path / "seeds", tmp_path / "state") as reader:
            assert [row.seq for row in reader.stories()] == [reader.last_change()]
            return [(change.op, change.revision) for change in reader.changes()]

    def seen(era: Era, *tags: str, access: Access = Access.FULL) -> Draft:
        draft = make_draft(era=era, access=access)
        return replace(draft, article=replace(draft.article, tags=tags))

    async with open_store(tmp_path) as archive:
        await archive.put(seen(Era.POST))
        for again in (
            seen(Era.POST),
            seen(Era.SG_2024, "中国"),  # told
            seen(Era.SG_2024, "中国"),
            seen(Era.HK_2025, "别的"),
            seen(Era.SG_2024, "中国"),
            seen(Era.SG_2024, "中国", "国会"),  # told
            seen(Era.SG_2024, "中国", "国会", access=Access.PREVIEW),  # told
            seen(Era.SG_2024, "中国", "国会"),
        ):
            assert (await archive.put(again)).decision.verdict is Verdict.UNCHANGED
    assert told() == [("new", 1), *[("revised", 1)] * 3]
