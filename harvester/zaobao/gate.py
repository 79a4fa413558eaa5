"""The gate: a page must earn its place in the archive; what is no article goes with a reason.

Marks of known other pages count only where a story could not be read: a story may well be about
cookies or missing pages.
"""

from __future__ import annotations

import re

from harvester.errors import NotAStory
from harvester.model import Access, StoryRef
from harvester.zaobao.clean import Body
from harvester.zaobao.facts import Document
from harvester.zaobao.sections import in_section, no_article
from harvester.zaobao.urls import story_ref

# The shortest of 9,266 real posts with text has 63 characters, a notice of 2016 has 45.
MIN_TEXT = 40
MIN_PREVIEW = 20
_MIN_GALLERY = 2
_SHORT = 120
_FEW = 200
_WINDOW = 800
_FURNITURE = ["script", "style", "noscript", "template", "nav", "header", "footer", "aside"]

_KINDS = {
    "challenge": (
        r"just a moment|checking your browser|captcha|attention required|are you human"
        r"|access denied|request blocked|请稍候|验证您是真人|人机验证|安全验证|访问异常"
        r"|访问过于频繁|请完成验证"
    ),
    "soft-404": (
        r"\b404\b|page not found|not be found|no longer available|(?:页面|网页|文章|内容)不存在"
        r"|已被?(?:删除|移除|下架)|找不到\S{0,8}(?:页|文章|内容)|无法找到|不存在或已"
    ),
    "consent": r"cookie|隐私(?:权|政策|声明|条款)|同意并继续|consent|个人资料",
    "login": r"请先?登录|^\s*(?:会员|用户)?登[录入]|log ?in|sign ?in|忘记密码",
    "search": r"搜索结果|search results",
    "maintenance": r"维护中|系统维护|maintenance|service unavailable",
}
_MARKS = tuple(
    (kind, re.compile(words, re.IGNORECASE | re.MULTILINE)) for kind, words in _KINDS.items()
)
_LISTINGS = (".card-listing", ".article-list", "[data-testid='article-list']", "a.list-block")
_STORY_MARKS = (
    "meta[property='article:published_time']",
    "script#seo-article-page",
    ".articleBody",
    ".article-body",
)
_VIDEO_TEXT = re.compile(r"点击(?:观看)?视频|视频观看|点击(?:图片)?观看")
_AUDIO_TITLE = re.compile(r"听新闻简报|新闻简报.*音频")
_AUDIO_PLAYERS = "iframe[src*='omny.fm'], audio, [class*='podcast'], iframe[src*='podcast']"
_VIDEO_PLAYERS = "video, video-js, .brightcove-container, iframe[src*='brightcove']"


def check_address(ref: StoryRef) -> None:
    """Raise `NotAStory` for stories of sections that hold no articles."""
    if why := no_article(ref.section):
        raise NotAStory(why, ref.url)


def check_landing(ref: StoryRef, final_url: str) -> StoryRef:
    """Return the story at which a request ended; the same story may have moved to another section.

    Raises `NotAStory("redirected")` where it ended at something else.
    """
    try:
        landed = story_ref(final_url)
    except NotAStory:
        raise NotAStory("redirected", ref.url, final_url) from None
    if landed.story_id != ref.story_id:
        raise NotAStory("redirected", ref.url, final_url)
    check_address(landed)
    return landed


def check_kind(doc: Document) -> None:
    """Raise `NotAStory` for pages that say themselves that they are something else.

    That is a video, an audio brief, or another story, by their canonical address and `og:url`.
    """
    if doc.meta("contentType").lower() == "video":
        raise NotAStory("video", doc.ref.url)
    named = doc.addresses()
    if named and all(name != doc.ref.story_id for name in named):
        raise NotAStory("redirected", doc.ref.url, "the page names another story as its own")
    if _AUDIO_TITLE.search(doc.meta("og:title") or doc.text_of("h1", "title")):
        raise NotAStory("audio", doc.ref.url)


def check_body(doc: Document, title: str, body: Body, access: Access) -> None:
    """Raise `NotAStory` for a story without enough text to be an article.

    A gallery with captions is an article of its own kind.
    """
    length = sum(len("".join(block.split())) for block in body.blocks)
    if length < _FEW and (kind := _named(title)):
        raise NotAStory(kind, doc.ref.url)
    if length < _SHORT and any(_VIDEO_TEXT.search(block) for block in body.blocks):
        raise NotAStory("video", doc.ref.url)
    if length >= (MIN_TEXT if access is Access.FULL else MIN_PREVIEW):
        return
    if sum(bool(figure.caption) for figure in body.figures) >= _MIN_GALLERY:
        return
    raise NotAStory(_thin_kind(doc, title, body), doc.ref.url, f"{length} characters of text")


def other_kind(doc: Document) -> str | None:
    """Return what a page without a story is, or None where nothing is known of it.

    Headline and title tell. The rest of the page tells only where there is little of it: the foot
    of every page speaks of cookies and sign-in, and a redesign must not pass for a consent page.
    Strips the tree of what is not text.
    """
    named = f"{doc.text_of('title')}\n{doc.text_of('h1')}"
    if kind := _kind(named):
        return kind
    if doc.has(*_LISTINGS) and not (doc.json_ld or doc.has(*_STORY_MARKS)):
        return "listing"
    doc.tree.strip_tags(_FURNITURE)
    body = doc.tree.body
    visible = body.text(separator=" ", strip=True) if body is not None else ""
    return _kind(visible) if len(visible) <= _WINDOW else None


def _kind(text: str) -> str | None:
    return next((kind for kind, marks in _MARKS if marks.search(text)), None)


def _named(title: str) -> str | None:
    """Return the other kind of page that a title is mostly made of, such as "404 页面不存在"."""
    for kind, marks in _MARKS:
        if sum(len(match[0]) for match in marks.finditer(title)) * 2 >= len(title) > 0:
            return kind
    return None


def _thin_kind(doc: Document, title: str, body: Body) -> str:
    if "漫画" in title or in_section(doc.ref.section, "forum/comic"):
        return "comic"
    if doc.has(_AUDIO_PLAYERS):
        return "audio"
    if body.embeds or doc.has(_VIDEO_PLAYERS):
        return "video"
    return "image" if body.figures else "thin"
