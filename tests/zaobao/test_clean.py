"""The clean body: what stays, what goes, and in which form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import Unreadable
from harvester.zaobao.clean import Body, Figure, clean
from harvester.zaobao.markup import fragment, parse
from tests.support.pages import URL

_A = "https://static.zaobao.com/s3fs-public/a.jpg"
_B = "https://static.zaobao.com/s3fs-public/b.jpg"
_POLICY = 'referrerpolicy="no-referrer"'


def _clean(html: str, *lead: Figure) -> Body:
    root = fragment(html, URL)
    assert root is not None
    return clean([root], URL, lead)


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        ("<p>潮水</p>", None),
        ("<h2>潮水</h2><h3>一</h3><h4>二</h4><h5>三</h5><h6>四</h6>", None),
        ("<h1>潮水</h1>", "<h2>潮水</h2>"),
        ("<p><strong>重</strong><b>b</b><em>em</em><i>i</i><u>u</u><s>s</s></p>", None),
        ("<p>H<sub>2</sub>O<sup>n</sup><code>x</code></p>", None),
        ("<p>一<br>二</p>", None),
        ("<blockquote><p>说</p></blockquote>", None),
        ("<ol><li><p>一</p></li></ol>", None),
        ("<p>一</p><hr><p>二</p>", None),
        ("<pre>一行</pre>", None),
        (
            (
                '<table><tbody><tr><th colspan="2">头</th></tr>'
                "<tr><td>一</td><td></td></tr></tbody></table>"
            ),
            None,
        ),
        ('<td rowspan="x" colspan="2" class="a">一</td>', "<p>一</p>"),
        ("<table><caption>表</caption></table>", "<table><p>表</p></table>"),
        ("<dl><dt>词</dt><dd>义</dd></dl>", "<p>词</p><p>义</p>"),
        ("<details><summary>问</summary>答</details>", "<p>问</p><p>答</p>"),
        ("<div><section><p>一</p></section></div>", "<p>一</p>"),
        ("<center><font color=red>一</font></center>", "<p>一</p>"),
        (
            "裸露的<b>文字</b><p>段落</p>又是文字",
            "<p>裸露的<b>文字</b></p><p>段落</p><p>又是文字</p>",
        ),
        ("<span>一</span><span><p>二</p></span>", "<p>一</p><p>二</p>"),
        ('<p class="a" style="color:red" id=x lang=zh>一</p>', "<p>一</p>"),
        ("<p>一 &amp; &lt;b&gt; \xa0 二</p>", "<p>一 &amp; &lt;b&gt; &nbsp; 二</p>"),
        ("<p>  一\n\t 二\r\n</p>", "<p>一 二</p>"),
        ("<p> 一 <b> 二 </b></p>", "<p>一 <b> 二 </b></p>"),
        ("<p>&nbsp;</p><p></p><p><b></b></p><div> \n </div><ul></ul>", "<ul></ul>"),
        ("<p><ruby>潮<rt>cháo</rt></ruby></p>", "<p>潮cháo</p>"),
        ("<p>一<!-- 注 --></p><!--pagebreak-->", "<p>一</p>"),
    ],
)
def test_markup_that_may_stay(html: str, kept: str | None) -> None:
    """Allowed elements stay without their attributes; wrappers dissolve; empty ones vanish."""
    assert _clean(html).html == (html if kept is None else kept)


@pytest.mark.parametrize("html", ["<blockquote>说</blockquote>", "<ul><li>一</li></ul>"])
def test_items_and_quotes_of_text_alone_get_no_paragraph(html: str) -> None:
    """What was published without paragraphs inside stays so, as cells do."""
    assert html == _clean(html).html


def test_preformatted_lines_stay_lines() -> None:
    """The lines of a <pre> survive the body's being one line."""
    assert _clean("<pre>一\n二</pre>").html == "<pre>一<br>二</pre>"


