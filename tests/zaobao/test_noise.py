"""What stands in a body but was not written for it."""

from __future__ import annotations

import pytest

from harvester.zaobao.clean import clean
from harvester.zaobao.markup import fragment, parse
from harvester.zaobao.noise import (
    is_noise_text,
    is_paywall_text,
    noise_around,
    noise_ids,
    opens_reading_list,
    upward,
)
from tests.support.pages import URL

_FIRST, _LAST = "渔民在岸边等待潮水。", "潮水在中午退去。"

ELEMENTS = [
    # React, since 2024-06
    '<div class="google-ad my-4"><span>广告</span></div>',
    '<div class="bff-google-ad"><p>广告</p><img src="https://ads.example/a.jpg"></div>',
    '<div class="bff-recommend-article"><p>延伸阅读</p><a href="/x"><p>别的标题</p></a></div>',
    '<button class="bff-inline-image-expand-icon"><img src="/assets/expand.svg"></button>',
    '<a href="/news/story20230312-1?ref=previous-article"><p>上一篇</p></a>',
    '<img src="/assets/tag-icon.webp">',
    '<img alt="expend icon" src="https://a.example/expand.svg">',
    '<div><a href="https://newspost.newslink.sg/?id=1"><span>购买此文章</span></a></div>',
    # Astro, since 2025-07
    '<astro-island uid="1"><p>听新闻</p></astro-island>',
    "<zb-ai-summary><p>摘要由人工智能生成</p></zb-ai-summary>",
    '<div class="further-reading"><h3>延伸阅读</h3><ul><li>别的标题</li></ul></div>',
    '<div class="read-on-app-cover"><p>在应用里打开</p></div>',
    '<div class="article-pic-title">早报制图</div>',
    # zaobao.com 2020 to 2025
    '<section class="flex"><div class="adv-tag" id="dfp-ad-imu1">广告</div></section>',
    # 2019 to 2024
    '<section id="imu"><p>广告</p></section>',
    '<div id="dfp-ad-mid-wrapper"><div id="dfp-ad-midarticlespecial">广告</div></div>',
    '<div id="innity-in-post"><p>广告</p></div>',
    '<div id="outbrain-wrapper"><article><p>你可能感兴趣</p></article></div>',
    '<div class="OUTBRAIN"><p>你可能感兴趣</p></div>',
    '<div id="NextPrevious"><h3>上一篇</h3></div>',
    '<div id="video-freemium-player"><p>视频</p></div>',
    '<div class="settings-tray-editable"><p>首页</p></div>',
    '<div class="article-meta"><p>文 / 林小海</p></div>',
    '<div class="article-share-fb"><a href="/x">分享</a></div>',
    '<div class="keywords"><ul><li>海</li></ul></div>',
    '<div class="newspost-holder"><p>购买</p></div>',
    '<div class="cx_paywall_placeholder" id="sph_cdp_40"><p>订户</p></div>',
    '<div class="figure-media-gallery-nav"><span>1/5</span></div>',
    '<a href="https://subscribe.sph.com.sg/a"><img data-src="https://a.example/banner.png"></a>',
    "<lazy-component><p>广告</p></lazy-component>",
    '<div id="gtx-trans"><div class="gtx-trans-icon">译</div></div>',
    # 2013 to 2018
    '<a class="btn-newspost" href="http://newspost.newslink.sg/">购买此文章<img src="/a.png"></a>',
    '<section id="breadcrumbs"><a href="/">首页</a></section>',
    # boxes of subscribers' stories
    '<span class="paywall-message">请订阅</span>',
    '<div class="article-microtransaction"><div class="cta-subscribe">请订阅</div></div>',
    '<div id="js-cta-microtransaction"><p>订阅</p></div>',
    '<div id="freemium_subscribe"><p>此文章为早报 订户 专享内容</p><a><img src="/b.jpg"></a></div>',
    # scripts, forms and the like
    *(
        f"<{tag}><p>不是正文</p></{tag}>"
        for tag in [
            "audio",
            "button",
            "canvas",
            "dialog",
            "form",
            "iframe",
            "map",
            "nav",
            "noscript",
            "object",
            "script",
            "select",
            "style",
            "template",
            "textarea",
            "title",
            "video",
        ]
    ),
    "<svg><text>图标</text></svg>",
    "<math><mi>x</mi></math>",
    "<p>&nbsp;</p>",
    "<!--pagebreak-->",
]


