"""What archives make of the bodies they keep. Pure."""

from __future__ import annotations

from typing import Final

from harvester.coding import BadCoding, TooMuch, unpacked
from harvester.errors import BodyTooLarge, FetchFailed
from harvester.fetch import PAGE_CAP

_BEFORE_MARKUP: Final = b"\xef\xbb\xbf \t\r\n"


def plain(body: bytes, coding: str, url: str) -> bytes:
    """Return the captured body of a page without its content coding.

    Archives go on naming a coding that they have undone: Common Crawl did until 2018, and the
    Wayback Machine may. Raises FetchFailed, naming `url`, for a damaged body, or BodyTooLarge.
    """
    try:
        return unpacked(body, coding, PAGE_CAP)
    except TooMuch as error:
        raise BodyTooLarge(url, f"larger than {PAGE_CAP:,} bytes") from error
    except BadCoding as error:
        if body.lstrip(_BEFORE_MARKUP).startswith(b"<"):
            return body
        raise FetchFailed(url, f"the capture is damaged: {error}") from error


def field(head: bytes, name: str) -> str:
    """Return the first value of a field in the head of an answer; empty if there is none."""
    for line in head.decode("latin-1").split("\r\n")[1:]:
        given, _, value = line.partition(":")
        if given.strip().lower() == name.lower():
            return value.strip()
    return ""
