"""Links and frames that may stand in a clean body."""

from __future__ import annotations

from urllib.parse import urlsplit

from selectolax.lexbor import LexborNode

from harvester.zaobao.escape import attribute
from harvester.zaobao.images import absolute, secure

_LINK_SCHEMES = ("https://", "http://", "mailto:")
# Players that the site is known to embed, and the common ones beside them.
_PLAYERS = (
    *("youtube.com", "youtube-nocookie.com", "youtu.be", "facebook.com", "brightcove.net"),
    *("vimeo.com", "dailymotion.com", "cdn.embedly.com", "twitter.com", "x.com", "instagram.com"),
    *("tiktok.com", "omny.fm", "soundcloud.com", "spotify.com", "player.bilibili.com", "v.qq.com"),
)
# The player of the newspaper itself; the page's script would fill it in.
_BRIGHTCOVE = "https://players.brightcove.net/{account}/{player}_default/index.html?videoId={video}"


def safe_link(href: str | None, base: str) -> str:
    """Return a link as absolute address, or "" for what may not be linked (scripts, data)."""
    url = absolute(href, base) if href else ""
    return url if url.lower().startswith(_LINK_SCHEMES) else ""


def embed(node: LexborNode, base: str) -> str:
    """Return the frame of a known player, or "" where the node is none.

    Shapes: `iframe[src]`, and `video-js[data-video-id]` of the newspaper's own player.
    """
    if node.tag not in ("iframe", "video-js"):
        return ""
    values = node.attributes
    if node.tag == "iframe":
        return _frame(secure(values.get("src") or values.get("data-src") or "", base))
    if video := values.get("data-video-id"):
        account = values.get("data-account") or "4802324430001"
        player = values.get("data-player") or "default"
        return _frame(_BRIGHTCOVE.format(account=account, player=player, video=video))
    return ""


def _frame(url: str) -> str:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    known = any(host == player or host.endswith(f".{player}") for player in _PLAYERS)
    # Browsers read a backslash as a slash: then the host is another one.
    if not known or "\\" in url or not url.startswith("https://"):
        return ""
    return f"<iframe{attribute('src', url)} allowfullscreen></iframe>"
