"""Pages of stories, one module per era of the site."""

from __future__ import annotations

from collections.abc import Callable

from harvester.model import Era
from harvester.replica.pages import hk2020, hk2025, sg2013, sg2019, sg2024
from harvester.replica.story import Story, Variant

_RENDERERS: dict[Era, Callable[[Story, str], str]] = {
    Era.SG_2013: sg2013.render,
    Era.SG_2019: sg2019.render,
    Era.SG_2024: sg2024.render,
    Era.HK_2020: hk2020.render,
    Era.HK_2025: hk2025.render,
}


def render(story: Story, host: str) -> bytes:
    """Return the page that `host` shows for the story, in that host's markup of the story's era."""
    text = _RENDERERS[story.era_on(host)](story, host)
    return text.encode("gb18030" if story.variant is Variant.GB2312 else "utf-8")


def charset(story: Story, host: str) -> str | None:
    """Return the label of the HTTP header; the site of 2025 gives none on .com."""
    if story.variant is Variant.GB2312:
        return "GB2312"
    return None if story.era_on(host) is Era.HK_2025 else "utf-8"
