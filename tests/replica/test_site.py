"""The replica's site without a network: addresses, sitemaps, listings, changes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from selectolax.lexbor import LexborHTMLParser

from harvester.model import Era
from harvester.replica import Site
from harvester.replica.others import NESTING
from harvester.replica.story import HK, SG

LOC = re.compile(r"<loc>(?:<!\[CDATA\[)?([^<\]]+)")
ARTICLE_LINKS = '[data-testid="article-list"] article a.article-link'
LASTMOD = re.compile(r"<lastmod>([^<]+)</lastmod>")


def text(site: Site, host: str, target: str) -> str:
    """Return the body of a successful answer."""
    answer = site.answer(host, target)
    assert answer.status == 200
    return answer.body.decode("utf-8")


def sitemap_urls(site: Site) -> list[str]:
    """Return all URLs of all children of the index."""
    children = LOC.findall(text(site, SG, "/sitemap.xml"))
    return [
        url
        for child in children
        for url in LOC.findall(text(site, SG, child.removeprefix(f"https://{SG}")))
    ]


def address(url: str) -> tuple[str, str]:
    """Return host and path of a real URL."""
    host, _, path = url.removeprefix("https://").partition("/")
    return host, f"/{path}"


def hrefs(page: LexborHTMLParser, selector: str) -> list[str]:
    """Return where the links go."""
    return [node.attributes["href"] or "" for node in page.css(selector)]


def test_arranged_site_covers_eras_years_hosts_and_traps() -> None:
    """The hand-arranged site has about 60 stories of all eras, 2014 to 2026, on both hosts."""
    site = Site.arranged()
    stories = [shown.story for shown in site.truth()]

    assert 55 <= len(stories) <= 75
    assert {2014, 2026} <= {story.published.year for story in stories}
    assert set(Era) - {Era.POST} == {s.era_on(host) for s in stories for host in s.hosts}
    assert any(len(story.hosts) == 2 for story in stories)
    assert any(story.also for story in stories)
    assert len({shown.twin for shown in site.truth() if shown.twin}) == 2
    assert len(site.others()) >= 18


def test_every_address_of_the_truth_shows_its_story() -> None:
    """Each address of a story answers with its title, or redirects to one that does."""
    site = Site.arranged()
    for shown in site.truth():
        for url in shown.urls:
            answer = site.answer(*address(url))
            if answer.location:
                answer = site.answer(*address(answer.location))
            encoding = "gb18030" if answer.charset == "GB2312" else "utf-8"
            page = LexborHTMLParser(answer.body.decode(encoding))
            heading = page.css_first("h1")

            assert answer.status == 200
            assert heading is not None
            assert shown.story.title == heading.text()


def test_truth_and_others_are_apart() -> None:
    """No address is in both lists."""
    site = Site.arranged()

    assert not {url for shown in site.truth() for url in shown.urls} & set(site.others())


def test_others_answer_as_what_they_are() -> None:
    """Statuses, redirects and the hostile page are those of their kind."""
    site = Site.arranged()
    answers = {kind: site.answer(*address(url)) for url, kind in site.others().items()}

    assert answers["soft-404"].status == 200
    assert answers["gone-404"].status == 404
    assert answers["gone-410"].status == 410
    assert "/specials/" in (answers["specials"].location or "")
    assert "https://interactive.zaobao.com.sg/" in (answers["interactive"].location or "")
    assert b'name="contentType" content="video"' in answers["video"].body
    assert answers["hostile-nesting"].body.count(b"<div>") == NESTING
    assert b"postdate" not in answers["no-time"].body
    assert b"datePublished" not in answers["no-time"].body


@pytest.mark.parametrize("form", ["monthly", "numbered"])
def test_sitemaps_list_every_story_of_singapore(form: str) -> None:
    """Both forms list every address on .com.sg, and none of .com."""
    site = Site.arranged(form=form)
    urls = sitemap_urls(site)
    expected = {url for shown in site.truth() for url in shown.urls if address(url)[0] == SG}

    assert expected <= set(urls)
    assert {SG} == {address(url)[0] for url in urls}
    assert site.answer(HK, "/sitemap.xml").status == 404


def test_monthly_children_are_named_by_month_and_may_be_missing() -> None:
    """A month without stories is 404; the index names only those that exist."""
    site = Site.arranged()
    names = re.findall(r"sitemap-(\d+)\.xml", text(site, SG, "/sitemap.xml"))

    assert all(re.fullmatch(r"20\d\d(0[1-9]|1[0-2])", name) for name in names)
    assert site.answer(SG, "/sitemaps/sitemap-201501.xml").status == 404


def test_numbered_children_start_with_one_without_articles() -> None:
    """sitemap-0 has no story; the others have CDATA, the front page and at most `size` stories."""
    stories = (shown.story for shown in Site.bulk(25).truth())
    site = Site(stories, form="numbered", sitemap_size=10)
    children = [text(site, SG, f"/sitemaps/sitemap-{n}.xml") for n in range(4)]

    assert "/story" not in children[0]
    assert [child.count("/story") for child in children[1:]] == [10, 10, 5]
    assert all("<![CDATA[https://www.zaobao.com.sg/]]>" in child for child in children)
    assert site.answer(SG, "/sitemaps/sitemap-4.xml").status == 404


def test_some_lastmods_lie_in_the_future() -> None:
    """Every lastmod is ISO with a zone, and a few are later than now."""
    site = Site.bulk(200)
    children = LOC.findall(text(site, SG, "/sitemap.xml"))
    times = [
        datetime.fromisoformat(value)
        for child in children
        for value in LASTMOD.findall(text(site, SG, child.removeprefix(f"https://{SG}")))
    ]

    assert 0 < sum(at > site.now for at in times) < 50


def test_singapore_listing_mixes_stories_and_foreign_cards() -> None:
    """The HTML listing has the section's newest stories with ?ref=, ads and foreign hosts."""
    page = LexborHTMLParser(text(Site.arranged(), SG, "/realtime/china"))
    links = hrefs(page, ".card-listing .card .content-header a")

    assert any(re.fullmatch(r"/realtime/china/story\d+-\d+\?ref=.+", link) for link in links)
    assert any(link.startswith("https://interactive.zaobao.com.sg/") for link in links)
    assert any("zaochenbao.com" in link for link in links)
    assert page.css("h2.card-header")
    assert page.css(".card .timestamp")


