"""robots.txt by RFC 9309, read by Protego. Pure: text in, answers out."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from protego import Protego

PRODUCT: Final = "harvester"
ROBOTS_CAP: Final = 500 * 1024  # the least a crawler must read (RFC 9309, 2.5)
LIFETIME: Final = timedelta(hours=24)  # the longest it should be kept (RFC 9309, 2.4)
_LONGEST_DELAY: Final = 24 * 3600.0


def decode(body: bytes) -> str:
    """Return the text of a robots.txt; a BOM, which would hide the first rule, is dropped."""
    return body.decode("utf-8-sig", "replace")


class Robots:
    """The rules of one host for the product token `harvester`; an empty text allows everything."""

    def __init__(self, text: str) -> None:
        self._rules = Protego.parse(text)

    def allows(self, url: str) -> bool:
        """Return whether `url` may be fetched."""
        return bool(self._rules.can_fetch(url, PRODUCT))

    @property
    def delay(self) -> float:
        """Return the Crawl-delay in seconds, 0 if there is none; at most a day."""
        return min(self._rules.crawl_delay(PRODUCT) or 0.0, _LONGEST_DELAY)
