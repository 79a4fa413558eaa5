"""The error tree. Every error names the file, URL or option concerned; bugs are not in it."""

from __future__ import annotations

from pathlib import Path


class HarvesterError(Exception):
    """Base of all errors that the program expects and explains in one line."""


class UsageError(HarvesterError):
    """An option, a setting or a date that cannot be used (exit 2)."""


class NotAStory(HarvesterError):
    """What is there is no article: normal on this site, recorded with its reason.

    `reason` is a short fixed word (`soft-404`, `video`, ...) that is counted and stored.
    """

    def __init__(self, reason: str, url: str, detail: str = "") -> None:
        self.reason = reason
        self.url = url
        self.detail = detail
        super().__init__(f"{url}: not an article ({reason}{': ' if detail else ''}{detail})")


class Unreadable(HarvesterError):
    """An article, or a page that should be one, that could not be read; kept for the next run."""

    def __init__(self, url: str, problem: str) -> None:
        self.url = url
        self.problem = problem
        super().__init__(f"{url}: {problem}")


class BadPost(HarvesterError):
    """A file that does not follow the grammar of a post. `line` counts from 1."""

    def __init__(self, line: int, problem: str, path: Path | None = None) -> None:
        self.line = line
        self.problem = problem
        self.path = path
        where = f"{path}:{line}" if path else f"line {line}"
        super().__init__(f"{where}: {problem}")


class BadRecord(HarvesterError):
    """A WARC file that is none, is damaged or breaks off; `offset` is in bytes."""

    def __init__(self, file: str, offset: int, problem: str) -> None:
        self.file = file
        self.offset = offset
        self.problem = problem
        super().__init__(f"{file}, at byte {offset:,}: {problem}")


class HostResting(HarvesterError):
    """The site asked for a pause longer than a run waits, or failed so often that it gets one.

    `retry_after` is its length in seconds. No failed exchange: it concerns the whole host.
    """

    def __init__(self, url: str, problem: str, *, retry_after: float | None = None) -> None:
        self.url = url
        self.problem = problem
        self.retry_after = retry_after
        super().__init__(f"{url}: {problem}")


class FetchFailed(HarvesterError):
    """An exchange that brought no usable answer.

    `transient` says whether another try may help; `retry_after` is what the site asked for, in
    seconds from now.
    """

    def __init__(
        self, url: str, problem: str, *, transient: bool = False, retry_after: float | None = None
    ) -> None:
        self.url = url
        self.problem = problem
        self.transient = transient
        self.retry_after = retry_after
        super().__init__(f"{url}: {problem}")


class HostUnreachable(FetchFailed):
    """No connection could be made at all: no network, no such host, refused."""


class NetworkDown(HostUnreachable):
    """Our own network is down: names cannot be looked up, or there is no way out.

    Says nothing about the site, so neither the site nor the story is charged with it.
    """


class Blocked(FetchFailed):
    """The guard refused: a foreign host, a private address, another scheme, too many redirects."""


class RedirectedAway(FetchFailed):
    """The address leads to a public https address outside the site (`location`)."""

    def __init__(self, url: str, location: str) -> None:
        self.location = location
        super().__init__(url, f"redirected to {location}, outside the site")


class RobotsDenied(FetchFailed):
    """robots.txt forbids this address for our User-Agent."""


class BodyTooLarge(FetchFailed):
    """The decoded body went past its cap."""


class SourceUnreadable(HarvesterError):
    """A sitemap or a listing that is not what it should be."""

    def __init__(self, url: str, problem: str) -> None:
        self.url = url
        self.problem = problem
        super().__init__(f"{url}: {problem}")


class DatabaseUnusable(HarvesterError):
    """The catalogue is corrupt, foreign or newer than this program (exit 65)."""


class ForeignDatabase(DatabaseUnusable):
    """The file is another program's, or made by a newer version: whole, and not ours to touch."""


class SiteUnreachable(HarvesterError):
    """The site as a whole could not be reached or recognised (exit 69)."""


class DiskError(HarvesterError):
    """A read or write on disk failed (exit 74)."""


class Busy(HarvesterError):
    """Another writer holds the state folder (exit 75)."""


class Locked(Busy):
    """Another process keeps a database locked; it passes when that one ends."""
