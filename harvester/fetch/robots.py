"""robots.txt by RFC 9309, read by Protego. Pure: text in, answers out."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from protego import Protego

PRODUCT: Final = "harvester"
ROBOTS_CAP: Final = 500 * 1024  # the least a crawler must read (RFC 9309, 2.5)
LIFETIME: Final = timedelta(hours=24)  # the longest it should be kept (RFC 9309, 2.4)
_LONGEST_DELAY: Final = 24 * 3600.0
_AGENT: Final = re.compile(r"\s*user[\s-]*agent(?![a-z])[\s:]*([^#]*)", re.IGNORECASE)


def decode(body: bytes) -> str:
    """Return the text of a robots.txt; a BOM, which would hide the first rule, is dropped."""
    return body.decode("utf-8-sig", "replace")


class Robots:
    """The rules of one host for the product token `harvester`; an empty text allows everything."""

    def __init__(self, text: str) -> None:
        # Protego keeps each rule for each agent of its group: with a thousand of each a million.
        self._rules = Protego.parse("\n".join(_for_us(line) for line in text.splitlines()))

    def allows(self, url: str) -> bool:
        """Return whether `url` may be fetched."""
        return bool(self._rules.can_fetch(url, PRODUCT))

    @property
    def delay(self) -> float:
        """Return the Crawl-delay in seconds, 0 if there is none; at most a day."""
        return min(self._rules.crawl_delay(PRODUCT) or 0.0, _LONGEST_DELAY)


def _for_us(line: str) -> str:
    """Return a line; where it names another agent than us, one name stands for all others."""
    if not (agent := _AGENT.match(line)):
        return line
    name = agent[1].strip().lower()
    name = name.replace("*", "") or name[:1]
    return f"User-agent: {name if name in {PRODUCT, '*'} else 'other'}"
