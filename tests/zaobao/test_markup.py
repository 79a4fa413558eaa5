"""From bytes to text and tree: charsets that are wrong or lie, and nesting that kills parsers."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import Unreadable
from harvester.model import BodyMode
from harvester.zaobao import read_article, story_ref
from harvester.zaobao.markup import DEPTH_LIMIT, PAGE_LIMIT, decode, parse
from tests.support.pages import LONG, NOW, URL, json_ld, page, paragraphs

SIMPLE = ("渔民说，这样的潮水三十年才有一次。", LONG)
TRADITIONAL = (
    "漁民說，這樣的潮水三十年才有一次，老人們在岸邊站了一個早上。",
    "孩子們在沙灘上找到了許多貝殼，帶回學校給老師和同學看。",
)
RARE = ("镕基桥与喆园都在修缮，门票㐂字号照旧。", LONG)
_LABELLED = '<meta charset="{}">'
_OLD_META = '<meta http-equiv="Content-Type" content="text/html; charset={}" />'


@dataclass(frozen=True)
class Case:
    """A page: its true encoding, the label of the header and that of the meta element."""

    codec: str
    header: str | None = None
    meta: str | None = None
    texts: tuple[str, ...] = SIMPLE
    bom: bytes = b""
    damage: bytes = b""
    form: str = _LABELLED

    def body(self) -> bytes:
        """Return the bytes of the page; the damage stands behind the story."""
        head = self.form.format(self.meta) if self.meta else ""
        text = page(paragraphs(self.texts), head=head, title=self.texts[0][:8])
        if self.texts is TRADITIONAL:
            text = text.replace("发布", "發布")
        before, _, after = text.partition("</article>")
        encoded = [part.encode(self.codec) for part in (before, after)]
        return self.bom + encoded[0] + self.damage + encoded[1]


READABLE = [
    # labels that are right
    Case("gb2312", "gb2312"),
    Case("gb2312", "GB2312", "gb2312"),
    Case("gb2312", None, "gb2312"),
    Case("gb2312", None, "GB2312", form=_OLD_META),
    Case("gb2312", None, "gbk"),
    Case("gbk", "gbk"),
    Case("gbk", "GBK", "gbk"),
    Case("gbk", None, "gbk"),
    Case("gb18030", "gb18030"),
    Case("gb18030", "GB18030"),
    Case("gb18030", None, "gb18030", form=_OLD_META),
    Case("big5", "big5", texts=TRADITIONAL),
    Case("big5", "Big5", "big5", texts=TRADITIONAL),
    Case("big5", None, "big5", texts=TRADITIONAL),
    Case("big5hkscs", "big5-hkscs", texts=TRADITIONAL),
    Case("big5", None, "BIG5", texts=TRADITIONAL, form=_OLD_META),
    Case("utf-8", "utf-8"),
    Case("utf-8", "UTF8", "utf-8"),
    Case("utf-8", None, "utf-8"),
    Case("utf-8", None, "UTF-8", form=_OLD_META),
    Case("utf-8"),
    Case("utf-8", texts=TRADITIONAL),
    Case("utf-16-le", "utf-16le"),
    Case("utf-16-be", "utf-16be"),
    Case("gbk", "cp936"),
    # labels of a smaller set than the text needs
    Case("gb18030", "gb2312", "gb2312", texts=RARE),
    Case("gb18030", None, "gb2312", texts=RARE),
    Case("gb18030", "gbk", texts=RARE),
    Case("gb18030", "gb2312", texts=TRADITIONAL),
    Case("gbk", "gb2312", texts=TRADITIONAL),
    # marks of byte order go before all labels
    Case("utf-8", bom=codecs.BOM_UTF8),
    Case("utf-8", "gb2312", "gb2312", bom=codecs.BOM_UTF8),
    Case("utf-8", "big5", bom=codecs.BOM_UTF8),
    Case("utf-16-le", bom=codecs.BOM_UTF16_LE),
    Case("utf-16-be", bom=codecs.BOM_UTF16_BE),
    Case("utf-16-le", "utf-8", "utf-8", bom=codecs.BOM_UTF16_LE),
    Case("utf-16-be", "gb2312", bom=codecs.BOM_UTF16_BE),
    # labels that lie, or that nobody knows
    Case("utf-8", "gb2312"),
    Case("utf-8", "gbk", "gbk"),
    Case("utf-8", None, "gb2312"),
    Case("utf-8", "gb18030", "utf-8"),
    Case("utf-8", "big5", texts=TRADITIONAL),
    Case("utf-8", "iso-8859-1"),
    Case("utf-8", "windows-1252", "gb2312"),
    Case("utf-8", "us-ascii"),
    Case("utf-8", "x-zaobao", "unknown-8bit"),
    Case("utf-8", "rot13", "base64"),
    Case("gb18030"),
    Case("gb18030", "utf-8"),
    Case("gb18030", "iso-8859-1", "iso-8859-1"),
    Case("gb18030", "utf-8", "gb2312"),
    Case("gb18030", "utf-8", "gb18030", texts=RARE),
    Case("gb18030", "x-zaobao", "gbk"),
    Case("gb18030", "us-ascii", "gb2312"),
    Case("gb18030", "", "gb2312"),
    Case("big5", "utf-8", "big5", texts=TRADITIONAL),
    Case("big5", "x-zaobao", "big5", texts=TRADITIONAL),
    # characters cut in two
    Case("utf-8", "utf-8", damage="潮".encode()[:2]),
    Case("utf-8", None, "gb2312", damage="潮".encode()[:1]),
    Case("utf-8", damage="潮".encode()[1:]),
    Case("gb18030", "gb2312", damage="潮".encode("gb18030")[:1]),
    Case("gb18030", None, "gbk", damage="㐂".encode("gb18030")[:3]),
    Case("big5", "big5", texts=TRADITIONAL, damage="潮".encode("big5")[:1]),
]

_LONG_FRAME = "<!--" + "x" * 300_000 + "-->"
GARBLED = [
    pytest.param(Case("big5", texts=TRADITIONAL), id="big5 without a label"),
    pytest.param(Case("big5", "utf-8", "utf-8", texts=TRADITIONAL), id="big5 called utf-8"),
    pytest.param(Case("utf-8", "utf-8", damage=b"\xff" * 40), id="utf-8 with 40 bad bytes"),
    pytest.param(Case("gb18030", "gb2312", damage=b"\xff" * 40), id="gb18030 with 40 bad bytes"),
]


def _id(case: Case) -> str:
    return f"{case.codec}-{case.header}-{case.meta}-{case.texts[0][:1]}-{len(case.damage)}"


def _read(case: Case) -> tuple[str, tuple[str, ...]]:
    article = read_article(
        case.body(), story_ref(URL), NOW, mode=BodyMode.CLEAN, charset=case.header
    )
    return article.title, article.blocks


def test_there_are_sixty_pages() -> None:
    """The threat model asks for 60 pages in wrong and lying charsets."""
    assert len(READABLE) >= 60


@pytest.mark.parametrize("case", READABLE, ids=_id)
def test_the_text_is_the_one_published(case: Case) -> None:
    """Title and text are read as published, whatever header and meta element say."""
    assert (case.texts[0][:8], case.texts) == _read(case)


@pytest.mark.parametrize("case", GARBLED)
def test_garbled_text_is_not_read(case: Case) -> None:
    """A page whose characters cannot be had is an error, never a garbled article."""
    with pytest.raises(Unreadable):
        _read(case)


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
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\ufffd")),
    st.sampled_from(["gb2312", "big5", "latin-1", None]),
)
def test_utf_8_is_always_read_back(text: str, label: str | None) -> None:
    """Valid UTF-8 is UTF-8 under any label of another narrow charset."""
    assert text == decode(text.encode(), URL, label)


@pytest.mark.parametrize("tag", ["div", "span", "blockquote", "b", "ul", "table", "x-y"])
def test_hostile_nesting_is_refused(tag: str) -> None:
    """A page nested deeper than the parser can bear is refused before it is parsed."""
    with pytest.raises(Unreadable, match=r"nested deeper|not closed"):
        parse(f"<{tag}>" * (DEPTH_LIMIT + 1), URL)


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
