"""Stored scripts: two hundred ways to put one into a body, and none that gets into a post."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selectolax.lexbor import LexborHTMLParser

from harvester import drafts, post
from harvester.model import BodyMode
from harvester.zaobao import story_ref
from tests.support.pages import LONG, NOW, URL, page

_CALL = "alert(1)"
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
_SAFE = ("http://", "https://", "mailto:", "tel:", "/", "#", "?", "x")

_TAGS = [
    "p",
    "a",
    "b",
    "div",
    "span",
    "img",
    "figure",
    "td",
    "blockquote",
    "section",
    "details",
    "iframe",
    "video",
    "marquee",
]
_EVENTS = ["onclick", "onerror", "ONLOAD", "onmouseover", "onfocus autofocus onblur", "onbegin"]

_SCHEMES = [
    "javascript:{}",
    "JaVaScRiPt:{}",
    " javascript:{}",
    "\tjavascript:{}",
    "java\tscript:{}",
    "java\nscript:{}",
    "java&#10;script:{}",
    "java&#x0d;script:{}",
    "&#1;javascript:{}",
    "&#106;&#97;vascript&colon;{}",
    "&#x6A;avascript:{}",
    "java&Tab;script:{}",
    "java&NewLine;script:{}",
    "javascript&#58;//%0a{}",
    "vbscript:{}",
    "data:text/html,<script>{}</script>",
    "data:text/html;base64,PHNjcmlwdD4=",
    "DATA:image/svg+xml,<svg onload={}>",
    "blob:https://a.example/{}",
    "filesystem:https://a.example/{}",
]
_PLACES = [
    '<a href="{}">x</a>',
    '<iframe src="{}"></iframe>',
    '<img src="{}">',
    '<img data-src="{}" src="/a.jpg">',
    '<a xlink:href="{}">x</a>',
    '<td background="{}">x</td>',
]

_ELEMENTS = [
    "<script>{}</script>",
    "<SCRIPT src=//evil.example></SCRIPT>",
    "<script\n>{}</script\n>",
    "<script/x>{}</script>",
    "<scr<script>ipt>{}</script>",
    "<script>{}",
    "<<script>{}//<</script>",
    '<script type="module">{}</script>',
    "<svg onload={}>",
    "<svg/onload={}>",
    "<svg><script>{}</script></svg>",
    "<svg><script>alert&#40;1)</script></svg>",
    "<svg><a xlink:href='javascript:{}'><text>x</text></a></svg>",
    "<svg><animate attributeName=href values=javascript:{} /></svg>",
    "<svg><foreignObject><iframe onload={}></foreignObject></svg>",
    "<svg><use href='data:image/svg+xml,<svg onload={}>'/></svg>",
    "<svg></p><style><a id='</style><img src=x onerror={}>'>",
    "<math href='javascript:{}'>x</math>",
    "<math><mtext><table><mglyph><style><!--</style><a title='--&gt;&lt;img src=x onerror={}&gt;'>",
    "<math><annotation-xml encoding='text/html'><script>{}</script></annotation-xml></math>",
    "<form><math><mtext></form><form><mglyph><style></math><img src=x onerror={}>",
    "<style>@import 'javascript:{}'</style>",
    "<style><img src='</style><img src=x onerror={}>'></style>",
    "<noscript><p title='</noscript><img src=x onerror={}>'></noscript>",
    "<noembed><img src='</noembed><img src=x onerror={}>'></noembed>",
    "<noframes><script>{}</script></noframes>",
    "<textarea><img title='</textarea><img src=x onerror={}>'></textarea>",
    "<title><img title='</title><img src=x onerror={}>'></title>",
    "<xmp><img title='</xmp><img src=x onerror={}>'></xmp>",
    "<iframe><img title='</iframe><img src=x onerror={}>'></iframe>",
    "<template><script>{}</script></template>",
    "<template><img src=x onerror={}></template>",
    "<object data='javascript:{}'></object>",
    "<object type='text/x-scriptlet' data='//evil.example'><param name=url></object>",
    "<embed src='javascript:{}'>",
    "<applet code='{}'></applet>",
    "<base href='//evil.example/'>",
    "<meta http-equiv=refresh content='0;url=javascript:{}'>",
    "<link rel=stylesheet href='javascript:{}'>",
    "<link rel=import href='data:text/html,<script>{}</script>'>",
    "<form action='javascript:{}'><button>x</button></form>",
    "<form><button formaction='javascript:{}'>x</button></form>",
    "<button formaction='javascript:{}'>x</button>",
    "<input onfocus={} autofocus>",
    "<isindex action='javascript:{}' type=image>",
    "<frameset onload={}></frameset>",
    "<frame src='javascript:{}'>",
    "<body onload={}>",
    "<html onload={}>",
    "<video poster='javascript:{}'><source onerror={}></video>",
    "<audio src=x onerror={}></audio>",
    "<iframe srcdoc='<script>{}</script>'></iframe>",
    "<iframe srcdoc='&lt;img src=x onerror={}&gt;'></iframe>",
    "<!--><img src=x onerror={}>-->",
    "<!--><script>{}</script>",
    "<!-- --!><img src=x onerror={}> -->",
    "<![CDATA[<img src=x onerror={}>]]>",
    "<?xml <img src=x onerror={}> ?>",
    "<!DOCTYPE x [<!ENTITY y '<img src=x onerror={}>'>]>",
    "<img src='x' onerror\n=\n{}>",
    "<img/src='x'/onerror={}>",
    "<img src=x:x onerror&equals;{} onerror={}>",
    '<img src="x`><script>{}</script>"`>',
    '<img """><script>{}</script>">',
    "<img src=x title='a' 'onerror={}' onerror={}>",
    "<a href=x title='\"><script>{}</script>'>x</a>",
    "<p title='</p><script>{}</script>'>x</p>",
    "<table background='javascript:{}'><tr><td>x</td></tr></table>",
    "<table><form><input onclick={}></form></table>",
    "<select><option><script>{}</script></option></select>",
    "<select><style></select><img src=x onerror={}></style>",
    "<details open ontoggle={}>x</details>",
    "<marquee onstart={}>x</marquee>",
    "<x onclick={}>x</x>",
    "<x-y id=x tabindex=1 onfocus={}></x-y>",
    "<p style='x' onanimationstart={}>x</p>",
    "<lazy-component><img src=x onerror={}></lazy-component>",
    "<video-js data-video-id='\"><script>{}</script>' data-account='x'></video-js>",
    "<iframe src='https://www.youtube.com/embed/\"onload={}'></iframe>",
    "<figure><figcaption>&lt;script&gt;{}&lt;/script&gt;</figcaption></figure>",
    "<img src='https://a.example/a.jpg' alt='\"><script>{}</script>'>",
    "<img data-src='https://a.example/\"onerror={}' src='x'>",
    "&lt;script&gt;{}&lt;/script&gt;",
    "&amp;lt;script&amp;gt;{}",
    "{{{{ '<script>{}</script>' }}}}",
    "{{% raw %}}<script>{}</script>{{% endraw %}}",
]
_CUT_BY_CONTROLS = [
    "<img src=x o\x01nerror={}>",
    "<img src=x o\x7fnerror={}>",
    "<img src=x o\x85nerror={}>",
    "<scr\x01ipt>{}</scr\x01ipt>",
    "<sv\x02g onload={}></sv\x02g>",
    "<iframe s\x01rcdoc='<script>{}</script>'></iframe>",
    "<a h\x01ref='javascript:{}'>x</a>",
]


