"""What a page says of its story outside the visible text: JSON-LD, state, metas, data layer.

Every source may be missing, cut or broken; a broken one is no error, the next is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

from harvester.model import Instant, StoryRef
from harvester.zaobao.loose_json import first_in, loads
from harvester.zaobao.sections import in_section
from harvester.zaobao.times import parse_instant
from harvester.zaobao.urls import issue_day_fits, singapore_day

Json = Mapping[str, Any]

# JSON-LD of 2025-02 held raw control characters inside strings (RSSHub issue 18480).
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Stories without a byline name the newspaper in its place.
_PUBLISHER = "联合早报"
_SEO = "seo-article-page"
_STATE = b"__staticRouterHydrationData"
_STATE_CALL = re.compile(r'\s*=\s*JSON\.parse\(\s*(?=")')
_LITERAL = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_JS_ESCAPES = re.compile(r'\\(?:(["\\/bfnrtu])|x([0-9a-fA-F]{2})|(.))', re.DOTALL)
_SCRIPT_END = b"</script"
_NEXT_KEY = b"publication_date"
_NEXT_DATE = re.compile(r'\\?"\s*[,:]\s*\\?"([^"\\]{10,40})')
_LAYER_DATE = re.compile(r"""["']?pubdate["']?\s*:\s*["']?([^"',}]{6,40})""", re.IGNORECASE)
_LAYER_AUTHOR = re.compile(r"""["']?author["']?\s*:\s*["']([^"']{1,100})["']""")
_STORY_ID = re.compile(r"/story\d{8}-(\d+)")
_MARKUP = re.compile(r"<(?:p|br|div)\b", re.IGNORECASE)
_CUT_DATE = re.compile(r'"datePublished"\s*:\s*"([^"]{10,40})"')
_SUFFIX = re.compile(r"[|｜]\s*(?:联合)?早报(?:网)?$")
_PUBLISHED = re.compile(r"发布(?:时间|于)?\s*+[/:：]?+\s*+(\d{4}[年/-][^\n]{8,30})")


@dataclass(frozen=True)
class Document:
    """A page as the era modules see it: its bytes in UTF-8, its tree, the facts in its scripts."""

    ref: StoryRef
    page: bytes
    tree: LexborHTMLParser

    @cached_property
    def json_ld(self) -> Json:
        """Return the JSON-LD node of the article, or an empty mapping.

        A node that names another story's address belongs to a neighbour.
        """
        mine = (node for node, ids in self._addressed if self.ref.story_id in ids)
        silent = (node for node, ids in self._addressed if not ids)
        return next(mine, None) or next(silent, {})

    @cached_property
    def state(self) -> Json:
        """Return the article of the React state, or an empty mapping."""
        script = self._after(_STATE)
        call = _STATE_CALL.match(script)
        if not call:
            return {}
        try:
            return _state_article(loads(_js_string(script, call.end())))
        except (ValueError, TypeError):
            return {}

    def text_of(self, *selectors: str) -> str:
        """Return the text of the first selector that shows any."""
        found = (node.text() for s in selectors for node in self.tree.css(s))
        return next((text.strip() for text in found if text.strip()), "")

    def meta(self, *names: str) -> str:
        """Return the content of the first meta of these names or properties that has one."""
        return next((content for name in names if (content := self._metas.get(name.lower()))), "")

    def has(self, *selectors: str) -> bool:
        """Say whether any selector matches. An answer is kept: the eras ask alike."""
        if selectors not in self._asked:
            self._asked[selectors] = self.tree.css_first(", ".join(selectors)) is not None
        return self._asked[selectors]

    def has_seo_script(self) -> bool:
        """Say whether the script is there in which React pages state their facts."""
        return any(script.attributes.get("id") == _SEO for script in self._scripts)

    def title(self, *headings: str) -> str:
        """Return the headline as displayed, else as stated in the facts.

        Of several headings the one that is also stated counts: neighbours have headings too.
        """
        shared = _SUFFIX.sub("", self.meta("og:title") or self.text_of("head > title"))
        found = (self.state.get("headline"), self.json_ld.get("headline"), shared)
        stated = [text.strip() for text in found if isinstance(text, str) and text.strip()]
        named = {_letters(text) for text in stated}
        first = ""
        for node in (node for selector in headings for node in self.tree.css(selector)):
            text = node.text().strip()
            if _letters(text) in named:
                return text
            first = first or text
        return first or next(iter(stated), "")

    def instant(self, *bylines: str) -> Instant | None:
        """Return the first moment of publication stated that fits the issue day, else the first."""
        first = None
        for instant in self._instants(bylines):
            if _fits(self.ref, instant.at):
                return self._to_the_second(instant)
            first = first or instant
        return first

    def _to_the_second(self, instant: Instant) -> Instant:
        """Return a moment with the seconds of a JSON-LD script that is cut but agrees with it."""
        cut = parse_instant(_found(_CUT_DATE, self._json_ld_nodes[1]))
        agrees = cut is not None and cut.replace(second=0) == instant.at
        return Instant(cut, "json-ld") if cut and agrees else instant

    def _instants(self, bylines: tuple[str, ...]) -> Iterator[Instant]:
        """Yield the moments of publication that the page states, the most exact first.

        Scripts come before visible bylines because they have seconds where the site has them. Of
        each byline only the first counts: those after it belong to neighbours.
        """
        ways: tuple[tuple[str, Callable[[], object]], ...] = (
            ("json-ld", lambda: self.json_ld.get("datePublished")),
            ("state", lambda: self.state.get("create_time")),
            ("meta", lambda: self.meta("article:published_time", "og:article:published_time")),
            ("data-layer", lambda: _found(_LAYER_DATE, self._layer)),
            ("next", self._next_date),
            *(("byline", partial(self.text_of, byline)) for byline in bylines),
            ("json-ld", lambda: _found(_CUT_DATE, self._json_ld_nodes[1])),
            ("byline", lambda: _found(_PUBLISHED, self.text_of("article"))),
            ("byline", lambda: _found(_PUBLISHED, self.text_of("main"))),
        )
        for source, way in ways:
            if at := parse_instant(way()):
                yield Instant(at, source)

    def tags(self, *selectors: str) -> tuple[str, ...]:
        """Return the keywords of the story, as displayed, else as stated."""
        ways: tuple[Callable[[], list[Any]], ...] = (
            lambda: [node.text() for s in selectors for node in self.tree.css(s)],
            lambda: [tag.get("name") for tag in _dicts(self.state.get("tags"))],
            lambda: _split(self.json_ld.get("keywords")),
            lambda: [node.text() for node in self.tree.css("a[href*='/keywords/']")],
            lambda: _split(self.meta("keywords")),
        )
        for way in ways:
            names = [" ".join(name.split()) for name in way() if isinstance(name, str)]
            if kept := tuple(dict.fromkeys(name for name in names if name)):
                return kept
        return ()

    def author(self, *selectors: str) -> str:
        """Return the byline as displayed, else as stated."""
        if shown := self.text_of(*selectors):
            return " ".join(shown.split())
        stated = self.json_ld.get("author") or _found(_LAYER_AUTHOR, self._layer)
        names = [a.get("name") if isinstance(a, dict) else a for a in _list(stated)]
        people = [name.strip() for name in names if isinstance(name, str)]
        return "、".join(name for name in people if name and name != _PUBLISHER)

    @property
    def stated_body(self) -> str:
        """Return the `articleBody` of the JSON-LD as HTML; a line of plain text is a paragraph."""
        text = self.json_ld.get("articleBody")
        if not isinstance(text, str) or _MARKUP.search(text):
            return text if isinstance(text, str) else ""
        return "".join(f"<p>{line}</p>" for line in text.splitlines() if line.strip())

    @cached_property
    def addresses(self) -> list[str]:
        """The addresses that the page names as its own."""
        link = self.tree.css_first("link[rel='canonical']")
        canonical = link.attributes.get("href") if link is not None else None
        return [named.strip() for named in (canonical, self.meta("og:url")) if named]

    def stated_addresses(self) -> list[str]:
        """Return the addresses that JSON-LD names as those of articles."""
        return [named for node in self._json_ld_nodes[0] for named in _addresses(node)]

    def is_anothers(self, title: str) -> bool:
        """Say whether JSON-LD gives a headline to other stories' addresses, and not to this one."""
        alike = [
            ids
            for node, ids in self._addressed
            if _letters(str(node.get("headline"))) == _letters(title)
        ]
        return bool(alike) and all(ids and self.ref.story_id not in ids for ids in alike)

    def is_charged(self) -> bool:
        """Say whether the facts mark the story as one for subscribers.

        `isAccessibleForFree` is schema.org's mark. The CMS writes `contentAccess` "0" on free
        stories; its other values are not documented and taken for subscribers' (inferred).
        """
        free = self.json_ld.get("isAccessibleForFree")
        paywall = self.state.get("paywall")
        level = paywall.get("contentAccess") if isinstance(paywall, dict) else None
        return str(free).lower() == "false" or str(level or "0") != "0"

    @cached_property
    def _asked(self) -> dict[tuple[str, ...], bool]:
        return {}

    @cached_property
    def _metas(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for values in (node.attributes for node in self.tree.tags("meta")):
            content = (values.get("content") or "").strip()
            for name in (values.get("property"), values.get("name")):
                if name and content:
                    found.setdefault(name.lower(), content)
        return found

    @cached_property
    def _layer(self) -> str:
        return self.text_of("script#ga_data_layer")

    def _next_date(self) -> str | None:
        match = _NEXT_DATE.match(self._after(_NEXT_KEY))
        return match[1] if match else None

    def _after(self, key: bytes) -> str:
        """Return what follows the first place of a key, as far as its script goes, or ""."""
        at = self.page.find(key)
        if at < 0:
            return ""
        end = self.page.find(_SCRIPT_END, at)
        return self.page[at + len(key) : end if end >= 0 else None].decode()

    @cached_property
    def _addressed(self) -> list[tuple[Json, list[str]]]:
        """The article nodes, each with the ids of the stories that it names as its address."""
        return [(node, _story_ids(node)) for node in self._json_ld_nodes[0]]

    @cached_property
    def _scripts(self) -> list[LexborNode]:
        # By their name alone: among selectors these would be several times slower.
        return [script for script in self.tree.tags("script") if _states_facts(script.attributes)]

    @cached_property
    def _json_ld_nodes(self) -> tuple[list[Json], str]:
        """The article nodes of all scripts, and the text of those that cannot be parsed."""
        nodes: list[Json] = []
        broken = ""
        for script in self._scripts:
            text = _CONTROLS.sub("", script.text())
            try:
                nodes += _articles(loads(text))
            except ValueError:
                broken += text
        return nodes, broken


def _states_facts(values: Mapping[str, str | None]) -> bool:
    return values.get("id") == _SEO or values.get("type") == "application/ld+json"


def _fits(ref: StoryRef, at: datetime) -> bool:
    if in_section(ref.section, "realtime"):
        return singapore_day(at) == ref.day
    return issue_day_fits(ref, at)


def _found(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return match[1] if match else None


def _split(names: object) -> list[Any]:
    return names if isinstance(names, list) else str(names or "").split(",")


def _articles(data: object) -> Iterator[Json]:
    """Yield the nodes that are articles, of a list, of a graph, or alone; some have no type."""
    for top in _dicts(data):
        for node in (top, *_dicts(top.get("@graph"))):
            kinds = [kind for kind in _list(node.get("@type")) if isinstance(kind, str)]
            typed = any(kind.endswith(("Article", "Posting")) for kind in kinds)
            if typed or (not kinds and "headline" in node and "datePublished" in node):
                yield node


def _state_article(data: object) -> Json:
    loaders = data.get("loaderData") if isinstance(data, dict) else None
    for loader in loaders.values() if isinstance(loaders, dict) else ():
        node: object = loader
        for key in ("context", "payload", "article"):
            node = node.get(key) if isinstance(node, dict) else None
        if isinstance(node, dict):
            return node
    return {}


def _js_string(script: str, at: int) -> str:
    """Return what a JavaScript string literal says; usually it has JSON's escapes alone.

    Raises `ValueError` where there is none, or it breaks off.
    """
    try:
        return str(first_in(script, at))
    except ValueError:
        literal = _LITERAL.match(script, at)
        own = _JS_ESCAPES.sub(_as_json, literal[0] if literal else "")
        return str(loads(own))


def _as_json(escaped: re.Match[str]) -> str:
    """Return an escape of JavaScript as JSON has it."""
    known, code, other = escaped.groups()
    return escaped[0] if known else f"\\u00{code}" if code else other


def _story_ids(node: Json) -> list[str]:
    """Return the ids of the stories whose addresses a node names as its own."""
    return _STORY_ID.findall(" ".join(_addresses(node)))


def _addresses(node: Json) -> list[str]:
    page = node.get("mainEntityOfPage")
    inner = page.get("@id") if isinstance(page, dict) else page
    return [str(named) for named in (node.get("url"), node.get("@id"), inner) if named]


def _letters(text: str) -> str:
    return "".join(text.split())


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value] if value is not None else []


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]
