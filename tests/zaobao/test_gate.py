"""The gate: what is no article goes with its reason."""

from __future__ import annotations

import pytest

from harvester.errors import NotAStory, Unreadable
from harvester.model import Access, Article, Era
from harvester.replica import Site
from harvester.zaobao import read_article, story_ref
from harvester.zaobao.gate import MIN_TEXT, check_address, check_landing
from tests.support.pages import LONG, NOW, STORY, URL, json_ld, page, paragraphs

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


AD = {"@type": "AdvertiserContentArticle", "datePublished": "2023-03-12T10:30:00+08:00"}
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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "抱歉，您访问的文章已被删除或暂时无法找到，请返回首页浏览其他新闻，或者使用搜索。",
            "soft-404",
        ),
        ("请先登录，才能继续阅读这篇文章。还没有账号？请用电邮注册，或使用其他账号。", "login"),
        (f"{'我们和合作伙伴在您的设备上存储信息，例如 Cookie，您可以点击“接受”。' * 9}", "consent"),
        ("系统正在维护，请稍后再试。给您带来不便，敬请原谅，我们正在努力恢复服务。", "maintenance"),
        ("为保障安全，请完成验证后继续访问。我们需要确认您是真人，而不是一段程序。", "challenge"),
        (
            "早安，您的浏览器太旧，本网站已不再支持，建议下载最新版本后重新打开它。",
            "unreadable",
        ),
        (f"{LONG}点击阅读全文。", "thin"),
        ("“您访问的页面不存在。”昨晚登录的人都看到这句话。" + LONG * 4, ""),
        (f"{LONG}歌手致歉说：“对不起，贴文已被删除。”", ""),
    ],
)
def test_words_to_the_visitor_are_no_story(text: str, reason: str) -> None:
    """In a story's own frame, with headline and time, only what is told of others is a story.

    A few quoted words do not matter, nor do they where most of the text is a story.
    """
    told = "".join(f"<p>{part}。</p>" for part in text.split("。") if part)

    assert reason == _reason(page(told))


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        (URL, ""),
        (STORY, ""),
        (f"http://www.zaobao.sg{STORY}", ""),
        (f"https://www.zaobao.com.sg:443{STORY}", ""),
        ("https://www.zaobao.com.sg/", ""),
        (f"{URL}9", "redirected"),
        (f"https://www.zaobao.com.sg.evil.com{STORY}", "redirected"),
        (f"https://evil-zaobao.com{STORY}", "redirected"),
        (f"https://www.zaobao.com.sg@evil.com{STORY}", "redirected"),
        (f"//www.zaoba0.com.sg{STORY}", "redirected"),
        ("https://interactive.zaobao.com.sg/tides", "redirected"),
        ("https://www.otherpaper.example/a/1", "redirected"),
    ],
)
@pytest.mark.parametrize(
    "sign", ['<link rel="canonical" href="{}">', '<meta property="og:url" content="{}">']
)
def test_the_address_that_a_page_names_counts(named: str, reason: str, sign: str) -> None:
    """A page that names another story or site as its own address is not the one asked for."""
    head = f'<meta charset="utf-8">{sign.format(named)}'

    assert reason == _reason(page(paragraphs([LONG]), head=head))


@pytest.mark.parametrize(
    ("body", "title", "head", "reason"),
    [
        (paragraphs([LONG] * 5), "【广告】海景公寓", "", "advertisement"),
        (paragraphs([LONG] * 5), "【广告业】潮水与生意", "", ""),
        (paragraphs([LONG] * 5), "潮水", json_ld(AD), "advertisement"),
        (paragraphs([LONG] * 5), "潮水", '<meta name="contentType" content="podcast">', "audio"),
        ("<p>头奖</p>" + "<p>1234 5678 9012</p>" * 30, "开彩成绩", "", "thin"),
        ('<p><a href="/a">渔民三十年才有一次的潮水</a></p>' * 9, "潮水", "", "listing"),
        ('<p><a href="/a">渔民三十年才有一次的潮水</a></p>' * 2 + LONG, "潮水", "", ""),
        (paragraphs([LONG] * 5), "隐私政策", "", ""),
    ],
)
def test_what_is_no_prose(body: str, title: str, head: str, reason: str) -> None:
    """Advertisers' texts, audio, tables of numbers and lists of links are no stories."""
    assert reason == _reason(page(body, title=title, head=f'<meta charset="utf-8">{head}'))


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


