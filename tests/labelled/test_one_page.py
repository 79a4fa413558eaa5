"""A site that shows one page for every address, and addresses and cards of other sites."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from aiohttp import web

from harvester.model import BodyMode, Era
from harvester.runs import Order, Source
from harvester.zaobao.listing import read_listing
from tests.e2e.support import Place
from tests.handoff.follower_archive import quick_folder
from tests.labelled.labelled_site import serving
from tests.labelled.labels import articles, labels
from tests.labelled.test_labelled import visited
from tests.support.figures import Figures, cases
from tests.support.pages import LONG, json_ld, page, paragraphs

PATHS = [f"/realtime/china/story20230312-{number}" for number in range(1_370_001, 1_371_001)]
SITE = "https://www.zaobao.com.sg"
SHOWN = PATHS[0]
SIGNS = {
    "names no address": "",
    "canonical": f'<link rel="canonical" href="{SITE}{SHOWN}">',
    "og:url": f'<meta property="og:url" content="{SITE}{SHOWN}">',
    "JSON-LD": json_ld(
        {
            "@type": "NewsArticle",
            "headline": "临海湾海水退潮",
            "datePublished": "2023-03-12T10:30:00+08:00",
            "mainEntityOfPage": f"{SITE}{SHOWN}",
        }
    ),
}


@pytest.mark.gate("A1", "one page under every address")
@pytest.mark.parametrize("sign", list(SIGNS))
async def test_one_page_for_every_address_is_one_file(sign: str, figures: Figures) -> None:
    """A page like a story that answers every address becomes one file at most, of all addresses."""
    shown = page(paragraphs([LONG] * 4), era=Era.SG_2024, head=SIGNS[sign]).encode()
    paths = PATHS[: cases(20, 300)]
    with quick_folder() as root:
        place = Place(root)

        def answer(_host: str, path: str) -> web.Response:
            if "/story" not in path:
                return web.Response(status=404)
            return web.Response(body=shown, content_type="text/html", charset="utf-8")

        async with serving(answer) as place.origin:
            run = await place.backfill_urls(f"{SITE}{path}" for path in paths)
        held = len(place.articles())
        place.check()

    figures.at_most("files of one page", held, 1)
    if SIGNS[sign]:
        assert run.counts == {"new": 1, "rejected": len(paths) - 1}
    else:  # those that are asked for beside the first few are not known to be many yet
        assert run.counts["new"] == 1
        assert run.counts["duplicate"] + run.counts["failed"] == len(paths) - 1
        assert run.counts["failed"] >= len(paths) // 2


@pytest.mark.gate("A1", "one page under every address")
async def test_what_one_page_hid_is_found_later(figures: Figures) -> None:
    """From the third address on nothing counts as found: the stories are archived afterwards."""
    paths, shown = PATHS[: cases(20, 300)], paragraphs([LONG] * 4)
    order = Order(Source.URLS, urls=tuple(f"{SITE}{path}" for path in paths))

    def answer(_host: str, path: str) -> web.Response:
        if "/story" not in path:
            return web.Response(status=404)
        body = page(shown or paragraphs([f"{LONG}{path}"] * 4), era=Era.SG_2024)
        return web.Response(body=body.encode(), content_type="text/html", charset="utf-8")

    with quick_folder() as root:
        place = Place(root)
        async with serving(answer) as place.origin:
            trouble = await place.backfill(order, concurrency=1)
            shown = ""
            await place.clock.sleep(2 * 86_400)
            later = await place.backfill(order, concurrency=1)
        place.check()

    assert trouble.counts == {"new": 1, "duplicate": 1, "failed": len(paths) - 2}
    figures.all("stories found later", later.counts["new"], of=len(paths) - 2)


FOREIGN = (
    "https://www.zaobao.com.sg.evil.com{}",
    "https://zaobao.com.sg.evil.com{}",
    "https://www.zaoba0.com.sg{}",
    "https://www.zaobao.cn{}",
    "https://www.zaobao.com.cn{}",
    "https://www.zaochenbao.com{}",
    "https://www.sczaobao.com{}",
    "https://evil-zaobao.com{}",
    "https://wwwzaobao.com{}",
    "https://www.zaobao.com.sg.{}",
    "https://www.zaobao.com.{}",
    "https://www.zaobao.com.sg:8443{}",
    "https://www.zaobao.com.sg:80.evil.com{}",
    "https://www.zaobao.com.sg@evil.com{}",
    "https://evil.com@www.zaobao.com.sg{}",
    "https://www.zaobao.com.sg\\@evil.com{}",
    "https://evil.com\\www.zaobao.com.sg{}",
    "https://evil.com/https://www.zaobao.com.sg{}",
    "https://evil.com?u=https://www.zaobao.com.sg{}",
    "https://evil.com#https://www.zaobao.com.sg{}",
    "https://ad.doubleclick.net/clk;1;2?https://www.zaobao.com.sg{}",
    "https://www.z\u0430obao.com.sg{}",
    "https://www.zaob\u00e0o.com.sg{}",
    "https://www.xn--zobao-4ve.com.sg{}",
    "https://www.\uff5aaobao.com.sg{}",
    "https://www.zaobao\u3002com.sg{}",
    "https://www.zaobao.com%2esg{}",
    "https://www%2ezaobao.com.sg{}",
    "https://www.zaobao.com.sg%00.evil.com{}",
    "https://interactive.zaobao.com.sg{}",
    "https://zproperty.zaobao.com.sg{}",
    "ftp://www.zaobao.com.sg{}",
    "javascript://www.zaobao.com.sg{}",
    "file://www.zaobao.com.sg{}",
    "data:text/html,https://www.zaobao.com.sg{}",
    "//evil.com{}",
    "///evil.com{}",
    "/\\evil.com{}",
)


def foreign_links() -> list[str]:
    """Return addresses of other sites, each with a story's path and a number of its own."""
    return [form.format(path) for form, path in zip(FOREIGN, PATHS[1:], strict=False)]


