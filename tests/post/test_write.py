"""Article -> Post -> bytes, for titles and bodies of every kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from harvester.model import Article
from harvester.post import Post, clean_title, published, read_post, write_post


def test_an_article_becomes_a_post_of_today(
    sample: bytes, article_of: Callable[..., Article]
) -> None:
    """The bytes are exactly those of today's dialect."""
    article = article_of(
        title='市民在公园里种下"第一棵"树',
        body="<p>春天来了，公园里多了一棵树。</p>\n<p>孩子们说，明年再来。</p>\n",
        at=datetime(2023, 3, 12, 10, 30, 5, 999999, tzinfo=timezone(timedelta(hours=8))),
    )

    assert write_post(Post.from_article(article)) == sample


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("  两端  ", "两端"),
        ("双  空\u00a0格\u3000留", "双  空\u00a0格\u3000留"),
        ("一 \r\n 二", "一 二"),
        ("一\ufeff二\u2028三\ud800四\uffff五\U0001fffe六\x85七", "一 二 三 四 五 六 七"),
        ("一  二 \t 三", "一  二 三"),
        ("\u202e左\u200b", "\u202e左\u200b"),
        ("\x00", ""),
        ("...三点...", "...三点..."),
    ],
)
def test_a_title_loses_only_what_breaks_a_header(text: str, title: str) -> None:
    """Control characters become a blank; all blanks of the publisher stay."""
    assert clean_title(text) == title


@pytest.mark.parametrize(
    ("published_text", "written"),
    [
        ("{{ x }}", "&#123;&#123; x }}"),
        ("{% x %}", "&#123;% x %}"),
        ("{{{", "&#123;&#123;{"),
        ("{{%", "&#123;&#123;%"),
        ("{{{%", "&#123;&#123;&#123;%"),
        ("{\x00{", "&#123;&#123;"),
        ("{ {", "{ {"),
    ],
)
def test_liquid_is_neutralised_in_the_body(
    article_of: Callable[..., Article], published_text: str, written: str
) -> None:
    """A Jekyll build finds nothing to run, a reader sees the same text."""
    assert Post.from_article(article_of(body=published_text)).body == written


def test_our_own_post_keeps_its_instant_in_every_period(
    article_of: Callable[..., Article],
) -> None:
    """Shifts of the old feed are not taken off posts that we wrote."""
    for year, month in [(2020, 7), (2020, 12), (2021, 3), (2021, 6), (2021, 11), (2023, 1)]:
        at = datetime(year, month, 20, 12, tzinfo=UTC)
        url = f"https://www.zaobao.com.sg/realtime/china/story{at:%Y%m%d}-1370001"
        post = Post.from_article(article_of(at=at, url=url))

        assert (published(post).at, published(post).source) == (at, "post")


@pytest.mark.parametrize(
    "change",
    [
        {"header_title": "一\n二"},
        {"link_title": "一\n二"},
        {"author": "甲\nfrom: https://example.com"},
        {"body": "<p>\n</p>"},
        {"body": "<p>\ud800</p>"},
        {"url": "https://example.com/\n"},
        {"epoch_text": "-1"},
        {"epoch_text": "--><script>"},
        {"tags": ("甲, 乙",)},
        {"date": datetime(2023, 3, 12, 2, 30, 5, 1, tzinfo=UTC)},
    ],
)
def test_what_would_not_be_read_back_is_not_written(
    sample: bytes, change: dict[str, object]
) -> None:
    """A post that would come back otherwise raises instead of reaching a disk."""
    post = replace(read_post(sample), **change)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"post|surrogates"):
        write_post(post)


_TRAPS = [
    '"',
    "\\",
    ": ",
    " #",
    "---",
    "\n---\n",
    "{{",
    "{%",
    "{",
    "]",
    "](",
    "/",
    "'",
    "...",
    "😀",
]
_ODD = ["\ud83d", "\x00", "\x85", "\u2028", "\ufeff", "\uffff", "\u202e", "\u00a0", "\u3000", "  "]
_ENTITIES = ["&#123;", "&#123;&#123;", "&quot;", "%7B", "- ", "? ", "!!python/object", "*a", "&a"]
_ANY = st.characters(codec=None)
_TEXTS = st.lists(
    st.sampled_from(_TRAPS + _ODD + _ENTITIES) | st.text(_ANY, max_size=10), max_size=30
).map("".join)


@example("字" * 300, "")
@example('\\"', "{{{%}")
@example("&#123;{{\\", "{\x00{")
@given(_TEXTS, _TEXTS)
def test_any_title_and_body_is_written_safely(
    article_of: Callable[..., Article], title: str, body: str
) -> None:
    """Any YAML reader and our own get the cleaned title back; no Liquid is left to run."""
    post = Post.from_article(article_of(title=title, body=body))
    data = write_post(post)
    header, content = data.decode().removeprefix("---\n").split("\n---\n", maxsplit=1)
    values = yaml.safe_load(header)

    assert read_post(data) == post
    assert post.title == values["title"] == clean_title(title)
    assert values["from"] == post.url
    assert values["tags"] == values["categories"] == ["联合早报"]
    assert values["comments"] is True
    assert list(values) == [
        "layout",
        "title",
        "date",
        "author",
        "from",
        "tags",
        "comments",
        "categories",
    ]
    assert "{{" not in content
    assert "{%" not in content
    assert content.count("\n") == 7
