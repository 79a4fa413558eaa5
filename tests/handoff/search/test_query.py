"""What a person writes, and what it asks of the index."""

from __future__ import annotations

import pytest

from harvester.errors import UsageError
from harvester.handoff.search.query import Phrase, expression, parse

WANG_YI, BLINKEN = ("王", "毅"), ("布", "林", "肯")


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("王毅 布林肯", (WANG_YI, BLINKEN), ()),
        ("王毅　布林肯", (WANG_YI, BLINKEN), ()),
        ("王毅 王毅", (WANG_YI,), ()),
        ("王毅 -布林肯", (WANG_YI,), (BLINKEN,)),
        ("王毅 －布林肯", (WANG_YI,), (BLINKEN,)),
        ('"G20 峰会"', (("g20", "峰", "会"),), ()),
        ("“G20 峰会”王毅", (("g20", "峰", "会"), WANG_YI), ()),
        ('王毅 -"G20 峰会"', (WANG_YI,), (("g20", "峰", "会"),)),
        ('王毅 "G20 峰会', (WANG_YI, ("g20", "峰", "会")), ()),
        ("《王毅》：（）", (WANG_YI,), ()),
        ("F-16", (("f", "16"),), ()),
        ("王毅 - --", (WANG_YI,), ()),
        ("國會", (("国", "会"),), ()),
    ],
)
def test_forms(text: str, wanted: tuple[Phrase, ...], unwanted: tuple[Phrase, ...]) -> None:
    """Words, phrases in any quotes, and exclusions are told apart; nothing searchable is lost."""
    query = parse(text)

    assert (query.wanted, query.unwanted) == (wanted, unwanted)


@pytest.mark.parametrize("text", ["", "  ", "-王毅", "《》", '""', '-"王毅" -北京', "\x00", "_"])
def test_nothing_to_look_for(text: str) -> None:
    """A query without a word that must stand is refused with an example."""
    with pytest.raises(UsageError, match="harvester search '王毅 -东京'"):
        parse(text)


def test_expression() -> None:
    """All that is wanted and none of what is not."""
    asked = expression(parse('王毅 NOT "G20 OR" -东京 -北京'))

    assert asked == '("王 毅" AND "not" AND "g20 or") NOT ("东 京" OR "北 京")'


def test_far_too_much() -> None:
    """A query longer than a paragraph is refused, however its words are put."""
    for text in ("王 -" + " -".join(map(str, range(300))), '"' + "国会" * 101, "王毅" * 101):
        with pytest.raises(UsageError, match="expected 200 at most"):
            parse(text)
    assert parse("王 " * 1_000) == parse("王")
    assert len(parse("国会" * 100).wanted[0]) == 200
