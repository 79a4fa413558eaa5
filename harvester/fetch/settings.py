"""What the fetcher is told, what it asks of the catalogue, and what it is to others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from harvester.model import HostState, Page, Validators

PAGE_CAP: Final = 8 * 1024 * 1024
SITEMAP_CAP: Final = 64 * 1024 * 1024
UNCONDITIONAL: Final = Validators()


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """How to visit the site. Times are seconds.

    `rate` is requests a second to one host, `concurrency` those in flight to it. `site_origin`
    (`http://127.0.0.1:8080`) receives all requests in place of the site's hosts. `attempts` are
    the tries for what is transient. A host that asks for a pause longer than `max_rest` is left
    alone with `HostResting`. With `breaker` a host that fails several times in a row is left alone
    too, for a minute at first, for six hours at most. `first_byte` is the longest silence at any
    point of an answer, `total` the deadline of one exchange from the connection to the last byte.

    What follows is for services made for programs, which block those who do not heed their limits.
    Without `robots` no robots.txt is asked for. `rates` are those of addresses that begin so, where
    they are lower than `rate`. `throttled` are the statuses that say that we ask too much: each of
    them, and each refused connection, brings the pause that the host asks for, or one of a minute,
    doubled at each further one in a row up to an hour. With any, a start counts as a request, since
    the run before it may just have sent one.
    """

    user_agent: str
    rate: float = 1.0
    concurrency: int = 1
    site_origin: str | None = None
    attempts: int = 4
    max_rest: float = 600.0
    breaker: bool = False
    connect_timeout: float = 10.0
    first_byte: float = 20.0
    total: float = 60.0
    robots: bool = True
    rates: Mapping[str, float] = field(default_factory=dict)
    throttled: frozenset[int] = frozenset()

    def rate_of(self, url: str) -> float:
        """Return the most requests a second for an address, as far as `rates` limit it."""
        limits = (rate for start, rate in self.rates.items() if url.startswith(start))
        return min(limits, default=self.rate)


@dataclass(frozen=True, slots=True)
class Part:
    """A range of the bytes at an address (RFC 9110, 14.1.2)."""

    offset: int
    length: int


class HostMemory(Protocol):
    """The seam to the catalogue: what is remembered of a host between runs."""

    async def load_host(self, host: str) -> HostState:
        """Return what is remembered of `host`; an empty state if nothing is."""

    async def save_host(self, host: str, state: HostState) -> None:
        """Keep `state` of `host` for the next run."""


class Getter(Protocol):
    """A way to the site: a fetcher, or one lane of it."""

    async def get(
        self, url: str, validators: Validators = UNCONDITIONAL, cap: int = PAGE_CAP
    ) -> Page:
        """Fetch `url`, as `harvester.fetch.client.Fetcher.get` does."""


class PartGetter(Getter, Protocol):
    """A way to whole pages and to parts of large files."""

    async def get_part(self, url: str, part: Part) -> Page:
        """Fetch a part, as `harvester.fetch.client.Fetcher.get_part` does."""
