"""Names of files."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.post import name_key, post_name, read_post
from tests.support import hostile
from tests.support.figures import Figures, cases

_RESERVED = re.compile(r"(?i:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?|[.\-].*")
_AT = datetime(2021, 11, 1, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("title", "part"),
    [
        ("两国外长通话", "两国外长通话"),
        ("问：为什么? #1 50%  [图]\u3000“引号”\u00a0'x'\\", None),
        ("甲/乙", "甲--乙"),
        ("../../etc/passwd", "--..--etc--passwd"),
        ('他说"好"', '他说\\"好\\"'),
        ("...起点", "起点"),
        ("终点. . ", "终点"),
        ("终点\u3000", "终点"),
        ("上\x00下\u202e左\ud800右\ue000\u2028\uffff", "上下左右"),
        ("家👨\u200d👩", "家👨👩"),
        ("", "1209230"),
        ("\u200b. .", "1209230"),
        ("CON", "CON"),
        ("字" * 60, "字" * 50),
        ("字" * 49 + '"', "字" * 49),
        ("字" * 48 + '"尾', "字" * 48 + '\\"'),
        ("字" * 49 + "😀", "字" * 49),
        ("/" * 60, "-" * 100),
    ],
)
def test_the_title_part_of_a_name(title: str, part: str | None) -> None:
    """Titles stay as published except for what harms a file name (None: all of it stays)."""
    wished, reserve = post_name(title, _AT, "1209230")

    assert wished == f"2021/11/2021-11-01-{title if part is None else part}.md"
    assert reserve == f"{wished.removesuffix('.md')}-1209230.md"


def test_the_day_of_a_name_is_that_of_utc() -> None:
    """A story of the small hours in Singapore is filed under the day before."""
    singapore = timezone(timedelta(hours=8))
    wished, _ = post_name("夜里", datetime(2022, 1, 1, 7, 59, tzinfo=singapore), "1")

    assert wished == "2021/12/2021-12-31-夜里.md"


@pytest.mark.parametrize(("one", "other"), [("G20 é", "g20 e\u0301"), ("STRASSE", "straße")])
def test_names_that_some_file_system_takes_for_one_share_a_key(one: str, other: str) -> None:
    """Case and composition make no other name."""
    assert name_key(one) == name_key(other)


@pytest.mark.shared
def test_real_posts_have_the_names_we_would_give(shared: Path) -> None:
    """Since 2020-07-30, when escapes came into names, ours are those of the original generator."""
    with (shared / "corpus" / "INDEX.tsv").open(encoding="utf-8", newline="") as index:
        rows = list(csv.DictReader(index, delimiter="\t", quoting=csv.QUOTE_NONE))
    real = {
        row["file"]: Path(row["path"]).name for row in rows if row["file"] > "zaobao/2020-07-30"
    }

    assert {file: _name_of(shared / "corpus" / file) for file in real} == real


def _name_of(path: Path) -> str:
    post = read_post(path.read_bytes())
    return Path(post_name(post.link_title, post.date, "0")[0]).name


@given(st.lists(st.sampled_from(hostile.TRAPS) | st.text(), max_size=80).map("".join))
def test_no_title_leads_out_of_its_folder(title: str) -> None:
    """Whatever the title, both names are one safe component below YYYY/MM."""
    assert list(_faults(title)) == []


@pytest.mark.gate("C1", "titles, paths, front matter, Liquid, comment")
def test_no_hostile_title_leads_out_of_its_folder(figures: Figures) -> None:
    """Of many titles, some the twins of others, not one leads elsewhere or is too long."""
    count = cases(1000, 100_000)
    faults = Counter(fault for title in hostile.texts("name", count) for fault in _faults(title))

    figures.none("names outside their folder", faults["outside"], of=count)
    figures.none("names over 255 bytes", faults["long"], of=count)
    figures.none("names with control characters", faults["control"], of=count)
    figures.none("names that a system reserves or changes", faults["reserved"], of=count)


def _faults(title: str) -> Iterator[str]:
    """Return what is wrong with the names of a title."""
    for name in post_name(title, _AT, "1209230"):
        folder, _, component = name.rpartition("/")
        if folder != "2021/11" or not component.startswith("2021-11-01-"):
            yield "outside"
        if len(component.encode(errors="replace")) > 255:
            yield "long"
        if any(unicodedata.category(character)[0] == "C" for character in component):
            yield "control"
        # Windows: what stands before the first dot; and it drops dots and blanks at the end.
        stem = component.removesuffix(".md")
        if _RESERVED.fullmatch(component) or stem == component or stem.endswith((" ", ".")):
            yield "reserved"
