"""The gate: what is no article goes with its reason."""

from __future__ import annotations

import pytest

from harvester.errors import NotAStory, Unreadable
from harvester.model import Access, Article, Era
from harvester.replica import Site
from harvester.zaobao import read_article, story_ref
from harvester.zaobao.gate import MIN_TEXT, check_address, check_landing
from tests.support.pages import LONG, NOW, URL, json_ld, page, paragraphs

SITE = Site.arranged()
REASONS = {
    "soft-404": {"soft-404"},
    "consent": {"consent"},
    "challenge": {"challenge"},
    "login": {"login"},
    "gone-404": {"soft-404"},
    "gone-410": {"soft-404", "listing"},
    "video": {"video"},
    "audio": {"audio"},
    "comic": {"comic"},
    "zodiac": {"zodiac"},
    "race-results": {"race-results"},
    "shorts": {"video"},
    "photo": {"image", "thin"},
    "section-front": {"listing"},
    "teaser": {"thin"},
    "empty-body": {"thin"},
    "specials-page": {"address"},
    "no-time": {"unreadable"},
    "hostile-nesting": {"unreadable"},
}


def _read(html: str, url: str = URL) -> Article:
    return read_article(html.encode(), story_ref(url), NOW)


def _reason(html: str, url: str = URL) -> str:
    """Return why the page at an address is not archived, or "" if it is."""
    try:
        check_address(story_ref(url))
        _read(html, url)
    except NotAStory as refused:
        return refused.reason
    except Unreadable:
        return "unreadable"
    return ""


def _at(url: str) -> str:
    answer = SITE.answer(url.split("/")[2], url.split("/", 3)[3])
    return answer.body.decode(errors="replace")


@pytest.mark.parametrize(
    ("url", "kind"),
    [pytest.param(url, kind, id=kind) for url, kind in SITE.others().items() if kind in REASONS],
)
def test_other_pages_are_not_archived(url: str, kind: str) -> None:
    """Every page of the site that is no article is refused, each for its own reason."""
    assert _reason(_at(url), url) in REASONS[kind]


def test_every_kind_of_other_page_is_known() -> None:
    """What is not read here never comes to a page: it leads elsewhere or is forbidden."""
    assert set(SITE.others().values()) - set(REASONS) == {"specials", "interactive", "robots"}


@pytest.mark.parametrize(
    ("landing", "reason"),
    [
        ("https://www.zaobao.com.sg/specials/the-audio-brief/20260216", "redirected"),
        ("https://www.zaobao.com.sg/", "redirected"),
        ("https://www.zaobao.com.sg/realtime/china/story20230312-1370002", "redirected"),
        ("https://interactive.zaobao.com.sg/realtime/china/story20230312-1370001", "redirected"),
        ("https://www.zaobao.com.sg/zvideos/news/story20230312-1370001", "video"),
    ],
)
def test_a_request_that_ends_elsewhere_is_refused(landing: str, reason: str) -> None:
    """Where a request ends counts, not where it began."""
    with pytest.raises(NotAStory) as caught:
        check_landing(story_ref(URL), landing)

    assert caught.value.reason == reason
    assert URL in (caught.value.url, landing) or reason == "video"


@pytest.mark.parametrize(
    "landing",
    [
        URL,
        "https://www.zaobao.com/realtime/china/story20230312-1370001",
        "https://www.zaobao.com.sg/news/china/story20230312-1370001?ref=x",
    ],
)
def test_a_story_may_move(landing: str) -> None:
    """The same id in another section or on the other host is the same story."""
    assert story_ref(landing) == check_landing(story_ref(URL), landing)


@pytest.mark.parametrize("era", [era for era in Era if era is not Era.POST])
def test_text_decides_on_thin_pages(era: Era) -> None:
    """One character below the least an article has is refused, the least itself is not."""
    assert _reason(page(paragraphs(["字" * (MIN_TEXT - 1)]), era=era)) == "thin"
    assert _reason(page(paragraphs(["字" * MIN_TEXT]), era=era)) == ""


def test_blanks_are_no_text() -> None:
    """White space of all kinds does not count as text."""
    assert _reason(page(paragraphs(["字 \u3000\xa0" * (MIN_TEXT - 1)]))) == "thin"


PICTURE = '<figure><img src="https://static.zaobao.com/s3fs-public/{}.jpg">{}</figure>'
CAPTION = "<figcaption>渔民在岸边等待潮水。</figcaption>"


