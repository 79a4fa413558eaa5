"""Words of a text, and the one form in which texts are compared."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harvester.handoff.search.segment import JOINED, SINGLE, fold, segment, words

BLOCKS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAD9), (0x20000, 0x323AF))
IDEOGRAPHS = "".join(chr(code) for first, last in BLOCKS for code in range(first, last + 1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("新加坡国会", "新 加 坡 国 会"),
        ("國會：聯合早報", "国 会 联 合 早 报"),
        ("在G20峰会上", "在 g20 峰 会 上"),
        ("ＡＢＣ１２３　Café", "abc123 cafe"),
        ("かがカﾌ한국", "か が カ フ 한 국"),
        ("𠮷野家\U00030000\U000323af", "𠮷 野 家 \U00030000 \U000323af"),
        ("豈更", "岂 更"),  # compatibility ideographs
        ("3.5%，snake_case", "3 5 snake case"),
        ("“”——《》…… \n", ""),
    ],
)
def test_words(text: str, expected: str) -> None:
    """Ideographs, kana and hangul stand alone, other words whole, and punctuation goes."""
    assert segment(text) == expected


def test_every_ideograph() -> None:
    """Each ideograph of every block is a word, keeps its place, and is folded once and for all."""
    folded = fold(IDEOGRAPHS)

    assert len(folded) == len(IDEOGRAPHS)
    assert words(IDEOGRAPHS) == list(folded)
    assert fold(folded) == folded


def test_every_ideograph_is_found_in_a_table() -> None:
    """What is segmented is parted in the same way by `unicode61`, for tables of other programs."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE t USING fts5 (text, tokenize='unicode61')")
        connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab (t, row)")
        connection.execute("INSERT INTO t VALUES (?)", (segment(IDEOGRAPHS),))
        terms = {term for (term,) in connection.execute("SELECT term FROM v")}

    assert terms == set(fold(IDEOGRAPHS))


@given(st.text())
@example("薴")  # its simple form has a simple form
@example("İǅﬁ㎏½")
@example("\udc80")
def test_folding(text: str) -> None:
    """Folding keeps every position, and what is folded stays as it is."""
    folded = fold(text)

    assert len(folded) == len(text)
    assert fold(folded) == folded


@given(st.text(), st.text())
def test_folded_alike(text: str, after: str) -> None:
    """A character is folded in the same way whatever stands beside it."""
    assert fold(text + after) == fold(text) + fold(after)


@given(st.text())
def test_tokenizer_has_nothing_to_decide(text: str) -> None:
    """The index knows exactly the words of a text, in their order."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE t USING fts5 (text, tokenize='ascii')")
        connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab (t, instance)")
        connection.execute("INSERT INTO t VALUES (?)", (segment(text),))
        terms = [term for (term,) in connection.execute('SELECT term FROM v ORDER BY "offset"')]

    assert terms == words(text)
    assert all(re.fullmatch(rf"[{SINGLE}]|{JOINED}+", word) for word in terms)
