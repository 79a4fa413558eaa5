"""The sections of the site as data. They move (2024-03, 2026-07), so nothing else names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harvester.model import Scope, StoryRef
from harvester.zaobao.urls import HK_HOST, SG_HOST


@dataclass(frozen=True, slots=True)
class Section:
    """A section with listings: its path and its name on the site."""

    path: str
    name: str


# As of 2026. Old stories keep their old path in the sitemap; these are for listings only.
SECTIONS = (
    Section("realtime/china", "即时中国"),
    Section("realtime/singapore", "即时新加坡"),
    Section("realtime/world", "即时国际"),
    Section("realtime/finance", "即时财经"),
    Section("news/singapore", "新加坡"),
    Section("news/china", "中国"),
    Section("news/world", "国际"),
    Section("news/sea", "东南亚"),
    Section("news/sports", "体育"),
    Section("finance/singapore", "新加坡财经"),
    Section("finance/china", "中国财经"),
    Section("finance/world", "全球财经"),
    Section("forum/editorial", "社论"),
    Section("forum/views", "观点"),
    Section("forum/talk", "交流站"),
    Section("entertainment", "娱乐"),
    Section("lifestyle", "生活"),
    Section("wencui", "文萃"),
)

# The lists that are looked at live, unless others are asked for. One list shows the four sections
# of realtime news together; the sections of print appear once a day, and the sitemap has them all.
LIVE_LISTS = ("realtime",)

# Where story addresses lead to no article, and why. Prefixes of the path.
_NO_ARTICLES = {
    "forum/comic": "comic",
    "horse-racing/race-results": "race-results",
    "interactive-graphics": "interactive",
    "lifestyle/zodiac": "zodiac",
    "news/zodiac": "zodiac",
    "podcast": "audio",
    "shorts": "video",
    "specials": "special",
    "videos": "video",
    "zvideos": "video",
}


def in_section(path: str, section: str) -> bool:
    """Say whether `path` is `section` or lies below it."""
    return path == section or path.startswith(f"{section}/")


def in_any(path: str, sections: Sequence[str]) -> bool:
    """Say whether `path` is in one of `sections`; no sections mean all."""
    return not sections or any(in_section(path, section) for section in sections)


def in_scope(ref: StoryRef, scope: Scope) -> bool:
    """Say whether an address lies in a scope of issue days and sections."""
    late = scope.until is not None and ref.day > scope.until
    early = scope.since is not None and ref.day < scope.since
    return in_any(ref.section, scope.sections) and not (late or early)


def below(section: str) -> tuple[str, ...]:
    """Return the known sections that lie below one."""
    return tuple(s.path for s in SECTIONS if s.path != section and in_section(s.path, section))


def no_article(path: str) -> str | None:
    """Return why stories below a path are no articles, or None where they are."""
    return next((why for prefix, why in _NO_ARTICLES.items() if in_section(path, prefix)), None)


def listing_urls(section: str) -> tuple[str, ...]:
    """Return the addresses of a section's newest list, the best first."""
    return (
        f"https://{SG_HOST}/_plat/api/v2/page-content/{section}?page=0",
        f"https://{SG_HOST}/{section}",
        f"https://{HK_HOST}/{section}",
    )
