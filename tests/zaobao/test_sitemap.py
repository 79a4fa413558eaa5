"""Sitemaps in both forms, and what stands in their place."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import SourceUnreadable
from harvester.model import Scope
from harvester.replica import Site
from harvester.zaobao.sitemap import (
    INDEX_URL,
    MAX_URLS,
    Child,
    children_for,
    is_ascending,
    read_sitemap,
)

_NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
_HOST = "https://www.zaobao.com.sg"
_STORY = f"{_HOST}/realtime/china/story20230312-"


def _urlset(*entries: str, namespace: str = _NAMESPACE) -> bytes:
    listed = "\n".join(f"<url>{entry}</url>" for entry in entries)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset {namespace}>{listed}</urlset>'.encode()


def _index(*locs: str) -> bytes:
    listed = "".join(f"<sitemap><loc>{loc}</loc></sitemap>" for loc in locs)
    return f"<sitemapindex {_NAMESPACE}>{listed}</sitemapindex>".encode()


def _month(text: str) -> Child:
    return Child(f"{_HOST}/sitemaps/sitemap-{text}.xml")


def _numbered(number: int, lastmod: str | None = None) -> Child:
    return Child(f"{_HOST}/sitemaps/sitemap-{number}.xml", lastmod)


def test_an_index_names_its_children() -> None:
    """Children are read with their hint; http is https."""
    body = f"""<?xml version="1.0"?>
    <sitemapindex {_NAMESPACE}>
      <sitemap><loc> {_HOST}/sitemaps/sitemap-202608.xml
      </loc><lastmod>2026-08-31T00:00:00+08:00</lastmod></sitemap>
      <sitemap><loc>http://www.zaobao.com.sg/sitemaps/sitemap-7.xml?page=1</loc></sitemap>
    </sitemapindex>"""

    assert read_sitemap(body.encode(), INDEX_URL).children == (
        Child(f"{_HOST}/sitemaps/sitemap-202608.xml", "2026-08-31T00:00:00+08:00"),
        Child(f"{_HOST}/sitemaps/sitemap-7.xml?page=1"),
    )


@pytest.mark.parametrize(
    "loc",
    [
        "https://evil.example/sitemaps/sitemap-1.xml",
        "https://www.zaobao.com.sg.evil.example/sitemap-1.xml",
        "https://user@www.zaobao.com.sg/sitemap-1.xml",
        "https://www.zaobao.com.sg:8080/sitemap-1.xml",
        "https://www.zaobao.com.sg/../sitemap-1.xm",
        "file:///etc/sitemap-1.xml",
        "/sitemaps/sitemap-1.xml",
        "",
    ],
)
def test_foreign_children_are_left_out(loc: str) -> None:
    """Only files on the site's own hosts are followed; the others are counted."""
    index = read_sitemap(_index(loc), INDEX_URL)

    assert (index.children, index.others) == ((), 1)


def test_stories_are_read_with_their_hint() -> None:
    """CDATA, extensions and other elements do not disturb; what is no story is counted."""
    body = _urlset(
        f"<loc><![CDATA[{_STORY}1]]></loc><lastmod>2023-03-12T10:30:00+08:00</lastmod>",
        f"<lastmod> 2099-01-01 </lastmod><loc>{_STORY}2</loc><priority>0.5</priority>",
        f"<loc>\n{_STORY}3\n</loc><image:image><image:loc>{_HOST}/a.jpg</image:loc></image:image>",
        "<loc>http://zaobao.com.sg/realtime/china/story20230312-4?a=1&amp;b=2</loc>",
        f"<loc>{_HOST}/</loc>",
        "<loc></loc>",
        "",
        "<loc>https://interactive.zaobao.com.sg/realtime/china/story20230312-5</loc>",
        namespace=_NAMESPACE + ' xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"',
    )
    sitemap = read_sitemap(body, INDEX_URL)

    assert [(story.url, story.lastmod) for story in sitemap.stories] == [
        (f"{_STORY}1", "2023-03-12T10:30:00+08:00"),
        (f"{_STORY}2", "2099-01-01"),
        (f"{_STORY}3", None),
        (f"{_STORY}4", None),
    ]
    assert (sitemap.others, sitemap.problem) == (4, "")


@pytest.mark.parametrize("form", ["monthly", "numbered"])
def test_both_forms_name_every_story(form: str) -> None:
    """Index and children of both forms lead to all stories of the site."""
    site = Site.arranged(form=form)
    host = "www.zaobao.com.sg"
    index = read_sitemap(site.answer(host, "/sitemap.xml").body, INDEX_URL)
    found = {
        story.url
        for child in index.children
        for story in read_sitemap(
            site.answer(host, child.url.removeprefix(_HOST)).body, child.url
        ).stories
    }

    assert found >= {url for shown in site.truth() for url in shown.urls if host in url}
    assert all(is_ascending(child) is (form == "numbered") for child in index.children)


@pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b"\n\n  ", b"\xef\xbb\xbf\n", b""])
def test_what_stands_before_the_declaration_is_skipped(prefix: bytes) -> None:
    """A byte order mark or blank lines in front are no reason to lose a file."""
    assert len(read_sitemap(prefix + _urlset(f"<loc>{_STORY}1</loc>"), INDEX_URL).stories) == 1


