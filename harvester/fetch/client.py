"""The facade: one polite, guarded `get`.

    url -> check -> robots.txt -> slot -> exchange -> next hop ... -> Page

Everything after the check is one try; tries are repeated while the trouble is transient. Every
exchange, whether for a page, a redirect, a retry or a robots.txt, takes a slot of its host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final, Self

from yarl import URL

from harvester.clock import Clock
from harvester.errors import (
    Blocked,
    BodyTooLarge,
    FetchFailed,
    HarvesterError,
    RedirectedAway,
    RobotsDenied,
)
from harvester.fetch.host import Host
from harvester.fetch.retry import parse_retry_after, retrying
from harvester.fetch.robots import ROBOTS_CAP, Robots, decode
from harvester.fetch.settings import PAGE_CAP, FetchSettings, HostMemory
from harvester.fetch.transport import Answer, Transport
from harvester.fetch.urls import Site
from harvester.model import Page, Validators

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

MAX_REDIRECTS: Final = 5
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
UNCONDITIONAL: Final = Validators()


class Fetcher:
    """The program's one way to the network, for one set of hosts.

    An asynchronous context manager. `hosts` are the names that may be asked, `on_wait` hears of
    waits that are not the ordinary pace: host, seconds, why. `resolver` replaces that of the
    system; the guard holds whatever it answers.

    Raises UsageError for a bad `site_origin`.
    """

    def __init__(
        self,
        settings: FetchSettings,
        clock: Clock,
        memory: HostMemory,
        hosts: frozenset[str],
        on_wait: Callable[[str, float, str], None] | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._memory = memory
        self._site = Site(hosts)
        self._on_wait = on_wait or (lambda _host, _seconds, _why: None)
        self._transport = Transport(settings, resolver)
        self._hosts: dict[str, Host] = {}
        self._loading = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Open the connections' session; raise HostUnreachable if `site_origin` is no host."""
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self._transport.__aexit__()
        # A memory that fails says so to those who need it; here nothing depends on it.
        with suppress(HarvesterError):
            for host in self._hosts.values():
                await host.leave()

    async def get(
        self, url: str, validators: Validators = UNCONDITIONAL, cap: int = PAGE_CAP
    ) -> Page:
        """Fetch `url`, an https address of the site; at most `cap` decoded bytes.

        A page has the status 200, 304 (only if `validators` were given), 404 or 410. Only a 200
        has a body.

        Raises Blocked, RedirectedAway, RobotsDenied, BodyTooLarge, HostResting, HostUnreachable,
        or FetchFailed for everything else; each names `url`.
        """
        start = self._site.check(url)

        def on_wait(seconds: float, error: FetchFailed) -> None:
            self._on_wait(start.raw_host or "", seconds, error.problem)

        policy = retrying(self._clock, self._settings.attempts, on_wait)
        page: Page = await policy(self._try, url, start, validators, cap)
        return page

    async def _try(self, asked: str, start: URL, validators: Validators, cap: int) -> Page:
        answer = await self._follow(asked, start, validators, cap, obey=True)
        if answer.url != start:  # validators are only sent to the first hop
            validators = UNCONDITIONAL
        if not answer.whole:
            raise BodyTooLarge(asked, f"larger than {cap:,} bytes")
        return _page(asked, answer, validators, self._clock.now())

    async def _follow(
        self, asked: str, url: URL, validators: Validators, cap: int, *, obey: bool
    ) -> Answer:
        """Return the first answer that is no redirect; `obey` asks robots.txt at every hop."""
        seen: set[URL] = set()
        while True:
            answer = await self._visit(asked, url, validators, cap, obey=obey)
            if answer.status not in REDIRECTS:
                return answer
            seen.add(url)
            url = self._site.follow(asked, url, answer.headers.get("Location", ""))
            if url in seen:
                raise Blocked(asked, f"redirected in a circle by {url}")
            if len(seen) > MAX_REDIRECTS:
                raise Blocked(asked, f"more than {MAX_REDIRECTS} redirects")
            validators = UNCONDITIONAL

    async def _visit(
        self, asked: str, url: URL, validators: Validators, cap: int, *, obey: bool
    ) -> Answer:
        """Exchange one request when the host lets us; raise FetchFailed if it is in trouble."""
        host = await self._host(url.raw_host or "")
        if obey and not (await self._rules(asked, host)).allows(str(url)):
            raise RobotsDenied(asked, f"robots.txt of {host.name} forbids {url}")
        if left := host.check_rest(asked):
            self._on_wait(host.name, left, "the site asked for a pause")
        async with host.slot(asked):
            answer = await self._transport.exchange(asked, url, validators, cap)
            await self._heed(asked, host, answer)
        return answer

    async def _heed(self, asked: str, host: Host, answer: Answer) -> None:
        """Raise FetchFailed if the host says that it is in trouble; leave it alone if asked to.

        Done while the slot is held, so that nobody else is sent in between.
        """
        if answer.status < 500 and answer.status != 429:
            return
        pause = parse_retry_after(answer.headers.get("Retry-After"), self._clock.now())
        if pause:
            await host.rest(pause)
            host.check_rest(asked)
        raise FetchFailed(asked, answer.meaning, transient=True, retry_after=pause)

    async def _host(self, name: str) -> Host:
        async with self._loading:
            if name not in self._hosts:
                state = await self._memory.load_host(name)
                self._hosts[name] = Host(name, state, self._settings, self._clock, self._memory)
            return self._hosts[name]

    async def _rules(self, asked: str, host: Host) -> Robots:
        """Return the rules of `host`, read anew once a day."""
        async with host.learning:
            while (rules := host.robots()) is None:
                await host.learn_robots(await self._read_robots(asked, host.name))
            return rules

    async def _read_robots(self, asked: str, name: str) -> str:
        """Fetch robots.txt; raise FetchFailed if what it says cannot be known for now."""
        url = URL.build(scheme="https", host=name, path="/robots.txt")
        try:
            answer = await self._follow(asked, url, UNCONDITIONAL, ROBOTS_CAP, obey=False)
        except FetchFailed as error:
            raise _unknown_robots(asked, name, error) from error
        return _robots_text(asked, name, answer)