@pytest.mark.parametrize(
    ("body", "title", "reason"),
    [
        (PICTURE.format(1, CAPTION) + PICTURE.format(2, CAPTION), "图集", ""),
        (PICTURE.format(1, CAPTION) + PICTURE.format(2, ""), "图集", "image"),
        (PICTURE.format(1, ""), "早报漫画", "comic"),
        ('<iframe src="https://www.youtube.com/embed/x"></iframe>', "潮水", "video"),
        ('<video-js data-video-id="1"></video-js>', "潮水", "video"),
        ('<iframe src="https://omny.fm/shows/a/embed"></iframe>', "潮水", "audio"),
        ('<video src="a.mp4"></video>', "潮水", "video"),
        ("<p>点击视频，看街坊怎么说。</p>", "潮水", "video"),
        (f"<p>{LONG}</p><p>视频观看</p>", "潮水", "video"),
        (f"<p>{LONG * 3}</p><p>视频观看</p>", "潮水", ""),
        ("", "听新闻简报 3月12日", "audio"),
        (f"<p>{LONG}</p>", "听新闻简报 3月12日", "audio"),
    ],
)
def test_pages_that_show_or_sound(body: str, title: str, reason: str) -> None:
    """A gallery with captions is an article; pictures, videos and audio alone are none."""
    assert reason == _reason(page(body, title=title))


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("404 号公路重新通车", "找不到网页的那一天，大家都笑了。"),
        ("Cookie 与隐私政策的十年", "你同意并继续吗？请登录或 sign in。"),
        ("系统维护中的验证码 captcha", "Access denied 是一本小说的名字。"),
        ("文章不存在", "网页不存在或已被删除，是展览的题目。"),
    ],
)
def test_a_story_may_be_about_missing_pages(title: str, text: str) -> None:
    """Words of other pages in the title and text of a real story do not matter."""
    told = (text, *[LONG] * 6)
    article = _read(page(paragraphs(told), title=title))

    assert (article.title, article.blocks) == (title, told)


def test_an_unknown_page_is_looked_into() -> None:
    """A long page that no era recognises is an error, not a page of another kind."""
    text = paragraphs([LONG] * 20)
    foot = "<footer>我们使用 cookie。请登录。隐私政策</footer>"

    assert _reason(f'<meta charset="utf-8"><title>潮水</title><div>{text}</div>{foot}') == (
        "unreadable"
    )


@pytest.mark.parametrize("broken", ["title", "time", "future"])
def test_an_article_without_title_or_time_is_unreadable(broken: str) -> None:
    """What should be an article and has no title, no time or a wrong clock waits."""
    html = page(paragraphs([LONG]))
    match broken:
        case "title":
            html = html.replace("临海湾海水退潮", "")
        case "time":
            html = html.replace("2023年3月12日", "")
        case _:
            html = html.replace("2023年3月12日", "2031年3月12日")

    with pytest.raises(Unreadable):
        _read(html)


@pytest.mark.parametrize(
    ("mark", "access"),
    [
        ("", Access.FULL),
        ('<div id="freemium_subscribe"><p>此文章为早报 订户 专享内容</p></div>', Access.PREVIEW),
        ('<div class="article-microtransaction">购买订阅</div>', Access.PREVIEW),
        ('<p>余下的话<span class="paywall-message">请订阅</span></p>', Access.PREVIEW),
        ("<p>请 订阅或登录，以继续阅读全文！</p>", Access.PREVIEW),
        ("<p>请您选择以下方式，阅读全文：</p>", Access.PREVIEW),
        ('<div class="cx_paywall_placeholder" id="sph_cdp_40"></div>', Access.FULL),
        ("<p>购买此文章</p>", Access.FULL),
    ],
)
def test_a_preview_is_marked(mark: str, access: Access) -> None:
    """A subscriber's box makes a preview; its words are no text of the story."""
    article = _read(page(f"<p>{LONG}</p>{mark}"))

    assert article.access is access
    assert not any("订阅" in block or "购买" in block for block in article.blocks)


def test_a_fact_alone_makes_a_preview() -> None:
    """A page that states that it is not free holds a preview, however much it shows."""
    stated = json_ld({"@type": "NewsArticle", "isAccessibleForFree": False})
    html = page(paragraphs([LONG]), head=f'<meta charset="utf-8">{stated}')

    assert _read(html).access is Access.PREVIEW
