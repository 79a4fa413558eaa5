"""Pure decisions: content hash, verdict, and when to look again."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.judge import (
    CHANGED,
    MISSING,
    content_hash,
    decide,
    is_due,
    is_gone,
    is_mass,
    visited,
)
from harvester.model import (
    Access,
    Article,
    Decision,
    Draft,
    Era,
    Instant,
    Known,
    StoryRef,
    Validators,
    Verdict,
    Visit,
    VisitState,
)

NOW = datetime(2026, 10, 1, 4, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(days=3)
TITLE, BLOCKS = "潮水退去", ("渔民在岸边等待。", "孩子们 found 100 只贝壳。")

# Without characters that combine with the one before.
_TEXT = st.text(
    st.characters(categories=["Lu", "Ll", "Nd", "No", "Po", "Ps", "Pe", "Sm", "So"])
    | st.characters(min_codepoint=0x3400, max_codepoint=0x9FFF)
)
_BLANKS = st.text(" \t\n\r\u00a0\u3000\u2003\u200b\ufeff\u00ad\x00\x1f\x7f\x85\u2028", max_size=4)


def _draft(content: str, observed_at: datetime = NOW, access: Access = Access.FULL) -> Draft:
    article = Article(
        "1370001",
        "https://www.zaobao.com.sg/realtime/china/story20230312-1370001",
        "realtime/china",
        TITLE,
        Instant(EARLIER, "json-ld"),
        "",
        BLOCKS,
        Era.SG_2019,
        access,
    )
    return Draft(article, content, b"", "a.md", "b.md", observed_at)


def test_the_hash_is_fixed() -> None:
    """The rule `v1` gives this text this hash for ever: another rule needs another version."""
    expected = "v1:0b177ee33c55d3993568c2991423afaeae0e7466c0a1b8234160a1bbfa232d61"

    assert expected == content_hash(TITLE, BLOCKS)


@pytest.mark.parametrize(
    ("title", "blocks"),
    [
        (" 潮水 退去\n", BLOCKS),
        ("潮水\u3000退去", BLOCKS),
        (TITLE, ("".join(BLOCKS),)),
        (TITLE, ("渔民在", "岸边等待。", "", " ", *BLOCKS[1:])),
        (TITLE, ("渔民\x00在\x85岸\u200b边\ufeff等\u00ad待\u2060。", "孩子们found100只贝壳。")),
        (TITLE, ("\u202e渔民在岸边等待。\u202c", BLOCKS[1])),
        (TITLE, (BLOCKS[0], "孩子们 ｆｏｕｎｄ １００ 只贝壳。")),
        (TITLE, (BLOCKS[0], "孩子们 found ①⓪⓪ 只贝壳。".replace("①⓪⓪", "1００"))),
    ],
)
def test_what_does_not_change_the_text(title: str, blocks: tuple[str, ...]) -> None:
    """White space, borders of blocks, controls and forms of width do not make an edit."""
    assert content_hash(TITLE, BLOCKS) == content_hash(title, blocks)


@pytest.mark.parametrize(
    ("title", "blocks"),
    [
        ("潮水退去了", BLOCKS),
        (TITLE, BLOCKS[:1]),
        (TITLE, BLOCKS[::-1]),
        (TITLE, (BLOCKS[0], "孩子们 found 101 只贝壳。")),
        (TITLE, (BLOCKS[0], "孩子们 Found 100 只贝壳。")),
        (TITLE + BLOCKS[0], BLOCKS[1:]),
        ("", (TITLE, *BLOCKS)),
    ],
)
def test_what_changes_the_text(title: str, blocks: tuple[str, ...]) -> None:
    """Another word, another order, and a sentence moved into the title are edits."""
    assert content_hash(TITLE, BLOCKS) != content_hash(title, blocks)


@given(title=_TEXT, words=st.lists(_TEXT), blanks=st.lists(_BLANKS, min_size=1, max_size=8))
def test_blanks_never_count(title: str, words: list[str], blanks: list[str]) -> None:
    """Blanks and invisible characters may stand anywhere, in any number."""
    spread = [f"{blanks[at % len(blanks)]}{word}" for at, word in enumerate(words)]

    assert content_hash(title, words) == content_hash(title + blanks[0], spread)
    assert content_hash(title, words) == content_hash(title, ["".join(spread)])


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_normal_forms_never_count(text: str) -> None:
    """A text and its NFC and NFKC have one hash."""
    hashes = {content_hash("", [unicodedata.normalize(form, text)]) for form in ("NFC", "NFKC")}

    assert {content_hash("", [text])} == hashes


@pytest.mark.parametrize(
    ("one", "other"),
    [(["e\u0301"], ["e \u0301"]), (["\u1100\u1161"], ["\u1100 ", "\u1161"])],
)
def test_blanks_between_letter_and_accent_do_not_count(one: list[str], other: list[str]) -> None:
    """Also where a blank keeps two characters from composing."""
    assert content_hash("", one) == content_hash("", other)


@given(st.text(), st.lists(st.text()))
def test_every_text_has_a_hash(title: str, blocks: list[str]) -> None:
    """Lone surrogates and empty texts are hashed as well."""
    version, _, digest = content_hash(title, blocks).partition(":")

    assert (version, len(digest)) == ("v1", 64)


_KNOWN = Known("v1:now", EARLIER, frozenset({"v1:now", "v1:old"}))
_LATER = EARLIER + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("known", "twin", "draft", "verdict", "archival"),
    [
        (None, None, _draft("v1:a"), Verdict.NEW, False),
        (None, "1370002", _draft("v1:a"), Verdict.DUPLICATE, False),
        (_KNOWN, None, _draft("v1:now"), Verdict.UNCHANGED, False),
        (_KNOWN, "1370002", _draft("v1:now"), Verdict.UNCHANGED, False),
        (_KNOWN, None, _draft("v1:now", EARLIER - timedelta(days=9)), Verdict.UNCHANGED, False),
        (_KNOWN, None, _draft("v1:new", _LATER), Verdict.REVISED, False),
        (_KNOWN, "1370002", _draft("v1:new", _LATER), Verdict.REVISED, False),
        # back to an earlier text: an edit like any other
        (_KNOWN, None, _draft("v1:old", _LATER), Verdict.REVISED, False),
        # a text that was seen before the one that is held
        (_KNOWN, None, _draft("v1:older", EARLIER - timedelta(days=9)), Verdict.REVISED, True),
        (_KNOWN, None, _draft("v1:older", EARLIER), Verdict.REVISED, True),
        (_KNOWN, None, _draft("v1:old", EARLIER - timedelta(days=9)), Verdict.UNCHANGED, True),
    ],
)
def test_the_table_of_verdicts(
    known: Known | None, twin: str | None, draft: Draft, verdict: Verdict, archival: bool
) -> None:
    """Every case of known, twin, hash and time has its verdict."""
    decision = decide(known, twin, draft)

    assert (decision.verdict, decision.archival) == (verdict, archival)


def test_a_duplicate_names_its_twin() -> None:
    """The reason says which story has the same text."""
    assert decide(None, "1370002", _draft("v1:a")) == Decision(
        Verdict.DUPLICATE, "same text as story 1370002"
    )


_WEEK = timedelta(days=7)


def _visit(
    state: VisitState = VisitState.HELD, lastmod: str | None = None, due: datetime | None = None
) -> Visit:
    return Visit("1370001", "u", state, EARLIER, next_check_at=due, lastmod=lastmod)


@pytest.mark.parametrize(
    ("lastmod", "visit", "due"),
    [
        (None, None, True),
        ("a", None, True),
        ("a", _visit(VisitState.PENDING, "a"), True),
        (None, _visit(), False),
        ("a", _visit(lastmod="a"), False),
        ("b", _visit(lastmod="a"), True),
        # an older hint differs too: it is compared with itself only
        ("2020", _visit(lastmod="2021"), True),
        ("a", _visit(lastmod=None), False),
        (None, _visit(lastmod="a"), False),
        # the times of looking again are the daemon's, as long as all is well
        ("a", _visit(lastmod="a", due=NOW), False),
        ("a", replace(_visit(lastmod="a", due=NOW), failures=1), True),
        ("a", replace(_visit(lastmod="a", due=NOW), reason=CHANGED), True),
        ("a", _visit(VisitState.REJECTED, "a", due=NOW), True),
        ("a", _visit(VisitState.REJECTED, "a", due=NOW - timedelta(days=1)), True),
        ("a", _visit(VisitState.REJECTED, "a", due=NOW + timedelta(seconds=1)), False),
        ("b", _visit(lastmod="a", due=NOW + timedelta(days=9)), True),
        (None, _visit(VisitState.FAILED, due=NOW), True),
        (None, replace(_visit(VisitState.FAILED, due=NOW + _WEEK), failures=2), True),
        (None, replace(_visit(VisitState.FAILED, due=NOW + _WEEK), failures=3), False),
        (None, _visit(VisitState.REJECTED), False),
    ],
)
def test_when_a_page_is_asked_for(lastmod: str | None, visit: Visit | None, due: bool) -> None:
    """Never visited, a changed hint, or a time that has come."""
    ref = StoryRef("1370001", "u", "realtime/china", date(2023, 3, 12), lastmod)

    assert due is is_due(ref, visit, NOW)


def _missed(reason: str, failures: int, state: VisitState = VisitState.REJECTED) -> Visit:
    """Return the mark of the visit after so many that failed before."""
    ref = StoryRef("1370001", "u", "realtime/china", date(2023, 3, 12))
    before = replace(_visit(state), failures=failures)
    return visited(ref, before, state, NOW, reason=reason)


@pytest.mark.parametrize(
    ("state", "reason", "before", "pause"),
    [
        (VisitState.FAILED, "network", 0, timedelta(minutes=5)),
        (VisitState.FAILED, "network", 1, timedelta(minutes=20)),
        (VisitState.FAILED, "network", 2, timedelta(hours=1)),
        (VisitState.FAILED, "network", 4, timedelta(hours=4)),
        (VisitState.FAILED, "network", 99, timedelta(days=30)),
        (VisitState.FAILED, "unreadable: no time", 0, timedelta(minutes=45)),
        (VisitState.FAILED, "doubtful: short", 1, timedelta(minutes=90)),
        (VisitState.FAILED, "drifting: no time", 0, timedelta(hours=12)),
        (VisitState.FAILED, "drifting: no time", 1, timedelta(hours=24)),
        *(
            (VisitState.REJECTED, reason, 0, timedelta(minutes=10))
            for reason in ("challenge", "consent", "login", "maintenance")
        ),
        (VisitState.REJECTED, "challenge", 3, timedelta(minutes=80)),
        (VisitState.REJECTED, "challenge", 10_000, timedelta(minutes=40_960)),
        *(
            (VisitState.REJECTED, reason, 0, timedelta(days=1))
            for reason in ("missing", "soft-404", "redirected", "listing", "thin", "robots")
        ),
        (VisitState.REJECTED, "missing", 2, timedelta(days=4)),
        (VisitState.REJECTED, "missing", 10_000, timedelta(days=30)),
        (VisitState.REJECTED, "video", 0, None),
        (VisitState.REJECTED, "comic", 5, None),
    ],
)
def test_when_to_look_again(
    state: VisitState, reason: str, before: int, pause: timedelta | None
) -> None:
    """What failed is due again soon, what may pass after a growing pause."""
    visit = _missed(reason, before, state)

    assert visit.next_check_at == (None if pause is None else NOW + pause)
    assert visit.failures == before + 1


@given(st.sampled_from(["challenge", "missing"]), st.integers(0, 100))
def test_pauses_grow_up_to_a_month(reason: str, failures: int) -> None:
    """Another failure never makes a pause shorter; none is longer than thirty days."""
    first = _missed(reason, failures).next_check_at
    second = _missed(reason, failures + 1).next_check_at

    assert first is not None
    assert second is not None
    assert NOW < first <= second <= NOW + timedelta(days=30)


def test_a_held_story_stays_held_when_its_page_is_gone() -> None:
    """Its validators, its state and its publication stay; the new hint is taken over."""
    ref = StoryRef("1370001", "u", "realtime/china", date(2023, 3, 12), "b")
    held = replace(_visit(lastmod="a"), validators=Validators('"1"'), published=EARLIER)

    after = visited(ref, held, VisitState.REJECTED, NOW, reason="missing")

    assert after.state is VisitState.HELD
    assert (after.validators, after.published) == (held.validators, EARLIER)
    assert (after.lastmod, after.reason, after.failures) == ("b", "missing", 1)
    assert not is_due(ref, after, NOW)


def test_a_look_without_a_hint_keeps_the_last_one() -> None:
    """A fetch by hand brings no hint; the next sitemap must still be compared with something."""
    ref = StoryRef("1370001", "u", "realtime/china", date(2023, 3, 12))
    missed = replace(_visit(lastmod="a"), reason="500", failures=3)

    after = visited(ref, missed, VisitState.HELD, NOW)

    assert (after.lastmod, after.reason, after.failures) == ("a", "", 0)


@pytest.mark.parametrize(
    ("lastmod", "due"),
    [
        ("2020-01-01T00:00:00+08:00", False),
        (f"{EARLIER + timedelta(hours=1):%Y-%m-%dT%H:%M:%S+00:00}", True),
        (f"{NOW + timedelta(days=400):%Y-%m-%d}", False),
        ("yesterday", False),
    ],
)
def test_a_first_hint_is_compared_with_the_last_visit(lastmod: str, due: bool) -> None:
    """Where no hint was known, one from after the visit is news; one of the future waits."""
    ref = StoryRef("1370001", "u", "realtime/china", date(2023, 3, 12), lastmod)

    assert due is is_due(ref, _visit(lastmod=None), NOW)


def test_a_preview_never_replaces_a_full_text() -> None:
    """A story that goes behind the wall keeps what was published."""
    cut = _draft("v1:cut", access=Access.PREVIEW)
    full = Known("v1:full", EARLIER, frozenset({"v1:full"}), Access.FULL)

    assert decide(full, None, cut).verdict is Verdict.UNCHANGED
    assert decide(replace(full, access=Access.PREVIEW), None, cut).verdict is Verdict.REVISED


@pytest.mark.parametrize(
    ("age", "following"),
    [
        (timedelta(0), timedelta(hours=1)),
        (timedelta(minutes=59), timedelta(hours=1)),
        (timedelta(hours=1), timedelta(hours=4)),
        (timedelta(hours=5), timedelta(days=1)),
        (timedelta(days=2), timedelta(days=3)),
        (timedelta(days=3), timedelta(days=10)),
        (timedelta(days=29), timedelta(days=30)),
        (timedelta(days=30), None),
        (timedelta(days=3000), None),
    ],
)
def test_the_ages_at_which_a_held_story_is_looked_at_again(
    age: timedelta, following: timedelta | None
) -> None:
    """An hour, four hours, one, three, ten and thirty days after publication; then no more."""
    ref = StoryRef("1370001", "u", "realtime/china", date(2023, 3, 12))
    published = NOW - age

    after = visited(ref, None, VisitState.HELD, NOW, published=published)

    assert after.next_check_at == (None if following is None else published + following)


def test_a_changed_text_is_looked_at_again_soon_and_keeps_no_validators() -> None:
    """The second look must bring the whole page, a quarter of an hour later."""
    ref = StoryRef("1370001", "u", "realtime/china", date(2023, 3, 12))

    after = visited(ref, _visit(), VisitState.HELD, NOW, reason=CHANGED)

    assert after.next_check_at == NOW + timedelta(minutes=15)
    assert (after.state, after.validators) == (VisitState.HELD, Validators())


def test_a_story_is_gone_when_it_was_missing_for_days() -> None:
    """Looks at 0, 1 and 3 days that find nothing; other failures in between change nothing."""
    ref = StoryRef("1370001", "u", "realtime/china", date(2023, 3, 12))
    first = visited(ref, _visit(), VisitState.REJECTED, NOW, reason=MISSING)
    second = visited(ref, first, VisitState.FAILED, NOW + timedelta(days=1), reason="no connection")
    third = visited(ref, second, VisitState.REJECTED, NOW + timedelta(days=3), reason=MISSING)

    assert [is_gone(visit) for visit in (first, second, third)] == [False, False, True]
    assert third.missing_since == NOW


def test_a_story_that_is_there_again_was_not_missing() -> None:
    """One look that finds it ends the count of days."""
    ref = StoryRef("1370001", "u", "realtime/china", date(2023, 3, 12))
    first = visited(ref, _visit(), VisitState.REJECTED, NOW, reason=MISSING)
    back = visited(ref, first, VisitState.HELD, NOW + timedelta(days=1))
    again = visited(ref, back, VisitState.REJECTED, NOW + timedelta(days=5), reason=MISSING)

    assert back.missing_since is None
    assert not is_gone(again)


@pytest.mark.parametrize(
    ("revised", "looked", "mass"),
    [(9, 9, False), (10, 10, True), (10, 50, False), (11, 50, True), (0, 0, False)],
)
def test_a_mass_of_revisions(revised: int, looked: int, mass: bool) -> None:
    """More than a fifth of the held stories looked at, and at least ten."""
    assert is_mass(revised, looked) is mass
