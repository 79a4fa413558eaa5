"""What is given random bytes, what must hold of the outcome, and what the bytes grow from."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache

from harvester import post
from harvester.drafts import draft_of_page, draft_of_post, read_page
from harvester.errors import BadPost, BadRecord, NotAStory, SourceUnreadable, Unreadable
from harvester.fetch.robots import Robots
from harvester.fetch.robots import decode as robots_text
from harvester.model import BodyMode, Era
from harvester.replica import Site, Story
from harvester.replica.making import make
from harvester.replica.pages import render
from harvester.replica.story import HK, SG
from harvester.warc import found_in
from harvester.zaobao import SITE_HOSTS, story_ref
from harvester.zaobao.listing import read_listing
from harvester.zaobao.sitemap import read_sitemap
from tests.support.codings import packed
from tests.support.pages import AT, LONG, NOW, URL, page, paragraphs
from tests.warc.records import foreign, look, repacked
from tests.warc.records import packed as kept

PAGE_ERAS = tuple(era for era in Era if era is not Era.POST)
_LABELS = (None, "utf-8", "gb2312", "big5", "utf-16", "x-none")
_MODES = tuple(BodyMode)
_LISTINGS = (
    f"https://{SG}/realtime/china",
    f"https://{HK}/realtime/china?page=2",
    f"https://{SG}/_plat/api/v2/page-content/realtime/china?page=0",
)


@dataclass(frozen=True)
class Target:
    """`run` says whether the bytes were taken for what they should be; a failure raises."""

    run: Callable[[bytes], bool]
    seeds: Callable[[], list[bytes]]


def run_page(data: bytes) -> bool:
    """Read a page to the bytes of its post and back; the first byte says how it is served."""
    how, body = (data[0], data[1:]) if data else (0, b"")
    mode = _MODES[how % 2]
    try:
        ref = story_ref(URL)
        article = read_page(body, ref, NOW, mode, _LABELS[how // 2 % len(_LABELS)])
    except (NotAStory, Unreadable):
        return False
    draft = draft_of_page(article, NOW)
    written = post.read_post(draft.data)
    assert written == post.Post.from_article(article)
    assert post.write_post(written) == draft.data
    assert "{{" not in written.body
    assert "{%" not in written.body
    assert draft.name.startswith(f"{article.published.at:%Y/%m/%Y-%m-%d-}")
    if mode is BodyMode.CLEAN:
        _read_again(draft.data, draft.content_hash)
    return True


def _read_again(data: bytes, content_hash: str) -> None:
    """Hold that a post tells the text that the page told."""
    assert draft_of_post(data).content_hash == content_hash


def run_listing(data: bytes) -> bool:
    """Read a section's list; only stories of the site's hosts are in it."""
    how, body = (data[0], data[1:]) if data else (0, b"")
    url = _LISTINGS[how % len(_LISTINGS)]
    try:
        listing = read_listing(body, url, _LABELS[how // 3 % len(_LABELS)])
    except SourceUnreadable:
        return False
    for card in listing.cards:
        _canonical(card.ref.url)
    return bool(listing.cards)


def run_sitemap(data: bytes) -> bool:
    """Read a sitemap; only stories and files of the site's hosts are in it."""
    try:
        sitemap = read_sitemap(data, f"https://{SG}/sitemap.xml")
    except SourceUnreadable:
        return False
    for story in sitemap.stories:
        _canonical(story.url)
    assert all(child.url.split("/")[2] in SITE_HOSTS for child in sitemap.children)
    return bool(sitemap.stories or sitemap.children)


def run_post(data: bytes) -> bool:
    """Read a post: its bytes come back, and as a draft they stay as they are."""
    try:
        read = post.read_post(data)
    except BadPost:
        return False
    assert post.write_post(read) == data
    try:
        draft = draft_of_post(data)
    except (NotAStory, Unreadable):
        return True
    assert draft.data == data
    return True


def run_robots(data: bytes) -> bool:
    """Read a robots.txt and ask it; true where it says anything of us."""
    robots = Robots(robots_text(data))
    assert 0 <= robots.delay <= 86_400
    return not robots.allows(URL) or robots.delay > 0