def _unknown_robots(asked: str, name: str, error: FetchFailed) -> FetchFailed:
    """Return `error` as the reason why nothing may be fetched from the host for now."""
    kind = FetchFailed if isinstance(error, RedirectedAway) else type(error)
    problem = f"robots.txt of {name} cannot be read: {error.problem}"
    return kind(asked, problem, transient=error.transient, retry_after=error.retry_after)


def _robots_text(asked: str, name: str, answer: Answer) -> str:
    """Return the rules in `answer`; 4xx means that there are none (RFC 9309, 2.3.1.3).

    429 never comes here: a host that asks us to slow down has not said that all is allowed.
    """
    if answer.status == 200:
        return decode(answer.body)
    if 400 <= answer.status < 500:
        return ""
    raise FetchFailed(asked, f"robots.txt of {name} cannot be read: {answer.meaning}")


def _page(asked: str, answer: Answer, sent: Validators, at: datetime) -> Page:
    """Return `answer` as a page; raise FetchFailed if it is none.

    A 304 need not repeat the validators, so those sent stay valid.
    """
    usable = {200, 404, 410} | ({304} if sent != UNCONDITIONAL else set())
    if answer.status not in usable:
        raise FetchFailed(asked, answer.meaning)
    kept = sent if answer.status == 304 else UNCONDITIONAL
    return Page(
        url=asked,
        final_url=str(answer.url),
        status=answer.status,
        body=answer.body,
        fetched_at=at,
        charset=_clean(answer.charset),
        etag=_clean(answer.headers.get("ETag")) or kept.etag,
        last_modified=_clean(answer.headers.get("Last-Modified")) or kept.last_modified,
    )


def _clean(value: str | None) -> str | None:
    """Return a header value that can be stored and sent back: printable ASCII, or nothing."""
    return value if value and value.isascii() and value.isprintable() else None
