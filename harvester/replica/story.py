"""The noun of the replica: a story as its page must be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import StrEnum

from harvester.model import Access, Era

SG = "www.zaobao.com.sg"
HK = "www.zaobao.com"

SITE_ZONE = timezone(timedelta(hours=8))
"""The clock of the site: pages without a zone mean UTC+8."""

_SG_OF = {Era.HK_2020: Era.SG_2019, Era.HK_2025: Era.SG_2024}
_HK_OF = {Era.SG_2019: Era.HK_2020, Era.SG_2024: Era.HK_2025}


class Variant(StrEnum):
    """Ways in which a page differs from the common one of its era; other eras ignore it."""

    PLAIN = ""
    # 2013 to 2018
    ZPOLITICS = "zpolitics"  # small template: #article-content
    CULTURE = "culture"  # small template: #article_content .a_body
    GB2312 = "gb2312"  # says GB2312, holds gb18030
    # 2019 to 2024
    US_DATE = "us-date"  # JSON-LD with MM/DD/YYYY - HH:MM and no zone
    # since 2024
    NO_JSONLD = "no-jsonld"
    NO_STATE = "no-state"
    NO_LAYER = "no-layer"
    CUT_JSONLD = "cut-jsonld"
    CUT_STATE = "cut-state"
    CONTROL = "control"  # control characters inside JSON-LD
    STATE_ONLY = "state-only"  # the body only in the hydration state


@dataclass(frozen=True, slots=True)
class Block:
    """A leaf of the body: `tag` is p, h2, h3, li, td, quote, tweet or tweet-by."""

    tag: str
    text: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture: its real absolute address, without the size query of the 2024 image host."""

    url: str
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """What a reader of the page must find, and where the page stands.

    `path` has no leading slash; `also` are further paths of the same story. `published` has
    seconds only where the page has them. In a preview `body` is the part that is served.
    `embeds` are addresses of embedded frames; their content is no part of the body.
    """

    story_id: str
    path: str
    era: Era
    title: str
    published: datetime
    body: tuple[Block, ...]
    hosts: tuple[str, ...] = (SG,)
    also: tuple[str, ...] = ()
    author: str = ""
    tags: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    embeds: tuple[str, ...] = ()
    access: Access = Access.FULL
    variant: Variant = Variant.PLAIN

    @property
    def blocks(self) -> tuple[str, ...]:
        """The texts of the body in reading order, without captions."""
        return tuple(block.text for block in self.body)

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths of the story, the main one first."""
        return (self.path, *self.also)

    @property
    def urls(self) -> tuple[str, ...]:
        """All real addresses that show the story."""
        return tuple(f"https://{host}/{path}" for host in self.hosts for path in self.paths)

    @property
    def section(self) -> str:
        """The path in front of the story, as `realtime/china`."""
        return self.path.rpartition("/")[0]

    @property
    def local(self) -> datetime:
        """The time of publication on the site's clock."""
        return self.published.astimezone(SITE_ZONE)

    def era_on(self, host: str) -> Era:
        """Return in which era's markup `host` shows the story."""
        counterparts = _HK_OF if host == HK else _SG_OF
        return counterparts.get(self.era, self.era)


def issue_day(path: str) -> datetime:
    """Return the start of the day in a story's path, on the site's clock."""
    day = path.rpartition("/story")[2].partition("-")[0]
    return datetime.strptime(f"{day}+0800", "%Y%m%d%z")
