"""All network: guarded, polite, capped. `harvester.fetch.client.Fetcher` is the one way out.

    get -> robots.txt -> slot of the host -> exchange -> next hop or Page
            (all of it tried again while the trouble is transient)

Only `client` and what it stands on import aiohttp, which costs a third of a second; importing
this package does not.
"""

from harvester.fetch.settings import (
    PAGE_CAP,
    SITEMAP_CAP,
    FetchSettings,
    Getter,
    HostMemory,
    Part,
    PartGetter,
)

__all__ = [
    "PAGE_CAP",
    "SITEMAP_CAP",
    "FetchSettings",
    "Getter",
    "HostMemory",
    "Part",
    "PartGetter",
]
