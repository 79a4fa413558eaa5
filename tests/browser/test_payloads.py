"""Two hundred scripts and more, stored as posts and shown by a real browser: none runs."""

from __future__ import annotations

import html
import json
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import pytest_asyncio
from selectolax.lexbor import LexborHTMLParser

from harvester import drafts
from harvester.errors import Unreadable
from harvester.handoff.feeds.atom import atom
from harvester.handoff.feeds.feed import feed_of
from harvester.handoff.feeds.json_feed import json_feed
from harvester.model import Article, BodyMode
from harvester.post import clean_title, read_post
from harvester.serve import HttpServer, Metrics
from harvester.serve.report import Report
from harvester.settings import Address
from harvester.store import open_archive
from harvester.zaobao import story_ref
from tests.docs.conftest import program
from tests.docs.site import RECIPE, build
from tests.handoff.searching import keep
from tests.serve.support import Told
from tests.support.figures import FULL, Figures, cases
from tests.support.pages import LONG, NOW, URL, page
from tests.support.payloads import CALL, PAYLOADS

pytest.importorskip("playwright", reason="playwright is not installed: no browser is asked")
from playwright.async_api import Browser

from tests.browser.chromium import HOME, Seen, chromium, launched

pytestmark = pytest.mark.asyncio(loop_scope="module")

_GATE = "script payloads"
_SHOWN = PAYLOADS[:: cases(37, 1)]
# What only a script, a style sheet or a link's own telling asks for.
_OF_SCRIPTS = frozenset(
    {"script", "stylesheet", "fetch", "xhr", "ping", "beacon", "websocket", "manifest", "prefetch"}
)
# What themes of Jekyll have: all of the content, the line with the title as well.
_STOCK = (
    "<!DOCTYPE html>\n<html><body><h1>{{ page.title | escape }}</h1>{{ content }}</body></html>"
)
_BREAK = "<!-- the same post in another layout -->"
# What a reader of feeds does with what it gets.
_READER = """<!DOCTYPE html><meta charset=utf-8><body><script>
const show = (title, content) => {
  document.body.append(document.createElement("h2"), document.createElement("div"));
  document.body.lastChild.previousSibling.textContent = title;
  document.body.lastChild.innerHTML = content;
};
const read = {
  json: (text) => JSON.parse(text).items.forEach((item) => show(item.title, item.content_html)),
  atom: (text) => new DOMParser().parseFromString(text, "application/xml")
    .querySelectorAll("entry").forEach((entry) => show(
      entry.querySelector("title").textContent, entry.querySelector("content").textContent)),
};
fetch("/all.KIND").then((answer) => answer.text()).then((text) => {
  read.KIND(text);
  document.title = document.querySelectorAll("h2").length;
});
</script>"""


