"""Stored scripts: two hundred ways to put one into a body, and none that gets into a post."""

from __future__ import annotations

import pytest
from selectolax.lexbor import LexborHTMLParser

from harvester import drafts, post
from harvester.errors import Unreadable
from harvester.model import BodyMode
from harvester.zaobao import story_ref
from tests.support.figures import Figures
from tests.support.pages import LONG, NOW, URL, page
from tests.support.payloads import CALL, CUT_BY_CONTROLS, PAYLOADS

_ACTIVE = (
    "script, style, noscript, template, object, embed, applet, base, meta, link, svg, math, form, "
    "frame, frameset, iframe[srcdoc]"
)
_ADDRESSES = frozenset(
    [
        "href",
        "src",
        "data-src",
        "action",
        "formaction",
        "background",
        "poster",
        "xlink:href",
        "data",
        "srcset",
    ]
)
_SAFE = ("http://", "https:/", ",", "mailto:", "tel:", "/", "#", "?", "x")


def _active(html: str, *, scripting: bool) -> list[str]:
    """Return what could act in a browser that shows this body."""
    tree = LexborHTMLParser(f"<body><div>{html}</div>", scripting=scripting)
    found = [node.html or "" for node in tree.css(_ACTIVE) if node.tag not in ("head", "body")]
    for node in tree.css("*"):
        for name, value in node.attributes.items():
            bare = "".join((value or "").split()).lower()
            foreign = name in _ADDRESSES and bare and not bare.startswith(_SAFE)
            if name.startswith("on") or foreign:
                found.append(f"{node.tag} {name}={value}")
    return found


def _body(payload: str, mode: BodyMode) -> str:
    """Return the body of the post that a page with this payload becomes, "" if it is refused."""
    html = page(f"<p>{LONG}</p>{payload}<p>{LONG}</p>")
    try:
        article = drafts.read_page(html.encode(), story_ref(URL), NOW, mode)
    except Unreadable:
        return ""
    return post.read_post(drafts.draft_of_page(article, NOW).data).body


@pytest.mark.gate("C5", "script payloads")
def test_no_payload_is_active_in_a_post(figures: Figures) -> None:
    """In both modes, with and without scripting, nothing in the written post can act."""
    active: list[tuple[str, BodyMode, list[str]]] = []
    for payload in PAYLOADS:
        for mode in BodyMode:
            body = _body(payload, mode)
            found = [
                one for scripting in (True, False) for one in _active(body, scripting=scripting)
            ]
            active += [(payload, mode, found)] if found else []

    shown = f": {active[:3]}" if active else ""
    bodies = len(PAYLOADS) * len(BodyMode)
    figures.at_least("payloads", len(PAYLOADS), 200)
    figures.none(f"bodies with something active{shown}", len(active), of=bodies)


def test_the_text_around_a_payload_stays() -> None:
    """What stands before a payload is in the post in both modes, unless the page is refused."""
    bodies = [_body(payload, mode) for payload in PAYLOADS for mode in BodyMode]

    assert [body for body in bodies if body and LONG not in body] == []
    assert bodies.count("") <= 4  # nested deeper than a body may be


@pytest.mark.parametrize("payload", CUT_BY_CONTROLS)
@pytest.mark.parametrize("mode", BodyMode)
def test_control_characters_hide_no_payload(payload: str, mode: BodyMode) -> None:
    """Names that become active once their control characters are deleted are found too."""
    body = _body(payload.format(CALL), mode)

    assert _active(body, scripting=True) == []


def test_the_check_itself_sees_payloads() -> None:
    """Most payloads would be active as they stand: the test looks at something."""
    seen = [payload for payload in PAYLOADS if _active(payload, scripting=True)]

    assert len(seen) >= 200
