"""Which URLs may be asked for. yarl reads every URL here and hands it to aiohttp as it is.

One parser in the program: the host checked is the host asked of the connector.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from yarl import URL

from harvester.errors import Blocked, RedirectedAway, UsageError

# Parsers differ in what they make of these: some drop them, some read "\" as "/".
_AMBIGUOUS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")
# User info, and letters that are folded into others, in the part before the path.
_ODD_HOST: Final = re.compile(r"(?:[^/?#]*:)?//[^/?#]*(?:@|[^\x00-\x7f/?#])")
# A last label that makes a host an IPv4 address in any of its spellings (WHATWG URL, 3.5).
_NUMBER: Final = re.compile(r"\d+|0x[0-9a-f]*", re.IGNORECASE)
_LOCAL_NAMES: Final = frozenset({"localhost", "local", "internal"})


@dataclass(frozen=True, slots=True)
class Site:
    """The hosts that make up the site; nothing else is ever connected to."""

    hosts: frozenset[str]

    def check(self, asked: str) -> URL:
        """Return `asked` parsed and without fragment; raise Blocked unless it is of the site."""
        url = _https(asked, _parse(asked, asked))
        if url.raw_host not in self.hosts:
            raise Blocked(asked, f"host {url.raw_host} is not one of the site's")
        return url

    def follow(self, asked: str, at: URL, location: str) -> URL:
        """Return where the redirect `location`, met at `at` on the way from `asked`, leads.

        Raises RedirectedAway for a public https address outside the site, Blocked for all else.
        """
        try:
            target = at.join(_parse(asked, location))
        except ValueError as error:
            raise Blocked(asked, f"redirected to what is no URL: {location!r}") from error
        url = _https(asked, target)
        if url.raw_host in self.hosts:
            return url
        if _is_literal_or_local(url.raw_host or ""):
            raise Blocked(asked, f"redirected to {url}, which is not public")
        raise RedirectedAway(asked, str(url))


def parse_origin(text: str) -> URL:
    """Return the `--site-origin`: scheme http or https, host, port, nothing else.

    Raises UsageError.
    """
    problem = f"{text!r} is not an address of the form http://HOST:PORT"
    if _AMBIGUOUS.search(text):
        raise UsageError(problem)
    try:
        url = URL(text)
    except ValueError as error:
        raise UsageError(problem) from error
    if url.scheme not in {"http", "https"} or not url.raw_host or url != url.origin():
        raise UsageError(problem)
    return url


def _parse(asked: str, text: str) -> URL:
    if _AMBIGUOUS.search(text):
        raise Blocked(asked, f"control character or backslash in {text!r}")
    if _ODD_HOST.match(text):  # in the text: parsing drops an empty user and folds letters
        raise Blocked(asked, f"user name or odd letters in the host of {text!r}")
    try:
        return URL(text)
    except ValueError as error:
        raise Blocked(asked, f"not a URL: {text!r}") from error


def _https(asked: str, url: URL) -> URL:
    """Return `url` without fragment; raise Blocked unless it is plain https on port 443."""
    if url.scheme != "https" or not url.raw_host:
        raise Blocked(asked, f"not an https address: {str(url)!r}")
    if url.port != 443:
        raise Blocked(asked, f"port {url.port} is not 443")
    return url.with_fragment(None)


def _is_literal_or_local(host: str) -> bool:
    """Return whether `host` is an IP address in any spelling, or a name of some local network."""
    name, _, last = host.rstrip(".").rpartition(".")
    return not name or ":" in host or last in _LOCAL_NAMES or bool(_NUMBER.fullmatch(last))
