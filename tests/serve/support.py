"""A provider that tells what a test has told it, and a client that sends any Host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp

from harvester.serve import Report


@dataclass
class Told:
    """A provider that tells what it was told."""

    now: Report = field(default_factory=lambda: Report("ok", "", alive=True, details={}))

    def report(self) -> Report:
        """Return it."""
        return self.now


@dataclass(frozen=True)
class Reply:
    """What a client got."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass
class Client:
    """A plain client of a server."""

    session: aiohttp.ClientSession
    url: str

    async def ask(self, path: str, method: str = "GET", **headers: str) -> Reply:
        """Ask for a path below `/`."""
        async with self.session.request(method, self.url + path, headers=headers) as response:
            return Reply(response.status, response.headers, await response.text())
