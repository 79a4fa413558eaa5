"""Sitemaps made to do harm: each costs its cap, is told once, and hides no good story."""

from __future__ import annotations

import asyncio
import gzip
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from time import process_time

import pytest

from harvester.errors import SourceUnreadable
from harvester.model import Scope
from harvester.runs import Order
from harvester.zaobao.sitemap import INDEX_URL, MAX_CHILDREN, read_sitemap
from tests.e2e.hostile import HostileSite
from tests.e2e.support import Place, small_site
from tests.fetch.bombs import BOMBS, MIB
from tests.fetch.conftest import FakeClock, Sentinels
from tests.fetch.visitor import forget_peak, resident
from tests.support.figures import FULL, Figures, cases

HOST = "https://www.zaobao.com.sg"
GOOD = f"{HOST}/sitemaps/sitemap-202609.xml"
OLD = b"<url><loc>https://www.zaobao.com.sg/news/story20130101-%d</loc></url>"


@pytest.fixture
async def site() -> AsyncIterator[HostileSite]:
    """Run a site of three good stories in one good sitemap."""
    site = HostileSite(FakeClock(), truth=small_site(3))
    async with site.running():
        yield site


def index(*urls: str) -> bytes:
    """Return an index; the good sitemap stands in the middle."""
    half = len(urls) // 2
    listed = "".join(
        f"<sitemap><loc>{url}</loc></sitemap>" for url in (*urls[:half], GOOD, *urls[half:])
    )
    return f"<sitemapindex>{listed}</sitemapindex>".encode()


def child(number: int) -> str:
    """Return the address of a sitemap."""
    return f"{HOST}/sitemaps/sitemap-{number}.xml"


def names_itself(site: HostileSite) -> None:
    """Name the index in the index, and one child many times."""
    site.serve("/sitemap.xml", site.reply(200, index(INDEX_URL, *[child(1)] * 1000)))
    put(site, 1, b"<urlset/>")


def cycle(site: HostileSite) -> None:
    """Let two indexes below the index name each other and the index."""
    site.serve("/sitemap.xml", site.reply(200, index(child(1), child(2))))
    put(site, 1, index(child(2), INDEX_URL))
    put(site, 2, index(child(1), INDEX_URL))


def levels(site: HostileSite) -> None:
    """Name an index in an index, two hundred deep."""
    site.serve("/sitemap.xml", site.reply(200, index(child(1))))
    for number in range(1, 200):
        put(site, number, index(child(number + 1)))


def too_many_children(site: HostileSite) -> None:
    """Name more files than are read; most are not there."""
    site.serve("/sitemap.xml", site.reply(200, index(*map(child, range(1, 1700)))))


def foreign(site: HostileSite) -> None:
    """Name files on other hosts, in other schemes and inside."""
    urls = ["https://evil.example/sitemap-1.xml", "file:///etc/passwd.xml", "ftp://h/a.xml"]
    inside = [f"https://127.0.0.{n}/sitemap-1.xml" for n in range(9)]
    site.serve("/sitemap.xml", site.reply(200, index(*urls, *inside)))


def bombs(site: HostileSite) -> None:
    """Let several files unfold to far more than the cap."""
    coding, make = BOMBS["gzip"]
    body = make(cases(128, 1024) * MIB)
    numbers = range(1, 1 + cases(3, 20))
    site.serve("/sitemap.xml", site.reply(200, index(*map(child, numbers))))
    for number in numbers:
        site.serve(path(number), site.reply(200, body, Content_Encoding=coding))


