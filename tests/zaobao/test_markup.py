"""From bytes to text and tree: charsets that are wrong or lie, and nesting that kills parsers."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harvester.errors import Unreadable
from harvester.model import BodyMode
from harvester.zaobao import read_article, story_ref
from harvester.zaobao.burden import DEPTH_LIMIT
from harvester.zaobao.markup import PAGE_LIMIT, as_utf8, decode, parse
from tests.support.charsets import GARBLED, RARE, READABLE, SIMPLE, TRADITIONAL, Case
from tests.support.figures import Figures
from tests.support.pages import NOW, URL, json_ld, page, paragraphs

_LONG_FRAME = "<!--" + "x" * 300_000 + "-->"
_LABELS = (None, "utf-8", "gb2312", "gb18030", "big5", "utf-16", "iso-8859-1", "x-none")


def _id(case: Case) -> str:
    return f"{case.codec}-{case.header}-{case.meta}-{case.texts[0][:1]}-{len(case.damage)}"


def _read_or_refused(case: Case) -> tuple[str, tuple[str, ...]] | None:
    try:
        return _read(case)
    except Unreadable:
        return None


def _read(case: Case) -> tuple[str, tuple[str, ...]]:
    article = read_article(
        case.body(), story_ref(URL), NOW, mode=BodyMode.CLEAN, charset=case.header
    )
    return article.title, article.blocks


@pytest.mark.parametrize("case", READABLE, ids=_id)
def test_the_text_is_the_one_published(case: Case) -> None:
    """Title and text are read as published, whatever header and meta element say."""
    assert (case.title, case.texts) == _read(case)


@pytest.mark.parametrize("case", GARBLED, ids=_id)
def test_garbled_text_is_not_read(case: Case) -> None:
    """A page whose characters cannot be had is an error, never a garbled article."""
    with pytest.raises(Unreadable):
        _read(case)


@pytest.mark.gate("N9", "wrong and lying charsets")
def test_no_conflict_of_labels_garbles_a_text(figures: Figures) -> None:
    """Whatever header and meta element say, each in its order: the text is right, or not read."""
    texts = {"utf-8": SIMPLE, "gb2312": SIMPLE, "gb18030": RARE, "big5": TRADITIONAL}
    cases = [
        Case(codec, header, meta, texts=shown)
        for (codec, shown), header, meta in product(texts.items(), _LABELS, _LABELS)
    ]
    read = [(case, found) for case in cases if (found := _read_or_refused(case)) is not None]
    garbled = [case for case, found in read if found != (case.title, case.texts)]

    assert garbled == []
    figures.none("pages with labels in conflict that are garbled", len(garbled), of=len(cases))
    figures.at_least("of them read", len(read), len(cases) * 3 // 4)


@pytest.mark.parametrize(
    "case",
    [
        Case("utf-8", "utf-16"),
        Case("utf-8", None, "utf-16"),
        pytest.param(Case("gb18030", "utf-16", "gbk")),
    ],
)
def test_a_meta_element_that_can_be_read_is_not_utf_16(case: Case) -> None:
    """Bytes in which a meta element is readable are not UTF-16 (HTML, 13.2.3.2)."""
    assert case.texts == _read(case)[1]


@pytest.mark.parametrize("codec", ["gb18030", "big5"])
def test_a_short_story_in_a_large_frame_is_not_garbled(codec: str) -> None:
    """What decodes without loss by its label goes before UTF-8 with losses."""
    texts = SIMPLE if codec == "gb18030" else TRADITIONAL
    stated = json_ld({"@type": "NewsArticle", "datePublished": "2023-03-12T10:30:05+08:00"})
    head = f'<meta charset="{codec}">{stated}'
    text = page(paragraphs(texts), head=head, title="潮水").replace("发布", "") + _LONG_FRAME
    article = read_article(text.encode(codec), story_ref(URL), NOW, charset=codec)

    assert texts == article.blocks


@pytest.mark.parametrize(
    "label", ["rot13", "base64", "zip", "idna", "punycode", "undefined", "a\0b", "\udcff"]
)
def test_a_label_that_is_no_charset_is_passed_over(label: str) -> None:
    """Labels that name a codec of another kind, or nothing, are as good as none."""
    text = "渔民说，这样的潮水三十年才有一次。"

    assert text == decode(text.encode("gb18030"), URL, label)


@given(st.binary(), st.none() | st.sampled_from(["utf-8", "gb2312", "big5", "utf-16", "latin-1"]))
def test_any_bytes_are_text_or_unreadable(body: bytes, label: str | None) -> None:
    """Decoding and parsing are total."""
    try:
        text = decode(body, URL, label)
    except Unreadable:
        return
    parse(text, URL)


@given(
    st.binary() | st.text().map(lambda text: text.encode("utf-8", "replace") * 9_000),
    st.none() | st.sampled_from(["utf-8", "gb2312", "big5", "utf-16", "latin-1"]),
)
@example("潮水".encode() * 9_000 + b"\xe6", None)
@example("\ufeff潮水".encode(), None)
@example("x潮水".encode() * 9_000, "big5")
def test_pages_in_utf_8_say_the_same(body: bytes, label: str | None) -> None:
    """A page in UTF-8 is its text, also where it was taken as it came."""
    try:
        text = decode(body, URL, label)
    except Unreadable:
        return
    assert text.encode("utf-8", "ignore") == as_utf8(body, URL, label)


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\ufffd")),
    st.sampled_from(["gb2312", "big5", "latin-1", None]),
)
def test_utf_8_is_always_read_back(text: str, label: str | None) -> None:
    """Valid UTF-8 is UTF-8 under any label of another narrow charset."""
    assert text == decode(text.encode(), URL, label)


@pytest.mark.parametrize("tag", ["div", "span", "blockquote", "b", "ul", "table", "x-y"])
def test_hostile_nesting_is_refused(tag: str) -> None:
    """A page nested deeper than the parser can bear is refused before it is parsed."""
    with pytest.raises(Unreadable, match="nested deeper"):
        parse(f"<{tag}>" * 6 * DEPTH_LIMIT, URL)


@pytest.mark.parametrize(
    "html",
    [
        "<p>" * 20_000,
        "<br>" * 20_000,
        "<li>" * 20_000,
        "<div></div>" * 20_000,
        "<DIV></div>" * 20_000,
        "</div>" * 20_000 + "<div>" * (DEPTH_LIMIT - 1),
        "<td>" * 20_000,
        "1 < 2 " * 20_000,
    ],
    ids=lambda html: html[:11],
)
def test_long_pages_are_not_deep_ones(html: str) -> None:
    """Elements that are closed, or close by themselves, do not count as nesting."""
    assert parse(html, URL).body is not None


def test_a_page_beyond_the_limit_is_refused() -> None:
    """Pages larger than any real one are refused."""
    with pytest.raises(Unreadable, match="larger than 8 MiB"):
        parse("x" * (PAGE_LIMIT + 1), URL)


def test_metas_stay_in_the_head() -> None:
    """A picture in a <noscript> of the head does not end the head, as in a browser."""
    tree = parse('<head><noscript><img src="x"></noscript><meta name="a"></head>', URL)

    assert tree.head is not None
    assert tree.head.css_first("meta") is not None
