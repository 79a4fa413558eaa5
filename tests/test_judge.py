"""Pure decisions: content hash, verdict, and when to look again."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.judge import content_hash, decide, is_due, next_check
from harvester.model import (
    Article,
    Decision,
    Draft,
    Era,
    Instant,
    Known,
    StoryRef,
    Verdict,
    Visit,
    VisitState,
)

NOW = datetime(2026, 10, 1, 4, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(days=3)
TITLE, BLOCKS = "潮水退去", ("渔民在岸边等待。", "孩子们 found 100 只贝壳。")

# Without characters that combine with one before: see the expected failure below.
_TEXT = st.text(
    st.characters(categories=["Lu", "Ll", "Nd", "No", "Po", "Ps", "Pe", "Sm", "So"])
    | st.characters(min_codepoint=0x3400, max_codepoint=0x9FFF)
)
_BLANKS = st.text(" \t\n\r\u00a0\u3000\u2003\u200b\ufeff\u00ad\x00\x1f\x7f\x85\u2028", max_size=4)


def _draft(content: str, observed_at: datetime = NOW) -> Draft:
    article = Article(
        "1370001",
        "https://www.zaobao.com.sg/realtime/china/story20230312-1370001",
        "realtime/china",
        TITLE,
        Instant(EARLIER, "json-ld"),
        "",
        BLOCKS,
        Era.SG_2019,
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
        ("a", _visit(lastmod="a", due=NOW), True),
        ("a", _visit(lastmod="a", due=NOW - timedelta(days=1)), True),
        ("a", _visit(lastmod="a", due=NOW + timedelta(seconds=1)), False),
        ("b", _visit(lastmod="a", due=NOW + timedelta(days=9)), True),
        (None, _visit(VisitState.FAILED, due=NOW), True),
        (None, _visit(VisitState.REJECTED), False),
    ],
)
def test_when_a_page_is_asked_for(lastmod: str | None, visit: Visit | None, due: bool) -> None:
    """Never visited, a changed hint, or a time that has come."""
    ref = StoryRef("1370001", "u", "realtime/china", date(2023, 3, 12), lastmod)

    assert due is is_due(ref, visit, NOW)


@pytest.mark.parametrize(
    ("state", "reason", "failures", "pause"),
    [
        (VisitState.HELD, "", 0, None),
        (VisitState.PENDING, "", 0, None),
        (VisitState.FAILED, "network", 0, timedelta(0)),
        (VisitState.FAILED, "network", 99, timedelta(0)),
        *(
            (VisitState.REJECTED, reason, 0, timedelta(minutes=10))
            for reason in ("challenge", "consent", "login", "maintenance")
        ),
        (VisitState.REJECTED, "challenge", 3, timedelta(minutes=80)),
        (VisitState.REJECTED, "challenge", 12, timedelta(minutes=40_960)),
        (VisitState.REJECTED, "challenge", 10_000, timedelta(minutes=40_960)),
        *(
            (VisitState.REJECTED, reason, 0, timedelta(days=1))
            for reason in ("missing", "soft-404", "redirected", "listing", "thin")
        ),
        (VisitState.REJECTED, "missing", 2, timedelta(days=4)),
        (VisitState.REJECTED, "missing", 5, timedelta(days=30)),
        (VisitState.REJECTED, "missing", 10_000, timedelta(days=30)),
        (VisitState.REJECTED, "video", 0, None),
        (VisitState.REJECTED, "comic", 5, None),
    ],
)
def test_when_to_look_again(
    state: VisitState, reason: str, failures: int, pause: timedelta | None
) -> None:
    """What failed is due at once, what may pass after a growing pause, the rest when heard of."""
    assert next_check(state, reason, failures, NOW) == (None if pause is None else NOW + pause)


@given(st.sampled_from(["challenge", "missing"]), st.integers(0, 100))
def test_pauses_grow_up_to_a_month(reason: str, failures: int) -> None:
    """Another failure never makes a pause shorter; none is longer than thirty days."""
    first = next_check(VisitState.REJECTED, reason, failures, NOW)
    second = next_check(VisitState.REJECTED, reason, failures + 1, NOW)

    assert first is not None
    assert second is not None
    assert NOW < first <= second <= NOW + timedelta(days=30)
