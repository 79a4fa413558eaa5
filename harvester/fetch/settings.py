"""What the fetcher is told, what it asks of the catalogue, and what it is to others."""

from __future__ import annotations

from dataclasses import dataclass
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
