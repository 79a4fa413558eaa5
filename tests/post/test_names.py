"""Names of files."""

from __future__ import annotations

import csv
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.post import name_key, post_name, read_post

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


_HOSTILE = st.sampled_from(
    ["../", "..", "/", "\\", '"', ".", " ", "\0", "😀", "\u202e", "CON", "字"]
)


@given(st.lists(_HOSTILE | st.text(), max_size=80).map("".join))
def test_no_title_leads_out_of_its_folder(title: str) -> None:
    """Whatever the title, both names are one safe component below YYYY/MM."""
    for name in post_name(title, _AT, "1209230"):
        year, month, component = name.split("/")

        assert (year, month) == ("2021", "11")
        assert component.startswith("2021-11-01-")
        assert component.endswith(".md")
        assert not any(unicodedata.category(c)[0] == "C" for c in component)
        assert len(component.encode()) <= 255