@pytest.mark.parametrize(
    ("href", "kept"),
    [
        ("https://a.example/b?c=d&amp;e", "https://a.example/b?c=d&amp;e"),
        ("http://a.example/", "http://a.example/"),
        ("mailto:a@b.example", "mailto:a@b.example"),
        ("/news/china", "https://www.zaobao.com.sg/news/china"),
        ("story20230312-1", "https://www.zaobao.com.sg/realtime/china/story20230312-1"),
        ("//a.example/x", "https://a.example/x"),
        ("?page=2", f"{URL}?page=2"),
        ("#top", f"{URL}#top"),
        (" https://a.example/中文 ", "https://a.example/中文"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("tel:123", None),
        ("ftp://a.example/", None),
        ("https://[a", None),
        ("", None),
    ],
)
def test_links_are_absolute_or_plain_text(href: str, kept: str | None) -> None:
    """Links of http, https and mailto stay, made absolute; of others only the text stays."""
    expected = f'<p><a href="{kept}">去</a></p>' if kept else "<p>去</p>"

    assert expected == _clean(f'<p><a href="{href}" onclick="x()">去</a></p>').html


_IMAGE = f'<img alt="" src="{_A}" {_POLICY}>'
_TITLED = f'<img alt="岸边" src="{_A}" {_POLICY}>'
_TWO = f'<img alt="" src="{_A}" {_POLICY}><img alt="" src="{_B}" {_POLICY}>'
_CAPTIONED = f"<figure>{_TITLED}<figcaption>岸边</figcaption></figure>"


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        (f'<img src="{_A}">', f"<figure>{_IMAGE}</figure>"),
        (f'<p>看<img src="{_A}" alt="a&quot;b">图</p>', None),
        (f'<figure><img src="{_A}"><figcaption>岸边</figcaption></figure>', _CAPTIONED),
        (
            (
                f'<div class="figure-media"><img class="lazyload" data-src="{_A}" '
                'src="x/undefined"></div>\n<figcaption> 岸边\n</figcaption>'
            ),
            _CAPTIONED,
        ),
        (f'<div class="figure-media"><img data-src="{_A}" title="岸边"></div>', _CAPTIONED),
        (f'<img src="{_A}" data-caption="岸边">', _CAPTIONED),
        (
            (
                f'<figure class="inline-figure"><div class="inline-figure-img">'
                f'<img src="{_A}"></div><div class="figure-caption">岸边</div></figure>'
            ),
            _CAPTIONED,
        ),
        (f'<a href="/x"><img src="{_A}"> <div class="d"> 岸边 </div></a>', _CAPTIONED),
        (f'<div class="inline-image-container"><img src="{_A}" title="岸边"></div>', _CAPTIONED),
        (
            (
                f'<div class="media-holder"><picture title="岸边"><source data-srcset="{_A} 1x">'
                f'<source data-srcset="{_B} 1x"></picture></div>'
            ),
            _CAPTIONED,
        ),
        (f'<figure><img src="{_A}"><img src="{_B}"></figure>', f"<figure>{_TWO}</figure>"),
        ('<img src="data:image/gif;base64,R0lGODlh">', ""),
        ("<figure></figure><p>一</p>", "<p>一</p>"),
        ("<figcaption>岸边</figcaption>", "<figure><figcaption>岸边</figcaption></figure>"),
        (
            f'<img src="{_A}"><p>一</p><figcaption>不是它的</figcaption>',
            f"<figure>{_IMAGE}</figure><p>一</p><figure><figcaption>不是它的</figcaption></figure>",
        ),
    ],
)
def test_pictures_become_figures(html: str, kept: str | None) -> None:
    """Real addresses, one form, with the caption from wherever the page has it."""
    inline = f'<p>看<img alt="a&quot;b" src="{_A}" {_POLICY}>图</p>'

    assert _clean(html).html == (inline if kept is None else kept)


def test_captions_are_no_text() -> None:
    """A caption belongs to its picture; the content hash does not see it."""
    body = _clean(
        f'<p>一</p><figure><img src="{_A}"><figcaption>岸边</figcaption></figure><p>二</p>'
    )

    assert (body.blocks, body.figures) == (("一", "二"), (Figure(_A, "岸边"),))