_BEGIN = "（新加坡综合讯）"
BRIEFS = {
    "truce": "哈马斯发言人星期三宣布，该组织已全部接受调解方提出的六十天停火方案，等待对方答复。",
    "tariffs": "经过三轮谈判，越南最终选择接受美国的条件，双方将在下个月签署贸易协定。",
    "aeroplane": "国产大型客机C919日前完成高寒专项试验验证，机组在零下三十度的机场飞行了十二天。",
    "rocket": "新型火箭通过发动机全系统试车验证，发射场的工程师说，首飞时间将在年底公布。",
    "police": "警方提醒公众，收到银行短信后应检查网址，不要向陌生人透露密码，也不要转账。",
    "bank": "星展银行网银昨早出现故障，用户登入时屏幕显示“请稍后再试”，服务在两小时后恢复。",
    "bank's words": "用户受到影响，手机屏幕上写着“系统正在维护，请您稍后再试”，中午才恢复。",
    "fares": "陆路交通管理局说，易通卡系统正在进行维护，乘客星期日凌晨无法充值。",
    "trains": "SMRT在社交媒体发文说，信号故障已经排除，对此造成的不便，敬请原谅。",
    "interview": "记者问：您的设备是从哪里借来的？他说，是向邻村的渔民借的，两家人认识多年。",
    "holiday": "各位读者：您订阅的早报明日因公共假期休刊一天，网站照常更新，后日恢复出版。",
    "obituary": "老师，您走了。您教我们写的第一篇文章，我至今留着，纸黄了，字还是您改过的样子。",
    "report": "教育部昨天公布检讨委员会的报告，建议减少考试。公众可到教育部网站查看全文。",
    "report's end": "教育部昨天公布检讨委员会报告，建议减少考试。\n公众可到教育部网站查看全文。",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in BRIEFS.items()])
def test_a_brief_may_sound_like_another_page(text: str) -> None:
    """News of two lines is read, though words of it stand on other pages as well."""
    assert _reason(page(paragraphs((_BEGIN + text).split("\n")))) == ""


@pytest.mark.parametrize("breaks", ["</p><p>", "<br><br>", ""])
def test_one_clause_is_not_a_long_story(breaks: str) -> None:
    """Of a long paragraph only the sentence that turns to the visitor counts."""
    text = breaks.join([LONG * 4, "通告说：请稍后再试。" + LONG * 4])

    assert _reason(page(f"<p>{text}</p>")) == ""


@pytest.mark.parametrize("line", ["订阅早报，阅读全文", "成为订户即可阅读全文"])
def test_the_last_line_of_a_preview_is_no_mark_of_a_teaser(line: str) -> None:
    """Where the facts tell of a preview it is kept; elsewhere the same line tells of a teaser."""
    stated = json_ld({"@type": "NewsArticle", "isAccessibleForFree": False})
    body = paragraphs([LONG, line])

    assert _reason(page(body, head=f'<meta charset="utf-8">{stated}')) == ""
    assert _reason(page(body)) == "thin"


FOREIGN = '<link rel="canonical" href="https://www.otherpaper.example/a/1">'
ITSELF = f'<meta property="og:url" content="{URL}">'
NAMED = {"@type": "NewsArticle", "headline": "临海湾海水退潮"}


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (FOREIGN + ITSELF, ""),
        (FOREIGN + json_ld({**NAMED, "url": URL}), ""),
        (
            FOREIGN + json_ld({**NAMED, "url": f"https://www.otherpaper.example{STORY}"}),
            "redirected",
        ),
        (FOREIGN, "redirected"),
        (ITSELF + json_ld({**NAMED, "url": f"{URL}9"}), ""),
        (json_ld({**NAMED, "url": f"{URL}9"}), "redirected"),
        (f'<link rel="canonical" href="{URL}9">' + json_ld({**NAMED, "url": URL}), "redirected"),
    ],
)
def test_a_page_that_names_itself_is_the_story(head: str, reason: str) -> None:
    """One address of the story itself outweighs a foreign one, and JSON-LD with another id."""
    assert reason == _reason(page(paragraphs([LONG]), head=f'<meta charset="utf-8">{head}'))


def test_results_with_names_are_text() -> None:
    """Numbers count where letters in the same paragraph say what they are."""
    rows = [f"{district}区 12,345票 52.36% 10,234票 43.40%" for district in "东西南北"]

    assert _reason(page(paragraphs(rows), title="补选成绩")) == ""