def _blocks(html: str) -> tuple[str, ...]:
    root = fragment(html, URL)
    assert root is not None
    return clean([root], URL).blocks


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("inside", ["", f"<p>{_FIRST * 4}</p>"])
def test_noise_is_dropped(element: str, inside: str) -> None:
    """Advertisements, services and boxes leave neither text nor markup, wherever they stand."""
    before, after = f"<p>{_FIRST}</p>", f"<p>{_LAST}</p>"
    for wrapped in (f"{inside}{element}", f"<div>{inside}{element}</div>"):
        root = fragment(f"{before}{wrapped}{after}", URL)
        assert root is not None
        assert f"{before}{inside}{after}" == clean([root], URL).html


@pytest.mark.parametrize(
    "element",
    [
        '<a href="https://newspost.newslink.sg/?id=1">购买此文章</a>',
        '<span class="paywall-message">请订阅</span>',
        '<img src="/assets/tag-icon.webp">',
        '<span class="google-ad">广告</span>',
        "<script>var a = 1</script>",
        "<button>展开</button>",
    ],
)
def test_noise_inside_a_paragraph_is_dropped(element: str) -> None:
    """A paragraph keeps its own words around what does not belong to it."""
    long = _FIRST * 4

    assert (f"{long}{_LAST}",) == _blocks(f"<p>{long}{element}{_LAST}</p>")


@pytest.mark.parametrize(
    "html",
    [
        '<div><p>潮水很大。</p><a href="https://newspost.newslink.sg/1">购买此文章</a></div>',
        '<p>潮水很大。<a href="https://newspost.newslink.sg/1">购买此文章</a></p>',
    ],
)
def test_a_short_sentence_beside_the_shop_stays(html: str) -> None:
    """The link to the shop goes, a short sentence next to it does not."""
    assert _blocks(html) == ("潮水很大。",)


@pytest.mark.parametrize(
    "text",
    [
        "购买此文章",
        "热词 : 海、潮水",
        "热词：海",
        "请 LIKE 我们的官方面簿网页以获取更多新信息",
        "推荐阅读：潮水三十年",
        "延伸阅读: 潮水三十年",
        "相关阅读：潮水三十年",
    ],
)
def test_services_of_the_page_are_no_text(text: str) -> None:
    """Paragraphs that are a service of the page are told by their words."""
    assert is_noise_text(text)
    assert _blocks(f"<p>{_FIRST}</p><p>{text}</p><p>{_LAST}</p>") == (_FIRST, _LAST)


@pytest.mark.parametrize(
    "text",
    [
        "他在店里购买此文章提到的贝壳。",
        "今年的热词是潮水。",
        "老师请学生做延伸阅读，也推荐阅读清单。",
        "他说：“延伸阅读：越多越好。”",
        "订户人数上升。",
        pytest.param("电信公司推出新用户体验价，三百人报名。"),
        "请订阅电子报的居民增加了。",
        "热词：" + "海" * 200,
        "请订阅或登录，以继续阅读全文！" + "海" * 200,
    ],
)
def test_stories_may_use_those_words(text: str) -> None:
    """A sentence of a story that holds the same words stays."""
    assert not is_noise_text(text)
    assert not is_paywall_text(text)
    assert text in _blocks(f"<p>{_FIRST}</p><p>{text}</p>")


def test_a_reading_list_goes_with_its_links() -> None:
    """After an announcement, paragraphs of links alone go; the next sentence stays."""
    link = '<a href="/news/china/story20230312-1">潮水三十年</a>'
    html = (
        f"<p>{link}</p><p>延伸阅读</p><p>{link}</p><ul><li><b>{link}</b></li></ul>"
        f"<p>{_LAST}</p><p>{link}</p>"
    )

    assert opens_reading_list("延伸阅读：")
    assert _blocks(html) == ("潮水三十年", _LAST, "潮水三十年")


@pytest.mark.parametrize("doctype", ["", "<!doctype html>"])
@pytest.mark.parametrize("element", [*ELEMENTS, '<p class="SHARE">x</p>', "<figure>x</figure>"])
def test_noise_around_is_that_of_the_page(element: str, doctype: str) -> None:
    """Whoever asks from a few nodes outwards is told what the whole page would tell of them."""
    inside = f"{element}{element.replace('>', '><img class=mine>', 1)}"
    tree = parse(f"{doctype}<body><main>{inside}<img class=mine></main>", URL)
    images = tree.css("img")
    above = {node.mem_id for image in images for node in upward(image)}

    assert tree.body is not None
    assert noise_around(tree, tree.body, images) & above == noise_ids(tree.body) & above