def test_a_gallery_is_a_figure_for_each_slide() -> None:
    """Every slide keeps its own caption."""
    slide = (
        '<div class="figure-media-gallery-slide"><div class="figure-media-gallery-img">'
        '<img data-src="{}" src="/themes/custom/zbsg2020/images/default-img.png" '
        'data-caption="{}"></div><figcaption><p>{}</p></figcaption></div>'
    )
    slides = slide.format(_A, "一", "一") + slide.format(_B, "二", "二")
    body = _clean(f'<div class="figure-media figure-media-gallery">{slides}</div><p>文</p>')

    assert body.figures == (Figure(_A, "一"), Figure(_B, "二"))
    assert body.blocks == ("文",)
    assert body.html.count("<figure>") == 2


def test_the_icon_on_a_picture_is_no_picture() -> None:
    """The button that enlarges a picture stands inside its figure and goes."""
    body = _clean(
        f'<div class="inline-figure bff-inline-image"><div class="figure-media"><img src="{_A}">'
        '<button class="cursor-pointer bff-inline-image-expand-icon">'
        '<img src="/assets/expand.svg" alt="expend icon"></button></div></div>'
    )

    assert body.figures == (Figure(_A),)


def test_lead_pictures_come_first_and_once() -> None:
    """A lead picture that the body shows too, in another size, stands only in the body."""
    lead = (Figure(_B, "前"), Figure(f"{_A}?itok=1", "岸边"), Figure(_B, "再"))
    body = _clean(f'<p>一</p><img src="{_A}?itok=2">', *lead)

    assert body.figures == (Figure(_B, "前"), Figure(f"{_A}?itok=2"))
    assert body.html.startswith("<figure>")


@pytest.mark.parametrize(
    ("html", "source"),
    [
        ("https://www.youtube.com/embed/x", "https://www.youtube.com/embed/x"),
        ("//www.youtube.com/embed/x", "https://www.youtube.com/embed/x"),
        ("http://players.brightcove.net/1/x", "https://players.brightcove.net/1/x"),
        (
            "https://www.facebook.com/plugins/video.php?a=1&amp;b",
            "https://www.facebook.com/plugins/video.php?a=1&amp;b",
        ),
        ("https://evil.example/embed", None),
        ("https://youtube.com.evil.example/embed", None),
        ("https://notyoutube.com/embed", None),
        ("https://evil.example/https://www.youtube.com/", None),
        ("https://www.youtube.com@evil.example/", None),
        ("javascript:alert(1)//https://www.youtube.com/", None),
        ("data:text/html,https://www.youtube.com/", None),
        ("/embed/x", None),
        ("https://[/", None),
        ("", None),
        pytest.param("https://evil.example\\@www.youtube.com/embed/x", None),
    ],
)
def test_frames_of_known_players_stay(html: str, source: str | None) -> None:
    """Frames stay only when a browser would ask a known player for them."""
    expected = f'<iframe src="{source}" allowfullscreen></iframe>' if source else ""
    body = _clean(f'<div><iframe src="{html}" onload="x()" srcdoc="x"></iframe></div>')

    assert (expected, int(source is not None)) == (body.html, body.embeds)


def test_the_papers_own_player_becomes_a_frame() -> None:
    """The player that the page's script would fill in is written as its frame."""
    html = '<video-js data-video-id="63" data-account="48" data-player="default"></video-js>'
    source = "https://players.brightcove.net/48/default_default/index.html?videoId=63"

    assert f'<iframe src="{source}" allowfullscreen></iframe>' == _clean(html).html


def test_a_body_of_several_roots_is_one() -> None:
    """The children of all roots follow each other."""
    roots = [root for html in ("<p>一</p>", "二") if (root := fragment(html, URL)) is not None]

    assert clean(roots, URL).blocks == ("一", "二")


