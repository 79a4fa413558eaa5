"""What an edit changed, as a person reads it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import BadPost
from harvester.model import Article, Era, Instant
from harvester.post import Post, diff_posts, write_post


def _post(title: str, *paragraphs: str) -> bytes:
    body = "".join(f"<p>{text}</p>" for text in paragraphs)
    at = Instant(datetime(2026, 9, 28, 2, 15, tzinfo=UTC), "json-ld")
    url = "https://www.zaobao.com.sg/realtime/china/story20260928-9751204"
    article = Article("9751204", url, "realtime/china", title, at, body, paragraphs, Era.SG_2024)
    return write_post(Post.from_article(article))


def test_a_paragraph_that_changed_is_shown_with_what_it_replaced() -> None:
    """Lines of the old text begin with a minus, of the new with a plus; markup is left out."""
    diff = diff_posts(
        _post("标题", "甲段。", "乙段。", "丙段。"),
        _post("标题", "甲段。", "<b>丁</b>段。", "丙段。"),
    )

    assert [line for line in diff.splitlines()[3:] if line[0] in "+-"] == ["-乙段。", "+丁段。"]


def test_a_title_that_changed_is_shown() -> None:
    """The title is the first line compared."""
    diff = diff_posts(_post("旧题", "甲段。"), _post("新题", "甲段。"), ("1", "2"))

    assert diff.splitlines()[:2] == ["--- 1", "+++ 2"]
    assert {"-旧题", "+新题"} <= set(diff.splitlines())


@given(st.lists(st.text("甲乙丙丁&amp; ", min_size=1), min_size=1))
def test_a_text_does_not_differ_from_itself(paragraphs: list[str]) -> None:
    """No edit, no diff."""
    post = _post("标题", *paragraphs)

    assert diff_posts(post, post) == ""


def test_what_is_no_post_is_refused() -> None:
    """The error names the line."""
    with pytest.raises(BadPost):
        diff_posts(b"no post", _post("标题", "甲段。"))