@dataclass(frozen=True)
class Stored:
    """An archive in a folder, with a story of each payload and mode; the bodies of its posts."""

    root: Path
    bodies: Sequence[str]
    clean: Sequence[str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Run chromium; skip where it is absent."""
    async with launched(Path(program("chromium"))) as browser:
        yield browser


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """Return an archive of stories with payloads in body and title, in both modes."""
    root = tmp_path_factory.mktemp("archive")
    articles = {
        mode: [found for payload in _SHOWN if (found := _article(payload, mode))]
        for mode in BodyMode
    }
    numbered = [
        replace(one, story_id=str(1_200_000 + n), url=f"{one.url[:-7]}{1_200_000 + n}")
        for n, one in enumerate([*articles[BodyMode.CLEAN], *articles[BodyMode.VERBATIM]])
    ]
    keep(root, [replace(one, body=_numbered(one.body, n)) for n, one in enumerate(numbered)])
    with open_archive(root / "seeds", root / "state") as archive:
        rows = sorted(archive.latest(len(numbered) + 1), key=lambda row: row.story_id)
        bodies = [read_post(row.post).body for row in rows]
    assert len(bodies) == len(numbered)
    return Stored(root, bodies, bodies[: len(articles[BodyMode.CLEAN])])


def _article(payload: str, mode: BodyMode) -> Article | None:
    """Return the story that a page with this payload becomes; None if the page is refused."""
    shown = page(f"<p>{LONG}{mode}{quote(payload)}</p>{payload}<p>{LONG}</p>")
    try:
        article = drafts.read_page(shown.encode(), story_ref(URL), NOW, mode)
    except Unreadable:
        return None
    return replace(article, title=clean_title(payload))


def _numbered(text: str, number: int) -> str:
    """Return text whose script would say which one it is."""
    return text.replace(CALL, f"alert({number})")


def _document(body: str) -> tuple[str, bytes]:
    return "text/html; charset=utf-8", f"<!DOCTYPE html><title>x</title><div>{body}</div>".encode()


def _nothing(_path: str) -> None:
    """Have nothing but what is let through."""


def _judge(figures: Figures, where: str, seen: Seen, of: int) -> None:
    """Hold what a browser saw to nothing."""
    figures.none(f"acts of scripts in {where}{_shown(seen.acts)}", len(seen.acts), of)
    asked = [url for kind, url in seen.requests if kind in _OF_SCRIPTS]
    figures.none(f"requests of scripts and styles in {where}{_shown(asked)}", len(asked), of)


def _shown(wrong: Collection[str]) -> str:
    """Return some of what is wrong, to stand behind the name of its figure."""
    return f": {sorted(wrong)[:5]}" if wrong else ""


@pytest.mark.gate("C5", _GATE)
@pytest.mark.timeout(1800)
async def test_control(figures: Figures, browser: Browser) -> None:
    """The payloads as they stand do run: the browser, and who watches it, see something."""
    pages = {f"/{n}": _document(_numbered(payload, n)) for n, payload in enumerate(_SHOWN)}
    async with chromium(browser, pages.get) as shown:
        seen = await shown.show([f"{HOME}{path}" for path in pages])

    fired = len(set(seen.dialogs))
    figures.at_least("payloads that run as they stand", fired, 200 if FULL else len(_SHOWN) / 3)
    assert [url for _, url in seen.requests if "evil.example" in url]


@pytest.mark.gate("C5", _GATE)
@pytest.mark.timeout(1800)
async def test_bodies(figures: Figures, browser: Browser, stored: Stored) -> None:
    """The bodies of posts as pages: nothing acts; of a clean body only its pictures are asked."""
    pages = {f"/{n}": _document(body) for n, body in enumerate(stored.bodies)}
    clean = [f"{HOME}/{n}" for n in range(len(stored.clean))]
    verbatim = [f"{HOME}/{n}" for n in range(len(stored.clean), len(pages))]
    async with chromium(browser, pages.get) as shown:
        of_clean, of_verbatim = await shown.show(clean), await shown.show(verbatim)
        declared = set(await shown.addresses([url for one in stored.clean for url in _media(one)]))

    _judge(figures, "clean bodies", of_clean, len(clean))
    _judge(figures, "verbatim bodies", of_verbatim, len(verbatim))
    asked = {url for _, url in of_clean.requests}
    undeclared = asked - declared
    what = f"requests that no picture or frame declares{_shown(undeclared)}"
    figures.none(what, len(undeclared), of=len(asked))


def _media(body: str) -> list[str]:
    """Return the addresses of pictures and frames, which a clean body may ask for."""
    found = LexborHTMLParser(body).css("img[src], iframe[src]")
    return [node.attributes["src"] or "" for node in found]


@pytest.mark.gate("C5", _GATE)
@pytest.mark.timeout(1800)
async def test_site(
    figures: Figures, browser: Browser, jekyll: str, tmp_path: Path, stored: Stored
) -> None:
    """In the site that Jekyll makes of the posts nothing acts, with our layout or a usual one."""
    (tmp_path / "seeds").symlink_to(stored.root / "seeds")
    ours = (RECIPE / "_layouts" / "post.html").read_text("utf-8")
    site, _ = build(jekyll, tmp_path, ours + _BREAK + _STOCK)
    built = {
        str(path.relative_to(site)): path.read_text("utf-8").split(_BREAK)
        for path in site.rglob("*.html")
    }
    pages = {
        f"/{number}/{name}": ("text/html; charset=utf-8", text.encode())
        for name, texts in built.items()
        for number, text in enumerate(texts)
    }
    assert len(pages) == 2 * len(stored.bodies) + 1  # the index
    async with chromium(browser, pages.get) as shown:
        for number, layout in enumerate(("our", "usual")):
            urls = [f"{HOME}{path}" for path in sorted(pages) if path.startswith(f"/{number}/")]
            _judge(figures, f"the site, {layout} layout", await shown.show(urls), len(urls))


@pytest.mark.gate("C5", _GATE)
@pytest.mark.timeout(1800)
async def test_feeds(figures: Figures, browser: Browser, stored: Stored) -> None:
    """A reader that shows the feeds' texts as HTML shows nothing that acts."""
    with open_archive(stored.root / "seeds", stored.root / "state") as archive:
        feed = feed_of(None, archive.latest(len(stored.bodies)))
    pages = {
        "/all.json": ("application/json", json_feed(feed)),
        "/all.atom": ("application/atom+xml", atom(feed)),
        "/json": ("text/html", _READER.replace("KIND", "json").encode()),
        "/atom": ("text/html", _READER.replace("KIND", "atom").encode()),
        "/plain.atom": ("application/xml", atom(feed)),
    }
    assert len(json.loads(pages["/all.json"][1])["items"]) == len(stored.bodies)
    async with chromium(browser, pages.get) as shown:
        seen = [await shown.open(f"{HOME}{path}") for path in ("/json", "/atom", "/plain.atom")]

    for where, one in zip(("JSON Feed", "Atom", "Atom as XML"), seen, strict=True):
        _judge(figures, where, one, len(stored.bodies))
    assert len(seen[0].requests) == len(seen[1].requests) > 0


@pytest.mark.gate("C5", _GATE)
@pytest.mark.parametrize("without_policy", [False, True], ids=["policy", "no policy"])
async def test_status_page(figures: Figures, browser: Browser, *, without_policy: bool) -> None:
    """The daemon's page with hostile titles: nothing acts, even if its policy were not heeded."""
    alarms = [{"section": text, "text": html.unescape(text)} for text in _SHOWN]
    details = {"alarms": alarms, "resting": {text: NOW + timedelta(1) for text in _SHOWN}}
    told = Told(Report(_SHOWN[0], "; ".join(_SHOWN), alive=True, details=details))
    async with (
        HttpServer(Address("127.0.0.1", 0), told, Metrics().registry) as server,
        chromium(browser, _nothing, without_policy=without_policy, let=server.url) as shown,
    ):
        seen = await shown.open(server.url)

    where = f"the status page{' without its policy' if without_policy else ''}"
    _judge(figures, where, seen, len(_SHOWN))
    assert seen.requests == []