@pytest.mark.parametrize("nesting", ["<blockquote>{}</blockquote>", "<div><div>{}</div></div>"])
def test_deep_bodies_are_refused(nesting: str) -> None:
    """A body nested deeper than any real one is an error."""
    html = "<p>一</p>"
    for _ in range(200):
        html = nesting.format(html)

    with pytest.raises(Unreadable, match="nested deeper"):
        _clean(html)


@pytest.mark.parametrize(
    ("blocks", "inlines"),
    [
        (151, 0),
        (0, 160),
        (90, 90),
        *(pytest.param(*depths) for depths in ((140, 140), (145, 148))),
    ],
)
def test_deep_bodies_do_not_exhaust_the_stack(blocks: int, inlines: int) -> None:
    """Up to the limit of both kinds of nesting a body is read or refused, nothing else."""
    html = "<blockquote><hr>" * blocks + "<p>" + "<b>" * inlines + "潮水"
    try:
        assert _clean(html).blocks == ("潮水",)
    except Unreadable as problem:
        assert "nested deeper" in str(problem)  # noqa: PT017 - either end is right


_TAGS = [
    "p",
    "div",
    "section",
    "b",
    "i",
    "a",
    "span",
    "ul",
    "ol",
    "li",
    "table",
    "tbody",
    "tr",
    "td",
    "th",
    "blockquote",
    "figure",
    "figcaption",
    "img",
    "iframe",
    "h1",
    "h2",
    "h6",
    "pre",
    "br",
    "hr",
    "strong",
    "svg",
    "math",
    "script",
    "style",
    "template",
    "form",
    "button",
    "select",
    "option",
    "noscript",
    "video",
    "source",
    "picture",
    "details",
    "summary",
    "dl",
    "dt",
    "dd",
    "caption",
    "font",
    "center",
    "xmp",
    "textarea",
]
_ATTRIBUTES = [
    "class='figure-media'",
    "class='figure-media-gallery'",
    "class='keywords'",
    "id='imu'",
    "href='/x'",
    "href='javascript:x'",
    "href='https://a.example/'",
    "src='https://a.example/a.jpg'",
    "data-src='/b.png'",
    "title='题'",
    "alt='图'",
    "data-s='abcGI======'",
    "data-s='x'",
    "data-s",
    "colspan='2'",
    "onload='x()'",
    "data-caption='说明'",
    "src='https://www.youtube.com/embed/x'",
]
_WORDS = [
    "潮水",
    " ",
    "\n",
    "\t",
    "\xa0",
    "&amp;",
    "&#0;",
    "&nbsp;",
    "<",
    "延伸阅读",
    "购买此文章",
    "x" * 30,
]
_OPEN = st.builds(
    lambda tag, attributes: f"<{tag} {' '.join(attributes)}>",
    st.sampled_from(_TAGS),
    st.lists(st.sampled_from(_ATTRIBUTES), max_size=2),
)
_PIECE = _OPEN | st.sampled_from(_TAGS).map("</{}>".format) | st.sampled_from(_WORDS)
SOUP = st.lists(_PIECE | st.text(max_size=5), max_size=30).map("".join) | st.text()


@given(SOUP)
def test_cleaning_is_total(html: str) -> None:
    """Any HTML is cleaned or unreadable; every picture and link of the result is absolute."""
    try:
        body = _clean(html)
    except Unreadable:
        return
    tree = parse(body.html, URL)
    assert all((node.attributes["src"] or "").startswith("https:") for node in tree.css("img"))
    assert all((node.attributes["href"] or "")[:5] in ("http:", "https") for node in tree.css("a"))
    assert not tree.css("script, style, form, svg, math, template, noscript, button")
    assert "\n" not in body.html


@given(SOUP)
def test_a_clean_body_says_the_same_when_it_is_read_again(html: str) -> None:
    """The text of a clean body is that of its source: a stored post has the hash of its page."""
    try:
        body = _clean(html)
    except Unreadable:
        return
    assert body.blocks == _clean(body.html).blocks
