# ruff: noqa: E501 - markup keeps its lines
"""What stands at the address of a story and is no article, or none that can be archived."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from harvester.model import Era
from harvester.replica.making import make
from harvester.replica.pages import render, sg2013
from harvester.replica.pages.surroundings import cards, footer, menu, trackers
from harvester.replica.story import SG, Block, Figure, Story, issue_day
from harvester.replica.texts import Writer

_TIME = re.compile(
    r'"datePublished": "[^"]*", |<div class="[a-z-]*story-postdate">.*?(?:</div>|\Z)', re.DOTALL
)
_OMNY = "https://omny.fm/shows/zaobao-brief/episode/embed"
NESTING = 20_000
UNREADABLE = frozenset({"no-time", "hostile-nesting"})


@dataclass(frozen=True, slots=True)
class Other:
    """An answer that must not be archived: `kind` says what it is; `page` makes its body."""

    path: str
    kind: str
    status: int = 200
    page: Callable[[], bytes] = bytes
    location: str | None = None
    host: str = SG

    @property
    def url(self) -> str:
        """Its real address."""
        return f"https://{self.host}/{self.path}"


def _story(path: str, era: Era = Era.SG_2024, **changes: Any) -> Story:  # noqa: ANN401
    """Return the story that would stand there, of nine in the morning of its issue day."""
    return make(path, era, f"{issue_day(path):%Y-%m-%d}T09:00:00", **changes)


def _as_page(path: str, kind: str, era: Era = Era.SG_2024, **changes: Any) -> Other:  # noqa: ANN401
    story = _story(path, era, **changes)
    return Other(path, kind, page=lambda: render(story, SG))


def _sentence(text: str) -> tuple[Block, ...]:
    return (Block("p", text),)


def _plain(path: str, kind: str, title: str, content: str, status: int = 200) -> Other:
    """Return a page of the site's frame around words that belong to no story."""
    head = f'<meta charset="utf-8"><title>{title}</title>{trackers("bff")}'
    main = f"<main><h1>{title}</h1>{content}</main>"
    related = cards(_story(path), "card-listing grid", "最新", 12)
    body = f"{menu('flex-nav', 2)}{main}{related}{footer(1)}"
    text = f'<!DOCTYPE html><html lang="zh-Hans"><head>{head}</head><body>{body}</body></html>'
    return Other(path, kind, status, text.encode)


def _bare(path: str, kind: str, text: str) -> Other:
    return Other(path, kind, page=f"<!DOCTYPE html>\n<html>{text}</html>".encode)


def _video(path: str) -> Other:
    story = _story(path, body=_sentence("视频观看：点击视频，看街坊怎么说。"), embeds=(_OMNY,))
    marks = (b'name="contentType" content="article"', b'name="contentType" content="video"')
    return Other(path, "video", page=lambda: render(story, SG).replace(*marks))


def _timeless(path: str) -> Other:
    story = _story(path, Era.SG_2019)
    return Other(path, "no-time", page=lambda: _TIME.sub("", render(story, SG).decode()).encode())


def _comic(path: str) -> Other:
    picture = Figure(
        "https://www.zaobao.com.sg/sites/default/files/images/201612/zb_cartoon.jpg", "早报漫画"
    )
    story = _story(path, Era.SG_2013, title="早报漫画", figures=(picture,), body=_sentence("\xa0"))
    return Other(path, "comic", page=lambda: sg2013.render(story, SG).encode())


def _nested(path: str) -> Other:
    def page() -> bytes:
        head = '<html><head><meta charset="utf-8"><title>深</title></head><body><article>'
        body = "<div>" * NESTING + "<p>最里面的一句话。</p>" + "</div>" * NESTING
        return f'{head}<div class="articleBody">{body}</div></article></body></html>'.encode()

    return Other(path, "hostile-nesting", page=page)


def _photo(path: str) -> Other:
    writer = Writer(path)
    figure = Figure(
        f"https://cassette.sphdigital.com.sg/image/zaobao/{writer.token(64, '0123456789abcdef')}",
        writer.caption(),
    )
    return _as_page(path, "photo", title="【每日一图】", figures=(figure,), body=_sentence("\xa0"))


def others() -> tuple[Other, ...]:
    """Return one of each kind."""
    return (*_walls(), *_kinds(), *_elsewhere(), *_broken())


def _walls() -> Iterator[Other]:
    """Pages that a site shows to anybody, whatever was asked for."""
    yield _plain(
        "realtime/china/story20250301-5900001",
        "soft-404",
        "找不到网页",
        "<p>抱歉，您要找的网页不存在或已被移除。</p>",
    )
    yield _bare(
        "realtime/china/story20250302-5900002",
        "consent",
        '<head><title>Cookie 同意</title></head><body><div id="consent"><h1>我们重视您的隐私</h1><p>请同意使用 Cookie 以继续浏览。</p><button>同意</button></div></body>',
    )
    yield _bare(
        "realtime/world/story20250303-5900003",
        "challenge",
        '<head><title>Just a moment...</title></head><body><noscript>Enable JavaScript and cookies to continue</noscript><form id="challenge-form" action="/cdn-cgi/challenge"></form></body>',
    )
    yield _plain(
        "news/china/story20250304-5900004",
        "login",
        "登录",
        '<form action="/login" method="post"><label>邮箱<input name="email"></label><label>密码<input type="password" name="password"></label><button>登录</button></form>',
    )
    yield _plain("news/world/story20200313-1037013", "gone-404", "404", "<p>找不到网页</p>", 404)
    yield _plain("news/world/story20200314-1037014", "gone-410", "410", "<p>网页已移除</p>", 410)


def _kinds() -> Iterator[Other]:
    """Pages of the paper that are no articles."""
    yield _video("realtime/singapore/story20250305-5900005")
    yield _as_page(
        "realtime/singapore/story20250306-5900006",
        "audio",
        title="听新闻简报 3月6日",
        body=_sentence("点击收听。"),
        embeds=(_OMNY,),
    )
    yield _comic("forum/comic/story20161202-697000")
    yield _as_page("lifestyle/zodiac/story20250625-6908805", "zodiac", title="生肖运程")
    yield _as_page("horse-racing/race-results/story20250608-6800008", "race-results", title="赛果")
    yield _photo("lifestyle/photography/story20250629-5705015")
    yield _as_page(
        "shorts/story20250623-6955784",
        "shorts",
        body=_sentence("点击视频观看。"),
        embeds=(_OMNY,),
    )


def _elsewhere() -> Iterator[Other]:
    """Addresses of stories that lead to something else."""
    specials = "specials/the-audio-brief/20260216"
    yield Other(
        "news/singapore/story20260216-8518903",
        "specials",
        302,
        location=f"https://{SG}/{specials}",
    )
    yield _bare(specials, "specials-page", "<head><title>听新闻</title></head><body>音频</body>")
    yield Other(
        "news/singapore/story20171012-802000",
        "interactive",
        302,
        location="https://interactive.zaobao.com.sg/2017/river/",
    )
    yield _plain(
        "finance/china/story20250311-5900011",
        "section-front",
        "中国财经",
        "<p>中国财经新闻</p>",
    )


def _broken() -> Iterator[Other]:
    """Articles from which nothing can be archived."""
    yield _as_page(
        "news/world/story20250312-5900012", "teaser", body=_sentence("点击标题，阅读全文。")
    )
    yield _timeless("realtime/china/story20230315-1373015")
    yield _nested("realtime/world/story20250316-5900016")
    yield _as_page(
        "realtime/world/story20210317-1131017", "empty-body", Era.SG_2019, body=_sentence("\xa0")
    )
