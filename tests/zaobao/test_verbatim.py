"""The verbatim body: as published, in one line, with nothing that can act."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.zaobao.markup import fragment
from harvester.zaobao.verbatim import verbatim
from tests.support.pages import HK_URL, URL

_A = "https://static.zaobao.com/s3fs-public/a.jpg"
_POLICY = 'referrerpolicy="no-referrer"'


def _verbatim(*bodies: str, base: str = URL) -> str:
    roots = [root for html in bodies if (root := fragment(html, URL)) is not None]
    return verbatim(roots, base)


@pytest.mark.parametrize(
    "html",
    [
        "<p>潮水</p>",
        '<section id="imu"><div id="dfp-ad-imu1">      </div></section>',
        '<div class="cx_paywall_placeholder" id="sph_cdp_40"></div>',
        '<p class="center" style="color:red">一<br>二&nbsp;</p>',
        "<p>一</p><!--pagebreak--><p>二</p>",
        '<a href="https://a.example/?b=1&amp;c=2" target="_blank">x</a>',
        '<iframe allowfullscreen="" src="https://www.youtube.com/embed/x" width="5"></iframe>',
        '<blockquote class="twitter-tweet"><p dir="ltr" lang="en">x</p>— y</blockquote>',
        '<a href="mailto:a@b.example">x</a><a href="tel:123">y</a>',
        "",
    ],
)
def test_published_markup_stays(html: str) -> None:
    """What cannot act stays as it was published, advertisement slots included."""
    assert html == _verbatim(html)


@pytest.mark.parametrize(
    ("image", "kept"),
    [
        (
            f'<img alt="" data-src="{_A}" class="lazyload">',
            f'<img alt="" data-src="{_A}" class="lazyload" src="{_A}" {_POLICY}>',
        ),
        (
            f'<img src="/themes/default.png" data-src="{_A}" alt="">',
            f'<img data-src="{_A}" alt="" src="{_A}" {_POLICY}>',
        ),
        (
            f'<img src="x/undefined" {_POLICY} data-src="{_A}">',
            f'<img data-src="{_A}" src="{_A}" {_POLICY}>',
        ),
        (f'<img src="{_A}" alt="x">', f'<img src="{_A}" alt="x" {_POLICY}>'),
        (
            '<img src="/sites/a.jpg">',
            f'<img src="https://www.zaobao.com.sg/sites/a.jpg" {_POLICY}>',
        ),
        (
            '<img data-src="//a.example/a.jpg">',
            f'<img data-src="//a.example/a.jpg" src="https://a.example/a.jpg" {_POLICY}>',
        ),
        ("<img>", f"<img {_POLICY}>"),
    ],
)
def test_images_get_their_address_last(image: str, kept: str) -> None:
    """`src` comes from the lazy attribute; it and the policy are the last attributes."""
    assert kept == _verbatim(image)


def test_it_is_one_line_without_controls() -> None:
    """Line ends and other controls are deleted, blanks between elements stay."""
    html = " \n<p>一\r\n 二\t三</p>\n      <p>四\x85\x7f</p>\n"

    assert _verbatim(html) == "<p>一 二三</p>      <p>四</p>"


def test_links_are_absolute() -> None:
    """A relative link leads to the page's site."""
    html = '<a href="/news/china">x</a>'

    assert _verbatim(html) == '<a href="https://www.zaobao.com.sg/news/china">x</a>'
    assert _verbatim(html, base=HK_URL) == '<a href="https://www.zaobao.com/news/china">x</a>'


def test_roots_follow_each_other() -> None:
    """The lead picture's markup and the body's are joined as they are."""
    assert _verbatim("<p>一</p> ", " <p>二</p>") == "<p>一</p>  <p>二</p>"


def test_scrambled_paragraphs_are_put_in_order() -> None:
    """Order keys are obeyed here too."""
    html = '<p data-s="abcGM======">二</p><p data-s="abcGI======">一</p>'

    assert _verbatim(html).index("一") < _verbatim(html).index("二")


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        ("<p onclick=x>一</p>", "<p>一</p>"),
        ("<p>一<script>x</script></p><style>y</style>", "<p>一</p>"),
        ('<a href="javascript:x">一</a>', "<a>一</a>"),
        ('<iframe srcdoc="x"></iframe>', "<iframe></iframe>"),
        ("<div><svg><script>x</script></svg></div>", "<div></div>"),
    ],
)
def test_what_can_act_goes(html: str, kept: str) -> None:
    """Scripts, handlers and script addresses go, the element around them stays."""
    assert kept == _verbatim(html)


@given(st.text())
def test_any_text_is_one_line(html: str) -> None:
    """No HTML raises; the result is one line without blanks at its ends."""
    body = _verbatim(html)

    assert body == body.strip()
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in body)