def _payloads() -> Iterator[str]:
    yield from (f"<{tag} {event}={_CALL} src=x>x</{tag}>" for tag in _TAGS for event in _EVENTS)
    for place in _PLACES:
        yield from (place.format(scheme.format(_CALL)) for scheme in _SCHEMES)
    yield from (element.format(*[_CALL] * element.count("{}")) for element in _ELEMENTS)


PAYLOADS = list(_payloads())


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
    """Return the body of the post that a page with this payload becomes."""
    html = page(f"<p>{LONG}</p>{payload}<p>{LONG}</p>")
    article = drafts.read_page(html.encode(), story_ref(URL), NOW, mode)
    return post.read_post(drafts.draft_of_page(article, NOW).data).body


def test_there_are_two_hundred() -> None:
    """The threat model asks for 200 payloads."""
    assert len(set(PAYLOADS)) >= 200


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_payload_is_active_in_a_post(payload: str) -> None:
    """In both modes, with and without scripting, nothing in the written post can act."""
    for mode in BodyMode:
        body = _body(payload, mode)
        assert LONG in body
        assert _active(body, scripting=True) == []
        assert _active(body, scripting=False) == []


@pytest.mark.parametrize("payload", _CUT_BY_CONTROLS)
@pytest.mark.parametrize("mode", BodyMode)
def test_control_characters_hide_no_payload(payload: str, mode: BodyMode) -> None:
    """Names that become active once their control characters are deleted are found too."""
    body = _body(payload.format(_CALL), mode)

    assert _active(body, scripting=True) == []


def test_the_check_itself_sees_payloads() -> None:
    """Most payloads would be active as they stand: the test looks at something."""
    seen = [payload for payload in PAYLOADS if _active(payload, scripting=True)]

    assert len(seen) >= 200