@pytest.mark.gate("A5", "look-alike hosts, advertisements")
async def test_addresses_of_other_sites_are_not_asked_for(figures: Figures) -> None:
    """Of look-alikes and other sites nothing is asked and nothing archived, by whatever spelling.

    The server would show a story under every host; the one address of the site is archived.
    """
    links = foreign_links()
    asked: list[str] = []
    shown = page(paragraphs([LONG] * 4), era=Era.SG_2024).encode()

    def answer(host: str, path: str) -> web.Response:
        asked.append(f"{host}{path}")
        return web.Response(body=shown, content_type="text/html", charset="utf-8")

    with quick_folder() as root:
        place = Place(root)
        async with serving(answer) as place.origin:
            run = await place.backfill_urls([*links, f"{SITE}{SHOWN}"])
        held = place.articles()

    stories = [target for target in asked if "/story" in target]
    foreign = held.keys() - {SHOWN.rpartition("-")[2]}
    figures.none("look-alike addresses asked for", len(stories) - 1, of=len(links))
    figures.none("look-alike addresses archived", len(foreign), of=len(links))
    assert (len(held), sum(run.counts.values())) == (1, len(links) + 1)


def as_html(links: list[str]) -> bytes:
    """Return a list of stories in which these links are cards like any other."""
    cards = "".join(
        f'<div class="card"><a href="{link}"><h2>海景公寓</h2></a></div>' for link in links
    )
    return f'<meta charset="utf-8"><div class="card-listing">{cards}</div>'.encode()


def as_json(links: list[str]) -> bytes:
    """Return the same as the list's interface answers."""
    items = [{"title": "海景公寓", "href": link, "timestamp": 1678588200} for link in links]
    return json.dumps({"code": 200, "response": {"articles": items}}).encode()


ADVERTISEMENTS = (
    *("https://ads.example/landing", "/promotions/condo", "/advertorial/2023/sea-view", "#", ""),
    *("javascript:void(0)", "mailto:ads@example.com", "/zvideos", "/specials/20230312", "/shorts"),
    *("/realtime/china", "/realtime/china/story", "/story20230312-1370001", "/node/1370001"),
)


@pytest.mark.gate("A5", "look-alike hosts, advertisements")
@pytest.mark.parametrize("write", [as_html, as_json])
def test_lists_name_stories_of_the_site_alone(
    write: Callable[[list[str]], bytes], figures: Figures
) -> None:
    """Cards that are advertisements, or lead to other sites, are none of a list's stories."""
    foreign = [*foreign_links(), *ADVERTISEMENTS]
    listing = read_listing(write([*foreign, SHOWN]), f"{SITE}/_plat/api/v2/list?page=0")
    named = [card.ref.url for card in listing.cards]

    assert f"{SITE}{SHOWN}" in named
    figures.none("foreign cards taken for stories", len(named) - 1, of=len(foreign))


@pytest.mark.gate("A5", "look-alike hosts, advertisements")
def test_pages_of_look_alikes_and_advertisers_are_refused(figures: Figures) -> None:
    """A page that names a look-alike as its address, or an advertiser as its author, is refused."""
    meant = [label for label in labels() if label.kind in ("look-alike", "advertorial")]
    ends = Counter(type(visited(label, BodyMode.CLEAN)) for label in meant)

    figures.none("such pages archived", len(meant) - ends[str], of=len(meant))


@pytest.mark.gate("A5", "look-alike hosts, advertisements")
def test_the_host_that_answered_counts(figures: Figures) -> None:
    """A story's own page is refused where a request ended at another site's address."""
    label = articles()[0]
    path = label.url.removeprefix(SITE)
    landings = [form.format(path) for form in FOREIGN]
    ends = [visited(replace(label, final_url=landing), BodyMode.CLEAN) for landing in landings]

    figures.all("refused as redirected", ends.count("redirected"), of=len(landings))
