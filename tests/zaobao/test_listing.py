"""Lists of sections in all their forms."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import SourceUnreadable
from harvester.model import Era
from harvester.replica import Site
from harvester.zaobao.listing import Listing, read_listing

SG = "https://www.zaobao.com.sg/realtime/china"
HK = "https://www.zaobao.com/realtime/china"
API = "https://www.zaobao.com.sg/_plat/api/v2/page-content/realtime/china?page=3"
PATH = "/realtime/china/story20230312-1370001"
TITLE = "渔民：三十年才有一次的潮水"
AT = datetime(2023, 3, 12, 2, 30, 5, tzinfo=UTC)
_LINK = f'<a href="{PATH}?ref=home">{{}}</a>'

HTML_FORMS = [
    # www.zaobao.com.sg since 2024-06
    (
        f'<ul class="card-listing"><li class="card"><a href="{PATH}"><img></a><div '
        f'class="content-header">{_LINK.format(f"<h2 class=card-header>{TITLE}</h2>")}</div>'
        "<div>10:30</div></li></ul>"
    ),
    f'<ul class="card-listing"><div class="timestamp-card">{_LINK.format(TITLE)}</div></ul>',
    f'<div class="news-feature-card"><h3>{TITLE}</h3>{_LINK.format("")}</div>',
    f'<div data-testid="test-realtime-article-card-1">{_LINK.format(f"<h2>{TITLE}</h2>")}</div>',
    # www.zaobao.com since 2025-07
    (
        f'<div data-testid="article-list"><article><a class="article-link" title="{TITLE}" '
        f'href="{PATH}"><h3>别的</h3></a></article></div>'
    ),
    # www.zaobao.com 2020 to 2025
    f'<a class="list-block" href="{PATH}"><div>{TITLE}</div>\n<div>03-12</div></a>',
    # 2019 to 2024
    (
        f'<div class="article-list"><div class="article-type"><a class="article-type-link" '
        f'href="{PATH}"><h2>{TITLE}</h2></a><span class="datestamp">12/03/2023</span></div></div>'
    ),
    # 2013 to 2019
    (
        f'<div class="post-list"><div class="row list"><a href="/photo"><img></a>'
        f'<div class="content">{_LINK.format(TITLE)}</div></div></div>'
    ),
]


def _json(**response: object) -> bytes:
    return json.dumps({"code": 200, **response}).encode()


ITEM = {"title": f" {TITLE} ", "href": PATH, "timestamp": int(AT.timestamp())}
JSON_FORMS = [
    _json(response={"articles": [ITEM]}),
    _json(response={"pageContentList": [{"key": "news_china", "articles": [ITEM]}]}),
    _json(response={"pageContentList": [{"key": "x"}, None, {"articles": [None, 3, ITEM]}]}),
    _json(result={"data": [{"title": TITLE, "url": PATH, "publicationDate": AT.isoformat()}]}),
    b"\xef\xbb\xbf \n" + _json(response={"articles": [{"href": "/zvideos"}, {}, ITEM, ITEM]}),
]


def _only(listing: Listing) -> tuple[str, str, datetime | None]:
    (card,) = listing.cards
    return card.ref.url, card.title, card.at


@pytest.mark.parametrize("html", HTML_FORMS, ids=range(len(HTML_FORMS)))
@pytest.mark.parametrize("url", [SG, HK])
def test_every_html_form_is_read(html: str, url: str) -> None:
    """Address and title of each form's card; the host is that of the page."""
    body = f'<meta charset="utf-8"><nav><a href="{PATH}9">导航</a></nav>{html}'.encode()
    host = url.partition("/realtime")[0]

    assert (f"{host}{PATH}", TITLE, None) == _only(read_listing(body, url))


@pytest.mark.parametrize("body", JSON_FORMS, ids=range(len(JSON_FORMS)))
def test_every_json_form_is_read(body: bytes) -> None:
    """Address, title and time of each form's entry; the next page is named."""
    listing = read_listing(body, API)

    assert (f"https://www.zaobao.com.sg{PATH}", TITLE, AT) == _only(listing)
    assert listing.next_url == API.replace("page=3", "page=4")


def test_a_page_after_the_last_one_is_empty() -> None:
    """An empty list is no error and names no further page."""
    assert Listing(()) == read_listing(_json(response={"articles": []}), API)


def test_a_list_without_pages_names_none() -> None:
    """Without a page number there is no next page."""
    listing = read_listing(_json(response={"articles": [ITEM]}), API.partition("?")[0])

    assert listing.next_url is None


@pytest.mark.parametrize(
    ("path", "hk_listing", "url"),
    [
        ("/realtime/china", Era.HK_2025, SG),
        ("/realtime/china", Era.HK_2025, HK),
        ("/realtime/china", Era.HK_2020, HK),
        ("/_plat/api/v2/page-content/realtime/china?page=0", Era.HK_2025, API),
        ("/_plat/api/v2/page-content/news/china?page=0", Era.HK_2025, API),
        ("/more/sitemap/3?pageNo=1&pageSize=18", Era.HK_2020, HK),
    ],
)
def test_lists_of_the_site_name_its_stories_only(path: str, hk_listing: Era, url: str) -> None:
    """Whole pages: the newest stories in order, no advertisement, no neighbour, nothing twice."""
    site = Site.arranged(hk_listing=hk_listing)
    host = url.split("/")[2]
    listing = read_listing(site.answer(host, path).body, url)
    titles = {shown.story.story_id: shown.story.title for shown in site.truth()}
    ids = [card.ref.story_id for card in listing.cards]
    days = [card.ref.day for card in listing.cards if card.ref.story_id in titles]

    assert ids
    assert len(set(ids)) == len(ids)
    assert all(card.ref.url.startswith(f"https://{host}/") for card in listing.cards)
    assert [" ".join(titles[one].split()) for one in ids if one in titles] == [
        " ".join(card.title.split()) for card in listing.cards if card.ref.story_id in titles
    ]
    assert days == sorted(days, reverse=True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{}",
        b'{"code":500,"response":null}',
        b'{"response":[]}',
        b"[]",
        b"<html><body>404</body></html>",
        f'<nav><a href="{PATH}">x</a></nav>'.encode(),
        b'<div class="card-listing"><div class="card"><a href="https://ads.example/">x</a></div></div>',
        pytest.param(
            b'{"response":' + b"[" * 100_000,
            id="deep json",
        ),
        pytest.param(b"<div>" * 5_000, id="deep html"),
        pytest.param(bytes(range(128, 256)) * 20, id="garbled"),
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_no_list_is_refused(body: bytes) -> None:
    """A page without a list is an error of the source, never an empty list."""
    with pytest.raises(SourceUnreadable):
        read_listing(body, SG)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just(PATH),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["articles", "href", "title", "timestamp", "pageContentList", "data"]),
            inner,
        )
    ),
)


@given(_JSON)
def test_any_json_is_a_list_or_refused(value: object) -> None:
    """Whatever the answer holds, reading gives a list or `SourceUnreadable`."""
    try:
        listing = read_listing(_json(response=value), API)
    except SourceUnreadable:
        return
    assert all(card.ref.story_id == "1370001" for card in listing.cards)


@given(st.text())
def test_any_text_is_a_list_or_refused(text: str) -> None:
    """Whatever the page holds, reading gives a list or `SourceUnreadable`."""
    with pytest.raises(SourceUnreadable):
        read_listing(text.encode("utf-8", "ignore"), SG)
