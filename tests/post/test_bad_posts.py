"""Errors name the line and what was expected there."""

from __future__ import annotations

import pytest

from harvester.errors import BadPost
from harvester.post import read_post

_LINK = "story20230312-1370001)"
_END = "明年再来。</p>\n</div>\n"


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("---\nlayout", "\ufeff---\nlayout", 1, "byte order mark"),
        ("---\nlayout", "layout", 1, 'expected "---"'),
        ("layout: post\n", "layout: post\r\n", 2, "found CR"),
        ("layout: post\n", "layout: page\n", 2, "layout as post"),
        ("layout: post\n", "", 2, '"layout: "'),
        ('title: "市民', "title: 市民", 3, "double quotes"),
        ("author: 联合早报\n", "", 5, '"author: "'),
        ("author: ", "autor: ", 5, '"author: "'),
        ("author: 联合早报\n", "author: 联合早报\nauthor: 联合早报\n", 6, '"from: "'),
        ("2023-03-12T02:30:05.000Z", "2023-03-12", 4, "YYYY-MM-DDThh:mm:ss.mmmZ"),
        ("2023-03-12T02:30:05.000Z", "2023-03-12T02:30:05.000+08:00", 4, "YYYY-MM-DD"),
        ("2023-03-12T02", "2023-02-30T02", 4, "date of the calendar"),
        ("2023-03-12T02:30:05", "2023-03-12T24:00:00", 4, "YYYY-MM-DDThh"),
        ("from: https://", "from: ", 6, "address"),
        ("tags: [ 联合早报 ]", "tags: 联合早报", 7, "[ name ]"),
        ("comments: True", "comments: true", 8, "comments as True"),
        ("comments: True\n", "comments: True\nlang: zh\n", 9, '"categories: "'),
        ("]\n---\n<!--", "]\nlang: zh\n---\n<!--", 10, "after categories"),
        ("]\n---\n<!--", "]\n<!--", 10, "end of the header"),
        ("categories: [ 联合早报 ]\n", "", 9, '"categories: "'),
        ("<!--1678588205000-->", "<!--1678588205.5-->", 11, "<!--milliseconds-->"),
        ("<!--1678588205000-->", "<!---1-->", 11, "<!--milliseconds-->"),
        ("<!--1678588205000-->", "<!--１６-->", 11, "<!--milliseconds-->"),
        ("<!--1678588205000-->\n", "", 11, "<!--milliseconds-->"),
        (_LINK, "story20230312-1370002)", 12, "same address as from"),
        ("\n[市民", "\n市民", 12, "[title](address)"),
        ("------", "-----", 13, '"------"'),
        ("------\n\n", "------\n", 14, "an empty line"),
        ("<div>\n", "", 15, '"<div>"'),
        ("<p>春天", " <p>春天", 16, "without blanks"),
        ("<p>春天", "<p>\t春天", 16, "U+0009"),
        ("<p>春天", "<p>\x7f春天", 16, "U+007F"),
        ("<p>春天", "<p>\x85春天", 16, "U+0085"),
        ("来了，", "来了，\n", 17, "a body of one line"),
        ("</div>", "</section>", 17, '"</div>"'),
        (_END, _END.removesuffix("\n"), 17, "a line end at the end"),
        (_END, f"{_END}\n", 18, "after one line end"),
        (_END, f"{_END}完", 18, "after one line end"),
        (_END, "明年再来。</p>", 17, '"</div>"'),
    ],
)
def test_a_broken_post_is_refused_at_its_line(
    sample: bytes, old: str, new: str, line: int, problem: str
) -> None:
    """The first broken line is named, counting from 1, with what the grammar wants there."""
    text = sample.decode()
    at = text.rindex(old)
    broken = text[:at] + new + text[at + len(old) :]
    with pytest.raises(BadPost) as caught:
        read_post(broken.encode())

    assert caught.value.line == line
    assert problem in caught.value.problem


def test_an_old_post_counts_its_own_lines(sample: bytes) -> None:
    """Without the key comments all lines after it move up by one."""
    broken = sample.replace(b"comments: True\n", b"").replace(b"------", b"")
    with pytest.raises(BadPost) as caught:
        read_post(broken)

    assert caught.value.line == 12


def test_bytes_that_are_not_utf_8_are_refused_at_their_line(sample: bytes) -> None:
    """A wrong byte is an error of its line, not a replacement character."""
    with pytest.raises(BadPost) as caught:
        read_post(sample.replace("孩子".encode(), "孩子".encode("gb18030")))

    assert caught.value.line == 16
    assert "UTF-8" in caught.value.problem


@pytest.mark.parametrize("data", [b"", b"\n", b"---", b"---\n", b"---\n---\n"])
def test_files_with_hardly_anything_are_refused(data: bytes) -> None:
    """An empty or cut file is a broken post, never a crash."""
    with pytest.raises(BadPost):
        read_post(data)
