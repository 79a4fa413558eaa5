"""The gate: a page must earn its place in the archive; what is no article goes with a reason.

Marks of known other pages count only where a story could not be read: a story may well be about
cookies or missing pages. Where one could be read, its words tell against it only as far as most of
them turn to the visitor of the page (`kinds`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import accumulate

from harvester.errors import NotAStory, Unreadable
from harvester.model import Access, StoryRef
from harvester.zaobao import kinds
from harvester.zaobao.clean import Body
from harvester.zaobao.facts import Document
from harvester.zaobao.markup import fragment
from harvester.zaobao.sections import in_section, no_article
from harvester.zaobao.urls import story_ref

# The shortest of 9,266 real posts with text has 63 characters, a notice of 2016 has 45.
MIN_TEXT = 40
MIN_PREVIEW = 20
_MIN_GALLERY = 2
_MIN_LINKS = 3
_SHORT = 120
_FEW = 200
_WINDOW = 800
_NOTHING = 200
_FURNITURE = ["script", "style", "noscript", "template", "nav", "header", "footer", "aside"]

_LISTINGS = (
    *(".card-listing", ".article-list", "[data-testid='article-list']", "a.list-block"),
    ".post-list",
)
# Scripts and frames that check a visitor; they stand on other pages too, so they tell only where
# there is nothing else.
_CHECKS = (
    "script[src*='awswaf.com'], script[src*='captcha-delivery.com'], script[src*='cp_challenge'], "
    "script[src*='_Incapsula_Resource'], iframe[src*='_Incapsula_Resource'], #px-captcha, "
    ".cf-turnstile"
)
_STORY_MARKS = (
    "meta[property='article:published_time']",
    "script#seo-article-page",
    ".articleBody",
    ".article-body",
)
_VIDEO_TEXT = re.compile(r"点击(?:观看)?视频|视频观看|点击(?:图片)?观看")
_AUDIO_TITLE = re.compile(r"听新闻简报|新闻简报.{0,40}音频")
_AUDIO_PLAYERS = "iframe[src*='omny.fm'], audio, [class*='podcast'], iframe[src*='podcast']"
_VIDEO_PLAYERS = "video, video-js, .brightcove-container, iframe[src*='brightcove']"
_AUDIO_FRAME = re.compile(r'<iframe src="https://[^"/]*(?:omny\.fm|soundcloud|spotify|podcast)')
# What the site says that a page is (`contentType`), as far as it is no article. Only `video` was
# seen; the others are inferred.
_TYPES = {
    "video": "video",
    "audio": "audio",
    "podcast": "audio",
    **dict.fromkeys(("advertorial", "advertisement", "sponsored"), "advertisement"),
}
# schema.org's type of a text that an advertiser wrote.
_ADVERTISER = "AdvertiserContentArticle"
_ADVERTISED = re.compile(
    r"\s*[【［〔（(\[](?:(?:广告|赞助)(?:内容|特辑|专辑)?|sponsored|advertorial)[】］〕）)\]]",
    re.IGNORECASE,
)
# The whole of a line, or in brackets at its end; a text may say where the public reads a report.
_REST = re.compile(
    r"(?:.*[（(【\[])?\W{0,5}(?:(?:点击|继续|立即|打开|下载|登[录入]|订阅|成为)\S{0,10})?"
    r"(?:阅读|查看|浏览)全文\W{0,9}",
    re.DOTALL,
)
_LINKED = 0.9
_LETTERS = 0.25
_WORDS = re.compile(r"[^\W\d_]+")
# A page that names another site as its own is not of this one; some hosts of it hold no articles.
_ABSOLUTE = re.compile(r"(?:https?:)?//", re.IGNORECASE)
_OF_SITE = re.compile(
    r"(?:https?:)?//(?!(?:interactive|project|beltandroad|zproperty)\.)"
    r"(?:[a-z0-9-]+\.)*zaobao\.(?:com(?:\.sg)?|sg)(?::\d+)?(?:[/?#]|$)",
    re.IGNORECASE,
)
_STORY_ID = re.compile(r"/story\d{8}-(\d+)")


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

    That is a video, an audio brief, an advertisement, or a page of another address, by their
    canonical address and `og:url`.
    """
    if why := _TYPES.get(doc.meta("contentType").lower()):
        raise NotAStory(why, doc.ref.url)
    if _ADVERTISER in str(doc.json_ld.get("@type")):
        raise NotAStory("advertisement", doc.ref.url)
    _check_address_named(doc)
    if _AUDIO_TITLE.search(doc.meta("og:title") or doc.text_of("h1", "title")):
        raise NotAStory("audio", doc.ref.url)


