"""Bytes -> Post -> bytes."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harvester.errors import BadPost
from harvester.post import read_post, write_post


def test_every_part_of_a_post_is_read(sample: bytes) -> None:
    """Each field of a post is what the file says."""
    post = read_post(sample)

    assert post.header_title == '市民在公园里种下\\"第一棵\\"树'
    assert post.title == post.link_title == '市民在公园里种下"第一棵"树'
    assert post.date == post.epoch == datetime(2023, 3, 12, 2, 30, 5, tzinfo=UTC)
    assert post.author == "联合早报"
    assert post.url == "https://www.zaobao.com.sg/realtime/china/story20230312-1370001"
    assert post.tags == post.categories == ("联合早报",)
    assert post.comments is True
    assert post.body == "<p>春天来了，公园里多了一棵树。</p><p>孩子们说，明年再来。</p>"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("comments: True\n", ""),
        ("categories: [ 联", "categories: [ news, 联"),
        ("author: 联合早报", "author: 王 记者"),
        ("tags: [ 联合早报 ]", "tags: [  联合早报 ]"),
        ("tags: [ 联合早报 ]", "tags: [ 联合早报  ]"),
        ("<!--1678588205000-->", "<!--NaN-->"),
        ("<!--1678588205000-->", "<!--007-->"),
        ("05.000Z", "05.123Z"),
        ("<p>春天来了，公园里多了一棵树。</p><p>孩子们说，明年再来。</p>", ""),
        ("<p>春天", "\u2028\ufeff\u00a0<p>{{ 春天 }}"),
        ('title: "市民', 'title: " 市民'),
        ('title: "市民', 'title: "市民\\智力\\'),
        ('title: "市民', 'title: "市"民"'),
        ("\n[市民", "\n[[图集](甲)市民"),
        ("story20230312-1370001", "(甲)/story20230312-1370001"),
    ],
)
def test_dialects_keep_their_bytes(sample: bytes, old: str, new: str) -> None:
    """Whatever the grammar allows is written back byte for byte."""
    data = sample.decode().replace(old, new).encode()

    assert data != sample
    assert write_post(read_post(data)) == data


@pytest.mark.parametrize("epoch", ["NaN", "9" * 18, "9" * 5000])
def test_an_epoch_that_is_no_time_is_none(sample: bytes, epoch: str) -> None:
    """A comment that names no instant gives no epoch, and is kept."""
    data = sample.replace(b"1678588205000", epoch.encode())
    post = read_post(data)

    assert post.epoch is None
    assert write_post(post) == data


@pytest.mark.parametrize(
    ("header", "link", "title"),
    [
        ("上\\下", "上\\下", "上\\下"),
        ("上\\\\下", "上\\下", "上\\下"),
        ("上\\\\下", "上\\\\下", "上\\\\下"),
        ("上\\\\\\\\下", "上\\\\下", "上\\\\下"),
        ('\\"上\\"', '"上"', '"上"'),
        ('\\\\\\"上', '\\"上', '\\"上'),
        ('"上"', '"上"', '"上"'),
        (" 上 ", "上", " 上 "),
        ("上 下", "上\u00a0下", "上 下"),
        ("{{上", "&#123;&#123;上", "{{上"),
        ("{{上\\\\", "&#123;&#123;上\\", "{{上\\"),
        ("&#123;上", "&#123;上", "&#123;上"),
        ("甲", "乙", "甲"),
    ],
)
def test_the_link_line_tells_the_dialect_of_the_title(
    sample: bytes, header: str, link: str, title: str
) -> None:
    """A backslash of an old title stands for itself; ours is undone, as is Liquid."""
    lines = sample.decode().split("\n")
    lines[2] = f'title: "{header}"'
    lines[11] = f"[{link}]({lines[5].removeprefix('from: ')})"
    post = read_post("\n".join(lines).encode())

    assert post.title == title


@pytest.mark.shared
def test_all_real_posts_keep_their_bytes(shared: Path) -> None:
    """Seeds and real posts read and write back equal; those that break the grammar are refused."""
    with (shared / "corpus" / "INDEX.tsv").open(encoding="utf-8", newline="") as index:
        rows = csv.DictReader(index, delimiter="\t", quoting=csv.QUOTE_NONE)
        files = {row["file"]: "breaks-grammar" in row["why"] for row in rows}
    expected = {shared / "corpus" / file: broken for file, broken in files.items()}
    expected |= dict.fromkeys((shared / "seeds").glob("*.md"), False)

    assert {path: _is_refused(path.read_bytes()) for path in expected} == expected


def _is_refused(data: bytes) -> bool:
    try:
        post = read_post(data)
    except BadPost:
        return True
    assert write_post(post) == data
    return False


@example(0, 0, b"\xef\xbb\xbf")
@example(0, 3, b"")
@given(st.integers(0, 700), st.integers(0, 40), st.binary(max_size=12))
def test_damaged_posts_are_read_exactly_or_refused(
    sample: bytes, start: int, length: int, patch: bytes
) -> None:
    """A post with some bytes replaced gives those bytes back or raises `BadPost`, nothing else."""
    data = sample[:start] + patch + sample[start + length :]

    _is_refused(data)


_PIECES = st.sampled_from(
    [
        "---",
        "\n",
        "layout: post",
        'title: "',
        '"',
        "date: ",
        "[",
        "](",
        ")",
        "------",
        "<div>",
        "树",
    ]
)


@given(st.binary() | st.lists(_PIECES | st.text(max_size=5)).map("".join).map(str.encode))
def test_arbitrary_bytes_are_read_exactly_or_refused(data: bytes) -> None:
    """Any bytes are a post or a `BadPost`."""
    _is_refused(data)
