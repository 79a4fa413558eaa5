"""A page in new clothes: other markup, advertisements, counters and links around the same story.

What a reader of the story reads is the same to the letter, white space aside.
"""

from __future__ import annotations

import random
import re
from dataclasses import replace

from harvester.replica.pages import charset, render
from harvester.replica.pages.surroundings import EDITION
from harvester.replica.story import Figure, Story

_SCRIPTS = re.compile(
    r"(<(?:script|style|title)\b.*?</(?:script|style|title)>)", re.DOTALL | re.IGNORECASE
)
_TAG = re.compile(r"<([a-zA-Z][\w-]*)((?:\s+[\w:-]+(?:=\"[^\"]*\")?)*)\s*(/?)>")
_ATTRIBUTE = re.compile(r"[\w:-]+(?:=\"[^\"]*\")?")
_BLOCKS = frozenset({"p", "div", "section", "ul", "ol", "li", "h2", "h3", "figure", "blockquote"})
_ADS = (
    '<div class="google-ad my-{n}"><span>广告</span><div id="dfp-ad-new{n}"></div></div>',
    '<div class="bff-google-ad slot-{n}"><p>广告</p><img src="https://ads.example/{n}.jpg"></div>',
    '<div id="dfp-ad-midarticle{n}"><p>广告：第{n}号优惠</p></div>',
    '<div id="innity-{n}"><p>赞助内容{n}</p></div>',
    '<div class="OUTBRAIN"><p>你可能感兴趣的{n}则</p></div>',
    '<div class="figure-media-gallery-nav"><span>{n}/9999</span></div>',
    '<ins class="adsbygoogle" data-ad-slot="{n}"></ins>',
    '<iframe src="https://ads.example/frame?{n}" width="300" height="250"></iframe>',
    '<script async src="https://ads.example/{n}.js"></script>',
    "<script>window.adq=(window.adq||[]).concat('<p>{n}</p>');</script>",
    "<!-- slot {n} -->",
)
_HEAD = (
    '<script src="/_n/runtime.{n}.js"></script><script>var build="{n}";</script>'
    '<meta name="build" content="{n}"/><link rel="preload" href="/_n/{n}.css" as="style"/></head>'
)
_COUNTERS = '<div class="counts"><span>{n} 次阅读</span><span>{m} 则评论</span></div>'


def restyled(story: Story, host: str, number: int) -> bytes:
    """Return the page of a story in a new layout; its counters are those of request `number`."""
    luck = random.Random(f"restyled:{story.story_id}:{number}")  # noqa: S311 - layout, not secrets
    figures = tuple(Figure(_elsewhere(f.url, luck), f.caption) for f in story.figures)
    edition = EDITION.set(f"restyled-{number}")
    try:
        page = render(replace(story, figures=figures), host)
    finally:
        EDITION.reset(edition)
    label = "gb18030" if charset(story, host) == "GB2312" else "utf-8"
    parts = _SCRIPTS.split(page.decode(label))
    text = "".join(
        part if at % 2 else _TAG.sub(lambda tag: _tag(tag, luck), part)
        for at, part in enumerate(parts)
    )
    counters = _COUNTERS.format(n=luck.randrange(10**6), m=luck.randrange(900))
    text = text.replace("</h1>", f"</h1>{counters}", 1)
    text = text.replace("</head>", _HEAD.format(n=luck.randrange(10**6)), 1)
    return text.replace("</body>", f"{counters}</body>", 1).encode(label)


def _elsewhere(url: str, luck: random.Random) -> str:
    """Return another address of a picture on the same host."""
    stem, _, name = url.partition("?")[0].rpartition("/")
    return f"{stem}/{luck.randrange(16**8):08x}{name}"


def _tag(tag: re.Match[str], luck: random.Random) -> str:
    """Return an opening tag with more classes, in another order; new things stand before it."""
    name, attributes, closing = tag[1], _ATTRIBUTE.findall(tag[2]), tag[3]
    attributes = [_classed(each, luck) for each in attributes]
    if not any(each.startswith("class=") for each in attributes):
        attributes.append(f'class="n{luck.randrange(999)}"')
    attributes.append(f'data-v-{luck.randrange(16**6):06x}=""')
    luck.shuffle(attributes)
    blank = luck.choice((" ", "\n  ", "  "))
    opened = f"<{name}{blank}{blank.join(attributes)}{closing}>"
    if name not in _BLOCKS:
        return opened
    before = luck.choice(("", "\n", "\n\n    ", "\t"))
    has_ad = name == "p" and luck.random() < 0.25
    ad = luck.choice(_ADS).format(n=luck.randrange(10**4)) if has_ad else ""
    return f"{before}{ad}{opened}"


def _classed(attribute: str, luck: random.Random) -> str:
    """Return a class attribute with two more names; others as they are."""
    if not attribute.startswith('class="'):
        return attribute
    names = attribute[7:-1].split()
    for _ in range(2):
        names.insert(luck.randrange(len(names) + 1), f"c{luck.randrange(16**4):04x}")
    return f'class="{" ".join(names)}"'