def _check_address_named(doc: Document) -> None:
    """Refuse a page whose addresses are those of another story or site, unless one is its own."""
    if _names_itself(doc):
        return
    named = doc.addresses
    if _STORY_ID.search(" ".join(filter(_is_of_site, named))):
        raise NotAStory("redirected", doc.ref.url, "the page names another story as its own")
    foreign = next((address for address in named if not _is_of_site(address)), None)
    if foreign and not _is_among(doc.ref, doc.stated_addresses()):
        raise NotAStory("redirected", doc.ref.url, f"the page names {foreign[:200]} as its own")


def _names_itself(doc: Document) -> bool:
    return _is_among(doc.ref, doc.addresses)


def _is_among(ref: StoryRef, addresses: Iterable[str]) -> bool:
    """Say whether one of the addresses is that of the story, on a host of the site."""
    return ref.story_id in _STORY_ID.findall(" ".join(filter(_is_of_site, addresses)))


def _is_of_site(address: str) -> bool:
    return not _ABSOLUTE.match(address) or _OF_SITE.match(address) is not None


def check_body(doc: Document, title: str, body: Body, access: Access) -> None:
    """Raise `NotAStory` for a story without enough text to be an article.

    A gallery with captions is an article of its own kind. Raises `Unreadable` for a few words to
    the visitor that are of no known kind: somebody must look at the page.
    """
    length = _length(body)
    if why := _told(title, body, length, access):
        raise NotAStory(why, doc.ref.url)
    if length < _FEW and kinds.is_addressed(body.blocks):
        raise Unreadable(doc.ref.url, "the text tells of the page and not of the world")
    if not _names_itself(doc) and doc.is_anothers(title):
        raise NotAStory("redirected", doc.ref.url, "the headline is that of another story")
    if length >= (MIN_TEXT if access is Access.FULL else MIN_PREVIEW):
        return
    if sum(bool(figure.caption) for figure in body.figures) >= _MIN_GALLERY:
        return
    raise NotAStory(_thin_kind(doc, title, body), doc.ref.url, f"{length} characters of text")


def _length(body: Body) -> int:
    """Return how many characters of text there are; of what is mostly numbers, the letters.

    Numbers count where letters in the same paragraph say what they are.
    """
    texts = ["".join(block.split()) for block in body.blocks]
    length = sum(map(len, texts))
    if any(letters >= length * _LETTERS for letters in accumulate(map(_letters, texts), initial=0)):
        return length
    return sum(sum(map(str.isalnum, text)) for text in texts if _letters(text))


def _letters(text: str) -> int:
    return sum(map(len, _WORDS.findall(text)))


def _told(title: str, body: Body, length: int, access: Access) -> str | None:
    """Return what a page is by the words of its headline and text, or None for an article."""
    if _ADVERTISED.match(title):
        return "advertisement"
    why = kinds.spoken(body.blocks)
    if not why and length < _FEW:
        why = kinds.called(title) or _told_short(body, length, access)
    return why or ("listing" if _is_linked(body, length) else None)


def _told_short(body: Body, length: int, access: Access) -> str | None:
    """Return what a page of little text is: a teaser, or words below a player."""
    if access is Access.FULL and any(_REST.fullmatch(block) for block in body.blocks):
        return "thin"
    if length >= _SHORT:
        return None
    if any(_VIDEO_TEXT.search(block) for block in body.blocks):
        return "video"
    return "audio" if _AUDIO_FRAME.search(body.html) else None


def _is_linked(body: Body, length: int) -> bool:
    """Say whether a text is nothing but links to other pages."""
    root = fragment(body.html, "") if body.html.count("<a ") >= _MIN_LINKS else None
    links = root.css("a") if root is not None else []
    said = sum(len("".join(link.text().split())) for link in links)
    return len(links) >= _MIN_LINKS and said >= length * _LINKED


def other_kind(doc: Document) -> str | None:
    """Return what a page without a story is, or None where nothing is known of it.

    Headline and title tell. The rest of the page tells only where there is little of it: the foot
    of every page speaks of cookies and sign-in, and a redesign must not pass for a consent page.
    Strips the tree of what is not text.
    """
    named = f"{doc.text_of('title')}\n{doc.text_of('h1')}"
    if kind := kinds.named(named):
        return kind
    if doc.has(*_LISTINGS) and not (doc.json_ld or doc.has(*_STORY_MARKS)):
        return "listing"
    checked = doc.has(_CHECKS)
    doc.tree.strip_tags(_FURNITURE)
    body = doc.tree.body
    visible = body.text(separator=" ", strip=True) if body is not None else ""
    if checked and len(visible) <= _NOTHING:
        return "challenge"
    return kinds.named(visible) if len(visible) <= _WINDOW else None


def _thin_kind(doc: Document, title: str, body: Body) -> str:
    if "漫画" in title or in_section(doc.ref.section, "forum/comic"):
        return "comic"
    if doc.has(_AUDIO_PLAYERS):
        return "audio"
    if body.embeds or doc.has(_VIDEO_PLAYERS):
        return "video"
    return "image" if body.figures else "thin"