@pytest.mark.parametrize("cut", [1, 20, 60, 120])
def test_a_file_that_breaks_off_yields_what_was_read(cut: int) -> None:
    """Whole entries before the break count; the problem is told."""
    sitemap = read_sitemap(
        _urlset(*(f"<loc>{_STORY}{number}</loc>" for number in range(1, 6)))[:-cut], INDEX_URL
    )

    assert [ref.story_id for ref in sitemap.stories] == [
        str(number) for number in range(1, 1 + len(sitemap.stories))
    ]
    assert 3 <= len(sitemap.stories) <= 5
    assert sitemap.problem.startswith("breaks off")


def test_raw_ampersands_end_the_reading() -> None:
    """XML that is not well-formed ends where it breaks."""
    sitemap = read_sitemap(_urlset(f"<loc>{_STORY}1</loc>", "<loc>a?b&c</loc>"), INDEX_URL)

    assert len(sitemap.stories) == 1
    assert sitemap.problem


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"not xml",
        b"<html><body>404</body></html>",
        b"<!doctype html><html></html>",
        b"<rss><channel/></rss>",
        b'{"code": 404}',
        b"\x1f\x8b\x08\x00",
        b"<urlse",
    ],
)
def test_what_is_no_sitemap_is_refused(body: bytes) -> None:
    """Another document in the place of a sitemap is an error that names the address."""
    with pytest.raises(SourceUnreadable) as caught:
        read_sitemap(body, INDEX_URL)

    assert caught.value.url == INDEX_URL


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE urlset>",
        '<!DOCTYPE urlset SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE urlset [<!ENTITY a "&b;&b;"><!ENTITY b "ha">]>',
    ],
)
def test_a_document_type_is_refused(doctype: str) -> None:
    """Entity bombs come with a document type; sitemaps have none."""
    with pytest.raises(SourceUnreadable, match="document type"):
        read_sitemap(f"{doctype}<urlset><url><loc>&a;</loc></url></urlset>".encode(), INDEX_URL)


@pytest.mark.parametrize("encoding", ["utf-16", "gb2312", "big5", "x-zaobao", "rot13"])
def test_an_unreadable_encoding_is_an_error_of_the_source(encoding: str) -> None:
    """A declaration of an encoding that cannot be read is no crash."""
    with pytest.raises(SourceUnreadable):
        read_sitemap(f'<?xml version="1.0" encoding="{encoding}"?><urlset/>'.encode(), INDEX_URL)


def test_the_number_of_addresses_is_capped() -> None:
    """Past the protocol's limit reading stops and says so."""
    listed = b"".join(
        f"<url><loc>/news/story20230312-{number}</loc></url>".encode()
        for number in range(1, MAX_URLS + 3)
    )
    sitemap = read_sitemap(b"<urlset>" + listed + b"</urlset>", INDEX_URL)

    assert len(sitemap.stories) == MAX_URLS
    assert f"more than {MAX_URLS}" in sitemap.problem


def test_a_full_file_is_whole() -> None:
    """A file of exactly as many addresses as the protocol allows is no problem; one more is."""
    entry = f"<url><loc>{_STORY}1</loc></url>"
    full = read_sitemap(f"<urlset>{entry * MAX_URLS}</urlset>".encode(), INDEX_URL)
    over = read_sitemap(f"<urlset>{entry * (MAX_URLS + 1)}</urlset>".encode(), INDEX_URL)

    assert (len(full.stories), full.problem) == (50_000, "")
    assert len(over.stories) == 50_000
    assert over.problem


_TAGS = ["<urlset>", "<sitemapindex>", "<url>", "<loc>", "</loc>", "</url>", "<![CDATA[", "]]>"]
_PIECES = [*_TAGS, f"{_STORY}1", "&amp;", "&#x0;", "<?x?>", "<!-- -->", "文", " "]


@given(
    st.binary()
    | st.lists(st.sampled_from(_PIECES), max_size=20).map(lambda all_: "".join(all_).encode())
    | st.binary().map(lambda tail: _urlset(f"<loc>{_STORY}1</loc>")[:-10] + tail)
)
def test_any_bytes_are_a_sitemap_or_refused(body: bytes) -> None:
    """Reading is total: a sitemap, or `SourceUnreadable`."""
    try:
        sitemap = read_sitemap(body, INDEX_URL)
    except SourceUnreadable:
        return
    assert all(story.url.startswith(_HOST) for story in sitemap.stories)


MONTHS = tuple(_month(text) for text in ("202301", "202302", "202303", "202304", "202305"))


@pytest.mark.parametrize(
    ("since", "until", "months"),
    [
        (None, None, "05 04 03 02 01"),
        (date(2023, 3, 12), date(2023, 3, 12), "03"),
        (date(2023, 3, 12), None, "05 04 03"),
        (None, date(2023, 2, 12), "02 01"),
        (date(2023, 3, 3), date(2023, 3, 28), "04 03 02"),
        (date(2023, 12, 1), None, ""),
    ],
)
def test_months_are_chosen_by_name(since: date | None, until: date | None, months: str) -> None:
    """The months of a scope and those a few days beside it, the newest first."""
    chosen = children_for(Scope(since, until), MONTHS)

    assert months.split() == [child.url[-6:-4] for child in chosen]


def test_numbered_files_are_chosen_by_their_change() -> None:
    """Files last changed before a scope are left out; without a hint, or with a lie, they stay."""
    files = (
        _numbered(1, "2022-01-01T00:00:00+08:00"),
        _numbered(2, "2023-03-09"),
        _numbered(10, "2099-01-01"),
        _numbered(3),
        _numbered(4, "gestern"),
    )
    chosen = children_for(Scope(since=date(2023, 3, 12)), files)

    assert [child.url.rpartition("-")[2] for child in chosen] == [
        "10.xml",
        "4.xml",
        "3.xml",
        "2.xml",
    ]
