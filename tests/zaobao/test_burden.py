"""Pages made to be hard: deep, wide, huge, broken off. Each is read or refused, and soon."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from random import Random

import pytest

from harvester.drafts import read_page
from harvester.errors import NotAStory, Unreadable
from harvester.model import BodyMode
from harvester.zaobao import read_article, story_ref
from harvester.zaobao.burden import (
    ATTRIBUTE_LIMIT,
    DEPTH_LIMIT,
    DRAWN_LIMIT,
    NAME_LIMIT,
    TAG_LIMIT,
    too_much,
)
from tests.fuzz.targets import PAGE_ERAS, pages
from tests.support.figures import FULL, Figures, cases
from tests.support.mutations import mutated
from tests.support.pages import LONG, NOW, URL, page

REF = story_ref(URL)
SLOWEST = 20.0
MILLION = cases(20_000, 1_000_000)
HUGE = cases(200_000, 50_000_000)
MOST = cases(200_000, 8_000_000)
NESTED = cases(10_000, 200_000)
# The replica's whole pages are 90 kB long and take ten times as long as the smallest ones.
REPLICA_EVERY = 20
LET_IN = cases(3_000, TAG_LIMIT - 200)
_KINDS = (
    *("div", "b", "i", "a", "font", "nobr", "table", "svg", "math", "template", "select", "button"),
    *("li", "p", "span", "object", "marquee", "form", "frameset", "ruby", "dl", "h1", "x-y"),
    *("blockquote", "noscript", "option", "fieldset", "details", "article", "section", "figure"),
)
_MIXED = {
    "p in button": "<p><button>",
    "a in table": "<a><table>",
    "b in table": "<table><b>x",
    "cells": "<table><tr><td>",
    "b in p": "<b><p></b>",
    "b in div": "<b><div></b>",
    "span in div": "<span><div></span></div>",
    "div and comment": "<div><!--</div>-->",
    "div and frame": "<div><iframe></div></iframe>",
    "svg out": "<svg><g><p>",
    "drawing left": "<svg><p><path/>",
    "svg in": "<svg><foreignObject><p>",
    "math": "<math><annotation-xml encoding=text/html><svg>",
    "list": "<ul><li>",
}
_OPEN = (
    *("<", "</", "<!--", "<!-", "<!DOCTYPE", "<![CDATA[", "<?", "<p", "<p a", "<p a=", "<p a='"),
    *(
        '<p a="',
        "<script>",
        "<style>",
        "<textarea>",
        "<title>",
        "<plaintext>",
        "<iframe>",
        "&",
        "&#",
    ),
    *("&#x", "&CounterClockwiseContourIntegra", "<svg><![CDATA[", "<p data-s='"),
)


def _numbered(form: str, count: int) -> str:
    return "".join(form.format(number) for number in range(count))


def _nested() -> Iterator[tuple[str, str]]:
    """Elements inside each other without end, of every kind and of kinds in turn."""
    for kind in _KINDS:
        for count in {10_000, NESTED // 2, NESTED}:
            yield f"{count} {kind}", f"<{kind}>" * count
    for name, unit in _MIXED.items():
        yield f"{NESTED} {name}", unit * NESTED
        # As many as are let in to the parser, and closed so that they do not look deep.
        yield f"many {name}", unit * (LET_IN // unit.count("<"))


def _wide() -> Iterator[tuple[str, str]]:
    """Attributes, names and tags without end."""
    yield "attributes of a tag", f"<p {_numbered('a{} ', MILLION)}>x</p>"
    yield "attributes without blanks", "<p {}>x</p>".format(_numbered("a{}=''", MILLION))
    yield "attributes of the root", _numbered("<html a{}>", MILLION)
    yield "attributes of the body", _numbered("<body a{0} b{0} c{0}>", 40)
    yield "attributes spread", _numbered("<p a{}=1></p>", MILLION)
    few = ATTRIBUTE_LIMIT - 10
    names = [" ".join(f"a{at + n}" for n in range(few)) for at in range(0, MILLION, few)]
    yield "attributes spread over few tags", "".join(f"<p {some}>" for some in names)
    yield "tiny tags", "<p>" * MILLION
    yield "tiny elements", "<b>x</b>" * MILLION
    yield "one class of many", f"<p class='{_numbered('a{} ', MILLION)}'>x</p>"


def _heavy() -> Iterator[tuple[str, str]]:
    """Much of one thing; a page may have 8 MiB."""
    yield "NUL", "\0" * MOST
    yield "NUL between", "x\0" * (MOST // 2)
    yield "one line", (LONG + " ") * (HUGE // len(LONG))
    yield "one line that is let in", (LONG + " ") * (MOST // len(LONG) // 3)
    yield "one text", "x" * MOST
    yield "one comment", "<!--" + "- " * (MOST // 2)
    yield "blanks", "x" + " \t" * (MOST // 2) + "x"
    yield "entities", "&lt;" * (MOST // 4)
    yield "long entities", "&CounterClockwiseContourIntegral" * (MOST // 33)
    script = '<script type="application/ld+json">{}</script>'
    yield "deep JSON", script.format("[" * MOST)
    yield "long number", script.format('{"@type":"Article","x":' + "9" * MOST + "}")
    state = '<script>__staticRouterHydrationData = JSON.parse("{}")</script>'
    yield "state", state.format("\\x41" * (MOST // 4))


def _crafted() -> Iterator[tuple[str, str]]:
    """Yield what took the parser or the reader seconds, kept as large as they are let in."""
    most = LET_IN
    few = _numbered("<b id={}>", 90)
    yield "adoption", few + "<div></b>" * 8_000
    yield "opened again", f"<p>{few}</p>" + "<p>x" * 20_000
    yield (
        "opened again, hidden",
        f"<p>{_numbered('<b id={}><select></b></select>', 90)}</p>" + ("<p>x" * 20_000),
    )
    yield "end tags", "<div>" * 500 + "</x>" * (most - 500)
    yield "pictures", "<img src=/a>" * most
    yield "gallery", "<img class=gallery-image src=https://x/a.jpg>" * most
    yield "captions", "<figure><img src=/a>" + "<p></p>" * (most // 2) + "</figure>"
    yield "links to the paper", "<a href=newspost.newslink.sg>x</a>" * (most // 2)
    yield "links", "<a href=/x>x</a>" * (most // 2)
    yield "keywords", "<a href=/keywords/x>x</a>" * (most // 2)
    yield "headings", "<h1><div>" * 240 + " " * MOST
    yield "islands", "<astro-island>" * 400 + "<img src=/a>" * (most - 400)
    yield "reading list", "<p>延伸阅读</p>" + "<p><a href=/x>x</a></p>" * (most // 4)
    yield "shuffled", _numbered("<p data-s='abc{}'>x</p>", most // 2)
    deep = "<span>" * 140
    yield "inline", deep + "<b>x</b>" * (most // 3) + "<p>x</p>"


def _small() -> Iterator[tuple[str, str]]:
    """As much as a page may hold whose tags are not gone through one by one."""
    most = 2_400
    for kind in _KINDS:
        yield f"small {kind}", f"<{kind}>" * most
    for name, unit in _MIXED.items():
        yield f"small {name}", unit * (most // unit.count("<"))
    names = " ".join(f"{number:x}" for number in range(cases(2_000, 23_000)))
    yield "attributes behind a sign", f"<p title='>' {names}>"
    yield "attributes of the root behind a sign", f"<html title='>' {names}>"
    few = _numbered("<b id={}>", 45)
    yield "few opened again", f"<p>{few}" + "<p>x" * (most - 50)
    yield "few opened again in each other", f"<p>{few}" + "<div>x" * (most - 50)
    image = "<img class=gallery-image src=https://x/a.jpg>"
    yield "gallery in islands", "<astro-island>" * (most // 2) + image * (most // 2)
    yield "a long line in headings", "<h1>" * most + "x" * 380_000


def hostile() -> Iterator[tuple[str, str]]:
    """Yield the names and the markup of the stories of all hostile pages."""
    unclosed = ((f"broken off {each}", each) for each in _OPEN)
    many = ((f"many {each}", each * (MOST // 8 // len(each))) for each in _OPEN)
    return chain(_nested(), _wide(), _heavy(), _crafted(), _small(), unclosed, many)


_ENDS = frozenset({"article", "unreadable", "thin", "image", "listing"})


def _outcome(body: str, number: int) -> str:
    html = page(f"<p>{LONG}</p>{body}", era=PAGE_ERAS[number % len(PAGE_ERAS)])
    try:
        read_article(html.encode(), REF, NOW, mode=list(BodyMode)[number % 2])
    except Unreadable:
        return "unreadable"
    except NotAStory as error:
        return error.reason
    except Exception as error:  # noqa: BLE001 - what is looked for
        return repr(error)
    return "article"


@pytest.mark.timeout(1_800)
@pytest.mark.alone
@pytest.mark.gate("N10", "deep, huge and malformed pages")
def test_hostile_pages_are_read_or_refused(figures: Figures) -> None:
    """Nothing but an article or an error that is told comes of them; at full scale in 20 s.

    A page of many links may be taken for a list of links: that is a refusal as well. The seconds
    are those of one core, whatever else the machine does.
    """
    ends: Counter[str] = Counter()
    slowest, which, number = 0.0, "", 0
    for number, (name, body) in enumerate(hostile(), 1):
        start = time.thread_time()
        end = _outcome(body, number)
        taken = time.thread_time() - start
        slowest, which = max((slowest, which), (taken, name))
        ends[end] += 1

    others = f", and {sorted(ends.keys() - _ENDS)}" if ends.keys() - _ENDS else ""
    told = sum(ends[end] for end in _ENDS)
    figures.all(f"pages that are articles or refused{others}", told, of=number)
    assert ends["article"] > 20
    if FULL:
        figures.at_most(f"the slowest ({which})", slowest, SLOWEST, " s")


@pytest.mark.parametrize(
    "html",
    [
        pytest.param("<p>x" * (TAG_LIMIT + 1), id="tags"),
        pytest.param("<div>" * 3_000, id="depth"),
        pytest.param("<div><!--</div>-->" * 3_000, id="depth hidden by comments"),
        pytest.param("<div><iframe></div></iframe>" * 3_000, id="depth hidden by raw text"),
        pytest.param("<p x=a'>" + "<div>" * 3_000 + "<p x='>", id="depth hidden by a quote"),
        pytest.param(f"<p {'a=1 ' * (ATTRIBUTE_LIMIT + 1)}>", id="attributes"),
        pytest.param("<p " + "a=''" * (ATTRIBUTE_LIMIT + 1) + ">", id="attributes without blanks"),
        pytest.param(f"<p {_numbered('a{}/', ATTRIBUTE_LIMIT + 1)}>", id="attributes and slashes"),
        pytest.param(_numbered("<p attribute-{}>", NAME_LIMIT + 1), id="names of attributes"),
        pytest.param(f"<p x='>' {_numbered('a{} ', 30_000)}>", id="attributes hidden by a quote"),
        pytest.param(f"<p\n{_numbered('a{}', 400)} {'b/' * 501}>", id="attributes far behind"),
        pytest.param("<svg><p>" + "<path/>" * (DRAWN_LIMIT + 1), id="depth hidden by a drawing"),
        pytest.param("<html a>" * 51, id="roots"),
        pytest.param(_numbered("<b id={}>", 90) + "<p>x" * 20_000, id="opened again"),
        pytest.param(_numbered("<b id='>{}'>", 90) + "<p>x" * 20_000, id="opened again, hidden"),
    ],
)
def test_each_limit_is_held(html: str) -> None:
    """What would take the parser long is refused before, also where it hides."""
    assert too_much(html.encode()) is not None


@pytest.mark.parametrize(
    "html",
    [
        "<script>" + "'<div>'" * 3_000 + "</script>",
        "<!-- " + "<div>" * 3_000 + " -->",
        "<p title='" + "<div>" * 3_000 + "'>",
        "<p title='" + "a b " * 3_000 + "'>",
        "<b>x</b>" * 10_000,
        "<a href=x>x</a>" * 10_000,
        "<div><p>x</div>" * 10_000,
        "<i class=a></i>" * 5_000 + "<div></div>" * 5_000,
        "<param>" * 600 + "<p>x</p>" * 2_500,
        f"<p {'a=1 ' * (ATTRIBUTE_LIMIT - 1)}>",
        f"<p title='{LONG * 20}'>x</p>",
        f"<script>for(i=0;i<n;i++)s='{'x' * 5_000}'</script>",
    ],
    ids=lambda html: html[:14],
)
def test_what_costs_nothing_is_let_in(html: str) -> None:
    """Text that looks like tags, and long pages of ordinary ones, are read."""
    assert too_much(html.encode()) is None


def test_depth_is_far_above_that_of_pages() -> None:
    """The replica's pages, as deep as the site's, are far below each limit."""
    deep = b"<div>" * (DEPTH_LIMIT // 2) + b"</div>" * (DEPTH_LIMIT // 2)

    assert [too_much(each * 10 + deep) for each in pages()] == [None] * len(pages())


@pytest.mark.timeout(1_800)
@pytest.mark.gate("N10", "mutated pages")
@pytest.mark.parametrize("part", range(cases(1, 20)))
def test_mutated_pages_are_read_or_refused(part: int, figures: Figures) -> None:
    """Bytes flipped, cut, spliced and put in: no error but those that are told."""
    count = cases(2_000, 50_000)
    random = Random(part)  # noqa: S311 - to be repeated, not to be secret
    replicas, small = pages()[: len(PAGE_ERAS)], pages()[len(PAGE_ERAS) :]
    articles, errors = 0, []
    for number in range(count):
        seeds = replicas if number % REPLICA_EVERY == 0 else small
        data = mutated(random, random.choice(seeds), replicas)
        try:
            read_page(data, REF, NOW, list(BodyMode)[number % 2])
            articles += 1
        except (NotAStory, Unreadable):
            pass
        except Exception as error:  # noqa: BLE001 - what is looked for
            errors.append(f"{error!r}: {data!r}")

    shown = f": {errors[:3]}" if errors else ""
    figures.none(f"errors that are not told{shown}", len(errors), of=count)
    figures.at_least("share of articles", articles / count, 0.2)


_PLAIN = "<p>x</p>" * 2_500
_ICON = '<i class="icon icon-{}"><svg><path d="M0 0"/><path d="M1 1"></path></svg></i>'
_FEW = _numbered("<b id={}>", 90)


@pytest.mark.parametrize(
    "html",
    [
        pytest.param(_numbered("<b data-id={}><a>x</a></b>", 150) + _PLAIN, id="names of users"),
        pytest.param(_numbered(_ICON, 34) + _PLAIN, id="icons"),
        pytest.param(_numbered("<i class=a{}><span></span></i>", 34) + _PLAIN, id="spans"),
        pytest.param(
            _numbered("<p><em a={0}>x<a>y</a></em><u a={0}><a>z</a></u></p>", 9) + _PLAIN * 4,
            id="live blog",
        ),
        pytest.param(
            f"<script>s='{_numbered('<strong a={}>', 60)}'</script>{_PLAIN * 2}", id="state"
        ),
    ],
)
def test_formatting_that_is_closed_is_let_in(html: str) -> None:
    """What its own end tag closes is not opened again, whatever stands inside."""
    assert too_much(html.encode()) is None


@pytest.mark.parametrize(
    "html",
    [
        pytest.param(_numbered("<b id={}><select></b></select>", 90), id="select"),
        pytest.param(_numbered("<b id={}><div></b></div>", 90), id="misnested"),
        pytest.param(
            _numbered("<b id={}><div><table></div></b></table></div>", 90), id="end tags ignored"
        ),
        pytest.param("<table><tr>" + _numbered("<b id={}><td></b></td>", 90), id="cells"),
        pytest.param(f"<noscript>{_FEW}</noscript>", id="without scripts"),
        pytest.param(f"<svg><style>{_FEW}</style>", id="style in a drawing"),
        pytest.param(f"<svg><desc></svg></desc><title>{_FEW}</title>", id="title in a drawing"),
        pytest.param(_numbered("<b id={}><svg><![CDATA[></svg></b>]]></svg>", 90), id="CDATA"),
        pytest.param(
            "<svg><p>" + _numbered(f"<b id={{}}>{'<div/>' * 9}</b>", 90), id="drawing left"
        ),
    ],
)
def test_an_end_tag_out_of_order_closes_nothing(html: str) -> None:
    """Formatting that the parser keeps open counts, however it seems to be closed."""
    assert too_much((html + "<p>x" * 20_000).encode()) is not None