@pytest.mark.parametrize("section", ["realtime/china", "news/china"])
def test_singapore_json_pages_through_a_section(section: str) -> None:
    """Pages from 0 hold all stories of a section, in the shape of that section, then none."""
    site = Site.bulk(150)
    expected = [s.story.path for s in site.truth() if s.story.section == section]
    found: list[str] = []
    for page in range(4):
        response = json.loads(text(site, SG, f"/_plat/api/v2/page-content/{section}?page={page}"))
        block = response["response"]
        articles = block.get("articles", block.get("pageContentList", [{}])[0].get("articles"))
        found += [item["href"].removeprefix("/") for item in articles]

    assert set(expected) == {path for path in found if path.startswith(section)}
    assert articles == []


def test_hong_kong_listing_of_2025() -> None:
    """The HTML listing of .com has title attributes and the day of each story."""
    page = LexborHTMLParser(text(Site.arranged(), HK, "/realtime/china"))

    assert any(link.startswith("/realtime/china/story") for link in hrefs(page, ARTICLE_LINKS))
    assert all(node.attributes["title"] for node in page.css(ARTICLE_LINKS))
    assert re.search(r"<span>\d+月\d+日</span>", page.html or "")


def test_hong_kong_listing_of_2020_leads_to_its_json() -> None:
    """The list page names the section's number, under which JSON pages from 1 hold the rest."""
    site = Site.arranged(hk_listing=Era.HK_2020)
    page = text(site, HK, "/realtime/china")
    number = re.search(r'sitemapId="(\d+)"', page)
    assert number is not None
    data = json.loads(text(site, HK, f"/more/sitemap/{number[1]}?pageNo=2&pageSize=5"))

    assert 'class="list-block"' in page
    assert len(data["result"]["data"]) == 5
    assert data["result"]["data"][0]["url"].startswith("/realtime/china/story")


def test_robots_forbids_a_story_and_tells_the_delay() -> None:
    """robots.txt disallows /search and one story; the crawl delay is there only when set."""
    site = Site.arranged()
    denied = next(url for url, kind in site.others().items() if kind == "robots")
    before = text(site, SG, "/robots.txt")
    site.crawl_delay = 2.5

    assert "Disallow: /search\n" in before
    assert f"Disallow: {address(denied)[1]}\n" in before
    assert "Crawl-delay" not in before
    assert "Crawl-delay: 2.5\n" in text(site, HK, "/robots.txt")


def test_edit_changes_page_truth_and_lastmod() -> None:
    """An edited story shows its new text everywhere, and its sitemap entry is newer."""
    site = Site.bulk(3)
    story = site.truth()[1].story
    before = sitemap_times(site)
    edited = site.edit(story.story_id, title="新标题", blocks=("改过的第一段。", "第二段。"))

    assert edited in [shown.story for shown in site.truth()]
    assert "改过的第一段。" in text(site, SG, f"/{story.path}")
    assert before < sitemap_times(site)


def sitemap_times(site: Site) -> datetime:
    """Return the latest change that the sitemaps name, the future ones aside."""
    children = LOC.findall(text(site, SG, "/sitemap.xml"))
    values = (
        datetime.fromisoformat(value)
        for child in children
        for value in LASTMOD.findall(text(site, SG, child.removeprefix(f"https://{SG}")))
    )
    return max(at for at in values if at <= site.now)


def test_removed_story_is_404_but_still_in_the_sitemap() -> None:
    """A removed story leaves the truth for the others, as dead links do on the real site."""
    site = Site.bulk(3)
    story = site.truth()[0].story
    site.remove(story.story_id)

    assert site.answer(SG, f"/{story.path}").status == 404
    assert {story.urls[0]: "removed"} == site.others()
    assert story.urls[0] in sitemap_urls(site)
    assert len(site.truth()) == 2


def test_published_story_appears() -> None:
    """A new story stands in page, sitemap, listing and truth."""
    site = Site.bulk(3)
    story = Site.bulk(1, 7, since=datetime(2026, 9, 30, tzinfo=UTC).date()).truth()[0].story
    site.publish(story)

    assert story.title in [shown.story.title for shown in site.truth()]
    assert story.urls[0] in sitemap_urls(site)
    assert f"/{story.path}?ref=" in text(site, SG, f"/{story.section}")


def test_the_nouns_do_not_need_aiohttp() -> None:
    """Importing the package loads no network library; only its server does."""
    code = "import sys, harvester.replica; sys.exit('aiohttp' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
