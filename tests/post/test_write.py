"""Article -> Post -> bytes, for titles and bodies of every kind."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import frontmatter
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from harvester.model import Article
from harvester.post import Post, clean_title, published, read_post, write_post
from tests.support import hostile
from tests.support.figures import Figures, cases

_GATE = "titles, paths, front matter, Liquid, comment"


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


@pytest.mark.parametrize(
    ("title", "written"),
    [
        ("<script>x</script>", "&lt;script>x&lt;/script>"),
        ("x](javascript:y) [z", "x]&#40;javascript:y) [z"),
        ('*x*{: onclick="y"}', '*x*&#123;: onclick="y"}'),
        ("[图集] 甲", "[图集] 甲"),
    ],
)
def test_a_title_is_only_text_in_the_link_line(
    article_of: Callable[..., Article], title: str, written: str
) -> None:
    """Jekyll reads that line as Markdown with HTML; the title comes back as it was."""
    post = Post.from_article(article_of(title=title))

    assert (post.link_title, post.title) == (written, title)
    assert replace(post, link_title=title).title == title  # posts of before


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ('<div markdown="1">x</div>', '<div &#109;arkdown="1">x</div>'),
        ("<p MarkDown =1>x</p>", "<p &#77;arkDown =1>x</p>"),
        ("<p>markdown</p>", "<p>markdown</p>"),
    ],
)
def test_no_markdown_is_read_in_a_body(
    article_of: Callable[..., Article], body: str, written: str
) -> None:
    """The attribute by which kramdown reads Markdown inside an element is none."""
    assert Post.from_article(article_of(body=body)).body == written


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


_ANY = st.characters(codec=None)
_TEXTS = st.lists(st.sampled_from(hostile.TRAPS) | st.text(_ANY, max_size=10), max_size=30).map(
    "".join
)
_JEKYLL_READS = Path(__file__).parent / "read_posts.rb"


@example("字" * 300, "")
@example('\\"', "{{{%}")
@example("&#123;{{\\", "{\x00{")
@given(_TEXTS, _TEXTS)
def test_any_title_and_body_is_written_safely(
    article_of: Callable[..., Article], title: str, body: str
) -> None:
    """Any YAML reader and our own get the cleaned title back; no Liquid is left to run."""
    assert list(_faults(article_of(title=title, body=body))) == []


@pytest.mark.gate("C2 C3 C4", _GATE)
@pytest.mark.timeout(1800)
def test_hostile_titles_and_bodies(figures: Figures, article_of: Callable[..., Article]) -> None:
    """Of many texts, some the twins of others, not one changes a header or leaves Liquid."""
    faults: Counter[str] = Counter()
    for article in _hostile_articles(article_of):
        faults.update(_faults(article))

    of = cases(300, 100_000)
    figures.none("headers read otherwise by PyYAML", faults.pop("PyYAML", 0), of)
    figures.none("headers read otherwise by python-frontmatter", faults.pop("frontmatter", 0), of)
    figures.none("headers read otherwise by ourselves", faults.pop("ours", 0), of)
    figures.none("Liquid outside the header", faults.pop("Liquid", 0), of)
    figures.none("comments that are not digits", faults.pop("comment", 0), of)
    figures.none("lines too many or too few", faults.pop("lines", 0), of)
    assert not faults


@pytest.mark.gate("C2", _GATE)
@pytest.mark.timeout(1800)
def test_hostile_titles_read_by_jekyll(
    figures: Figures, article_of: Callable[..., Article], tmp_path: Path
) -> None:
    """Jekyll's own way to read a post, Ruby's Psych with SafeYAML, finds what was written."""
    if shutil.which("jekyll") is None:
        pytest.skip("jekyll is not installed: its reader of front matter is not asked")
    asked, told = tmp_path / "posts.jsonl", tmp_path / "found.jsonl"
    with asked.open("w") as file:
        for article in _hostile_articles(article_of):
            file.write(json.dumps(write_post(Post.from_article(article)).decode()) + "\n")
    with asked.open() as posts, told.open("w") as found:
        subprocess.run(["ruby", _JEKYLL_READS], stdin=posts, stdout=found, check=True)
    with told.open() as found:
        pairs = zip(_hostile_articles(article_of), map(json.loads, found), strict=True)
        wrong = sum(not _found_all(article, *values) for article, values in pairs)

    figures.none("headers read otherwise by Jekyll", wrong, of=cases(300, 100_000))


def test_a_broken_header_is_seen(article_of: Callable[..., Article]) -> None:
    """The checks look at something: a header that nobody escaped is found by each of them."""
    article = article_of(title='a" #b\\', body="{{ x }}")
    naive = _naive(article)

    assert set(_faults_of(article, naive)) >= {"PyYAML", "frontmatter", "Liquid"}


def _hostile_articles(article_of: Callable[..., Article]) -> Iterator[Article]:
    count = cases(300, 100_000)
    pairs = zip(hostile.texts("title", count), hostile.texts("body", count), strict=True)
    for number, (title, body) in enumerate(pairs):
        at = datetime(1970 + number % 1000, 1 + number % 12, 28, number % 24, tzinfo=UTC)
        yield article_of(title=title, body=body, at=at)


def _faults(article: Article) -> Iterator[str]:
    """Return who reads the post of this article otherwise, or what it must not hold."""
    yield from _faults_of(article, write_post(Post.from_article(article)))


def _faults_of(article: Article, data: bytes) -> Iterator[str]:
    text = data.decode()
    header, content = text.removeprefix("---\n").split("\n---\n", maxsplit=1)
    expected = _expected(article)
    if _loaded(lambda: yaml.safe_load(header)) != list(expected.items()):
        yield "PyYAML"
    if _loaded(lambda: frontmatter.loads(text).metadata) != list(expected.items()):
        yield "frontmatter"
    if read_post(data).title != expected["title"]:
        yield "ours"
    if "{{" in content or "{%" in content:
        yield "Liquid"
    if not re.match("<!--[0-9]+-->\n", content):
        yield "comment"
    if content.count("\n") != 7:
        yield "lines"


def _expected(article: Article) -> dict[str, object]:
    return {
        "layout": "post",
        "title": clean_title(article.title),
        "date": article.published.at,
        "author": "联合早报",
        "from": article.url,
        "tags": ["联合早报"],
        "comments": True,
        "categories": ["联合早报"],
    }


def _loaded(load: Callable[[], dict[str, object]]) -> object:
    """Return the keys and values that a reader finds, in its order, or its complaint."""
    try:
        return list(load().items())
    except (AttributeError, ValueError, yaml.YAMLError) as problem:
        return problem


def _found_all(article: Article, values: object, content: str, title: str) -> bool:
    """Say whether Jekyll found each value and the whole content, and Psych alone the title."""
    expected = _expected(article)
    date = article.published.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    data = write_post(Post.from_article(article)).decode()
    wanted = expected | {"date": date}
    return (
        isinstance(values, dict)
        and list(values.items()) == list(wanted.items())
        and title == expected["title"]
        and data.endswith(f"\n---\n{content}")
        and content.startswith("<!--")
    )


def _naive(article: Article) -> bytes:
    """Return what a careless writer makes of an article."""
    post = write_post(Post.from_article(replace(article, title="T", body="B"))).decode()
    return (
        post.replace('"T"', f'"{article.title}"').replace("\nB\n", f"\n{article.body}\n").encode()
    )
