"""Real addresses of pictures: lazy attributes, placeholders, the two names of one store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urljoin

# Themes, share cards, subscriber banners, 1x1 gifs and what old tools made of them.
_PLACEHOLDER = re.compile(
    r"^data:|/themes/custom/[^/]+/images/(?:default-img|social-share)|/zb2016/assets/imgs/"
    r"|/_web2/assets/|/freemium_images/|R0lGODlh|/undefined$|tag-icon|/newspost\.svg"
    r"|/sharing-card$"
)
_LAZY = ("data-src", "data-original", "data-lazy-src", "data-srcset", "src", "srcset")
# The store answers under this name too, but refuses visitors from other sites (2022-04).
_STORE_ALIAS = re.compile(r"^https://www\.zaobao\.com(?:\.sg)?/s3/files/")
_STORE = "https://static.zaobao.com/s3fs-public/"
# Since 2024 the key alone names the original; the query asks for a size or a form of it.
_SIZED = re.compile(r"^(https://cassette\.sphdigital\.com\.sg/image/[^?#]+)[?#].*")
# Of these `urljoin` would make the same again, at the price of taking them apart.
_WHOLE = re.compile(r"https://[\w.-]+/[\w./%-]*+(?:\?[\w.=&%-]+)?")


def absolute(address: str, base: str) -> str:
    """Return an address made absolute, or "" for one that cannot be read."""
    if _WHOLE.fullmatch(address):
        return address
    try:
        return urljoin(base, address.strip())
    except ValueError:  # such as a broken IPv6 literal
        return ""


def secure(address: str, base: str) -> str:
    """Return an address made absolute, with https in place of http."""
    joined = absolute(address, base)
    return f"https://{joined[7:]}" if joined.startswith("http://") else joined


def real_address(attributes: Mapping[str, object], base: str) -> str:
    """Return the https address at which anyone can have an image, or "" for a placeholder.

    The lazy attributes come before `src`, which may be a placeholder or `.../undefined`.
    """
    for name in _LAZY:
        stated = attributes.get(name)
        value = stated.strip() if isinstance(stated, str) else ""
        if name.endswith("srcset"):
            value = value.partition(",")[0].partition(" ")[0]
        if value and not _PLACEHOLDER.search(value):
            address = _SIZED.sub(r"\1", _STORE_ALIAS.sub(_STORE, secure(value, base)))
            if address.startswith("https://"):
                return address
    return ""