def filled(filler: bytes) -> Callable[[HostileSite], None]:
    """Return what serves a file of almost the cap: two good entries, then so much filler."""

    def arrange(site: HostileSite) -> None:
        size = cases(4, 63) * MIB
        body = b"<urlset>" + OLD % 1 + filler * (size // len(filler))
        site.serve("/sitemap.xml", site.reply(200, index(child(1))))
        put(site, 1, body)

    return arrange


def a_million(site: HostileSite) -> None:
    """List a million addresses in two files."""
    site.serve("/sitemap.xml", site.reply(200, index(child(1), child(2))))
    for number in (1, 2):
        listed = b"".join(OLD % (number * 1_000_000 + n) for n in range(cases(50_100, 500_000)))
        put(site, number, b"<urlset>" + listed + b"</urlset>")


def entities(site: HostileSite) -> None:
    """Send entity bombs, packed, with a byte order mark."""
    site.serve("/sitemap.xml", site.reply(200, index(child(1), child(2), child(3))))
    put(site, 1, LAUGHS.encode())
    put(site, 2, b"\xef\xbb\xbf" + LAUGHS.encode())
    put(site, 3, LAUGHS.encode("utf-16"))


def put(site: HostileSite, number: int, body: bytes) -> None:
    """Serve a numbered file, packed."""
    site.serve(path(number), site.reply(200, gzip.compress(body, 1), Content_Encoding="gzip"))


def path(number: int) -> str:
    """Return the path of a numbered file."""
    return child(number).removeprefix(HOST)


def declared(*lines: str) -> str:
    """Return a sitemap with these declarations, of which the entity `z` is used."""
    return (
        f"<!DOCTYPE urlset [{''.join(lines)}]>"
        "<urlset><url><loc>https://www.zaobao.com.sg/news/story20230312-1&z;</loc></url></urlset>"
    )


LAUGHS = declared(
    '<!ENTITY a "ha">',
    *(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in pairwise("abcdefghiz")),
)

ARRANGED = {
    "names itself": (names_itself, 0),
    "cycle of indexes": (cycle, 1),
    "200 levels": (levels, 1),
    "too many children": (too_many_children, 1),
    "foreign hosts": (foreign, 0),
    "bombs": (bombs, 1),
    "a million addresses": (a_million, 1),
    "entities": (entities, 1),
    "white space": (filled(b" "), 1),
    "blank lines": (filled(b"\n"), 1),
    "comments": (filled(b"<!-- -->"), 1),
    "one comment": (filled(b"<!--" + b"x" * MIB), 1),
    "nested": (filled(b"<a>"), 1),
    "elements": (filled(b"<a/>"), 1),
    "one address": (filled(b"<url><loc>" + b"a\n" * MIB), 1),
    "attributes": (filled(b"<a " + b" ".join(b'a%d=""' % n for n in range(99_999)) + b">"), 1),
}


@pytest.mark.gate("N7", "huge and recursive sitemaps")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ARRANGED)
async def test_a_hostile_sitemap_costs_its_cap_and_hides_nothing(
    tmp_path: Path, site: HostileSite, figures: Figures, kind: str
) -> None:
    """Reading stops at the caps and says so once; the good stories are archived all the same."""
    arrange, problems = ARRANGED[kind]
    await asyncio.to_thread(arrange, site)
    place = Place(tmp_path, site.origin)
    forget_peak()
    before = resident("VmRSS")
    run = await place.backfill(Order(scope=Scope(sections=("realtime",))))
    growth = resident("VmHWM") - before

    files = [page for page in site.pages if page.endswith(".xml")]
    assert len(run.outcome.problems) == problems, run.outcome.problems
    figures.all("good stories archived", run.counts.get("new", 0), of=3)
    figures.at_most("files read", len(files) - 1, MAX_CHILDREN)
    figures.at_most("times that a file was asked for", len(files) / len(set(files)), 1)
    deeper = kind == "200 levels" and f"www.zaobao.com.sg{path(2)}" in files
    figures.none("files deeper than the second level", deeper, of=1)
    figures.at_most("growth of memory", growth / 1e6, 200, " MB")


@contextmanager
def fifo(folder: Path) -> Iterator[tuple[Path, Callable[[], bytes]]]:
    """Make a file that keeps its bytes until somebody reads them; yield also what is left."""
    place = folder / "secret"
    os.mkfifo(place)
    end = os.open(place, os.O_RDWR | os.O_NONBLOCK)
    os.write(end, b"secret")
    try:
        yield place, lambda: os.read(end, 100)
    finally:
        os.close(end)


ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")


@pytest.mark.gate("N8", "entities")
async def test_entities_are_never_resolved(
    tmp_path: Path, sentinels: Sentinels, figures: Figures
) -> None:
    """Bombs, files and addresses in a document type: refused before anything is read."""
    with fifo(tmp_path) as (secret, left):
        there = f"http://127.0.0.1:{sentinels.port}/"
        quadratic = declared(f'<!ENTITY z "{"z" * 100_000}">').replace("&z;", "&z;" * 20_000)
        documents = [LAUGHS, quadratic]
        for target in (f"file://{secret}", str(secret), there):
            documents += [
                declared(f'<!ENTITY z SYSTEM "{target}">'),
                declared(f'<!ENTITY z PUBLIC "-//x" "{target}">'),
                declared(f'<!ENTITY % p SYSTEM "{target}">%p;'),
                f'<!DOCTYPE urlset SYSTEM "{target}"><urlset>&z;</urlset>',
                f'<!DOCTYPE urlset PUBLIC "-//x" "{target}"><urlset/>',
            ]
        bodies = [document.encode(encoding) for document in documents for encoding in ENCODINGS]
        begun = process_time()
        # Beside the loop of the sentinels: who connects is answered at once, and seen.
        refused = await asyncio.to_thread(lambda: [is_refused(body) for body in bodies])
        longest = process_time() - begun
        unread = left()

    figures.all("documents refused", sum(refused), of=len(bodies))
    figures.none("reads of a sentinel file", unread != b"secret", of=len(bodies))
    figures.none("connections at a sentinel", await sentinels.others(), of=len(bodies))
    if FULL:
        figures.at_most("all of them together", longest, 1, " s")


def is_refused(body: bytes) -> bool:
    """Return whether a sitemap is refused."""
    try:
        read_sitemap(body, INDEX_URL)
    except SourceUnreadable:
        return True
    return False
