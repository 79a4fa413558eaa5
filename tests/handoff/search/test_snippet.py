"""Marks in texts, and the piece of a text that is shown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.handoff.search.query import Query, parse
from harvester.handoff.search.segment import JOINED, SINGLE, fold
from harvester.handoff.search.snippet import WIDTH, Marked, Marker

FILLING = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏" * 5


def shown(marked: Marked) -> str:
    """Return a text with its marks in brackets."""
    return "".join(f"[{text}]" if hit else text for text, hit in marked.parts())


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("王毅", "王毅说王毅", "[王毅]说[王毅]"),
        ("國會", "国会與國會", "[国会]與[國會]"),
        ("王毅", "王《毅》", "[王《毅]》"),
        ("新加坡 加坡国", "新加坡国会", "[新加坡国]会"),
        ("art", "start ART, art2 Art", "start [ART], art2 [Art]"),
        ("f16", "F16战机ｆ１６", "[F16]战机[ｆ１６]"),
        ('"new york"', "New-York newyork new york", "[New-York] newyork [new york]"),
        ("王毅", "别人", "别人"),
    ],
)
def test_marks(query: str, text: str, expected: str) -> None:
    """The places are those that the index means: whole words, whatever the way of writing."""
    assert shown(Marker(parse(query)).mark(text)) == expected


def test_best_place() -> None:
    """The piece is the first in which most of what is wanted stands together."""
    text = f"{FILLING}王毅{FILLING}王毅会见布林肯{FILLING}布林肯"

    found = shown(Marker(parse("布林肯 王毅")).snippet(text))

    assert "[王毅]会见[布林肯]" in found
    assert found.startswith("…")
    assert found.endswith("…")


def test_only_the_title_has_it() -> None:
    """A text without any place is shown from its beginning; paragraphs become one line."""
    assert Marker(parse("王毅")).snippet("甲\n\n乙").text == "甲 乙"
    assert Marker(parse("王毅")).snippet(FILLING).text == FILLING[:WIDTH] + "…"
    assert Marker(parse("王毅")).snippet("").text == ""


TEXTS = st.lists(st.text("王毅布aA1，\n 國", max_size=60), max_size=4).map("。".join)
PHRASES = st.lists(st.sampled_from(["王", "毅", "国", "a1", "a"]), min_size=1, max_size=3).map(
    tuple
)
QUERIES = st.lists(PHRASES, min_size=1, max_size=3, unique=True).map(lambda p: Query(tuple(p)))


@given(TEXTS, QUERIES)
def test_all_places(text: str, query: Query) -> None:
    """Marked is from the first word to the last, wherever the words of a phrase follow another."""
    known = list(re.finditer(rf"[{SINGLE}]|{JOINED}+", fold(text)))
    expected: set[int] = set()
    for phrase in query.wanted:
        at = 0
        while at + len(phrase) <= len(known):
            run = known[at : at + len(phrase)]
            if same := tuple(word[0] for word in run) == phrase:
                expected.update(range(run[0].start(), run[-1].end()))
            at += len(phrase) if same else 1

    marks = Marker(query).mark(text).marks

    assert {place for begin, end in marks for place in range(begin, end)} == expected


@given(TEXTS, QUERIES)
def test_any_snippet(text: str, query: Query) -> None:
    """A snippet is a piece of the text with a place in it, if there is one, and marks in order."""
    marker = Marker(query)
    line = " ".join(text.split())

    marked = marker.snippet(text)

    bounds = [place for mark in marked.marks for place in mark]
    assert bounds == sorted(set(bounds))
    assert all(0 <= place <= len(marked.text) for place in bounds)
    assert bool(marked.marks) == bool(marker.mark(line).marks)
    assert "".join(piece for piece, _ in marked.parts()) == marked.text
    assert marked.text.strip("…") in line
    if len(line) <= WIDTH:
        assert marked == marker.mark(line)