def run_warc(data: bytes) -> bool:
    """Read a WARC file; true where it holds a page that was sent."""
    taken = False
    with suppress(BadRecord):
        for found in found_in(io.BytesIO(data), "x.warc", lambda _: True):
            with suppress(BadRecord):
                taken |= bool(found.page().body)
    return taken


def run_url(data: bytes) -> bool:
    """Read an address; its canonical form is canonical."""
    try:
        ref = story_ref(data.decode("utf-8", "replace"))
    except NotAStory:
        return False
    _canonical(ref.url)
    return True


def _canonical(url: str) -> None:
    assert story_ref(url).url == url
    assert url.split("/")[2] in (SG, HK)


@cache
def story_of(era: Era) -> Story:
    """Return a short story of the replica in an era; its address is `URL`'s on one of the hosts."""
    story = make(URL.partition(".sg/")[2], era, "2023-03-12T10:30:00", pictures=1)
    return replace(story, published=AT, body=story.body[:2])


def pages() -> list[bytes]:
    """Return the replica's page of each era, and the smallest that shows a story."""
    hosts = {era: HK if era in (Era.HK_2020, Era.HK_2025) else SG for era in PAGE_ERAS}
    shown = [render(story_of(era), hosts[era]) for era in PAGE_ERAS]
    return shown + [page(paragraphs([LONG]), era=era).encode() for era in PAGE_ERAS]


def _page_seeds() -> list[bytes]:
    return [bytes([how]) + each for each in pages() for how in (0, 1)]


def _listing_seeds() -> list[bytes]:
    site = Site(story_of(era) for era in PAGE_ERAS)
    answers = [
        site.answer(host, target).body
        for host, target in (
            (SG, "/realtime/china"),
            (HK, "/realtime/china"),
            (SG, "/_plat/api/v2/page-content/realtime/china?page=0"),
        )
    ]
    return [bytes([how]) + body for how, body in enumerate(answers)]


def _sitemap_seeds() -> list[bytes]:
    site = Site([story_of(Era.SG_2019)])
    child = f"""<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<url><loc><![CDATA[{URL}]]></loc><lastmod>2023-03-12</lastmod></url></urlset>"""
    return [site.answer(SG, "/sitemap.xml").body, child.encode()]


def _post_seeds() -> list[bytes]:
    read = [
        read_page(each, story_ref(URL), NOW, mode)
        for each in pages()[len(PAGE_ERAS) :]
        for mode in BodyMode
    ]
    return [draft_of_page(article, NOW).data for article in read]


def _robots_seeds() -> list[bytes]:
    rules = b"User-agent: *\nCrawl-delay: 3\nDisallow: /realtime/*story$\nAllow: /\n"
    site = Site([])
    site.crawl_delay = 2
    return [rules, site.answer(SG, "/robots.txt").body]


def _warc_seeds() -> list[bytes]:
    codings = ("", "gzip", "br", "zstd")
    sent = [foreign(packed(b"<p>text", each), [("Content-Encoding", each)]) for each in codings]
    chunks = [("Transfer-Encoding", "chunked")]
    in_chunks = foreign(b"7\r\n<p>text\r\n0\r\n\r\n", chunks, packing=False)
    ours = kept([look("1"), look("2", b"<p>")])
    return [*sent, in_chunks, *(repacked(ours, packing) for packing in ("gzip", "plain", "zstd"))]


def _url_seeds() -> list[bytes]:
    story = URL.partition(".sg/")[2]
    shown = (URL, f"http://ZaoBao.com:80/{story}/", f"{URL}/?a#b", f"/{story}")
    return [each.encode() for each in shown]


TARGETS = {
    "page": Target(run_page, _page_seeds),
    "listing": Target(run_listing, _listing_seeds),
    "sitemap": Target(run_sitemap, _sitemap_seeds),
    "post": Target(run_post, _post_seeds),
    "robots": Target(run_robots, _robots_seeds),
    "url": Target(run_url, _url_seeds),
    "warc": Target(run_warc, _warc_seeds),
}
