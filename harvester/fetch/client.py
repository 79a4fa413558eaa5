"""The facade: one polite, guarded `get`.

    url -> check -> robots.txt -> slot -> exchange -> next hop ... -> Page

Everything after the check is one try; tries are repeated while the trouble is transient. Every
exchange, whether for a page, a redirect, a retry or a robots.txt, takes a slot of its host, and
its outcome goes to the host's breaker.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Final, Self

from yarl import URL

from harvester.clock import Clock
from harvester.errors import (
    Blocked,
    BodyTooLarge,
    FetchFailed,
    HarvesterError,
    HostUnreachable,
    NetworkDown,
    RedirectedAway,
    RobotsDenied,
)
from harvester.fetch.breaker import is_trouble
from harvester.fetch.freshness import max_age
from harvester.fetch.host import Host
from harvester.fetch.retry import parse_retry_after, retrying
from harvester.fetch.robots import ROBOTS_CAP, Robots, decode
from harvester.fetch.settings import (
    PAGE_CAP,
    UNCONDITIONAL,
    FetchSettings,
    Getter,
    HostMemory,
    Part,
)
from harvester.fetch.transport import Answer, Transport
from harvester.fetch.urls import Site
from harvester.model import Exchange, HostState, Lane, Page, Validators

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

MAX_REDIRECTS: Final = 5
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(slots=True)
class _Errand:
    """One `get` on its way: what was `asked`, which errors name, and the `host` it has come to.

    `part` is set where only that is wanted.
    """

    asked: str
    lane: Lane
    part: Part | None = None
    host: Host | None = None

    def is_stuck(self) -> bool:
        """Return whether the host failed so often that it must not be asked again for this."""
        return self.host is not None and self.host.is_broken


class Fetcher:
    """The program's one way to the network, for one set of hosts.

    An asynchronous context manager. `hosts` are the names that may be asked, `on_wait` hears of
    waits that are not the ordinary pace: host, seconds, why. `resolver` replaces that of the
    system; the guard holds whatever it answers. `dice` spread the rests of the breaker.

    `asked` counts the exchanges begun, by lane: pages, redirects, retries and robots.txt.

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
        dice: Random | None = None,
    ) -> None:
        self.asked: Counter[Lane] = Counter()
        self._settings = settings
        self._clock = clock
        self._memory = memory
        self._site = Site(hosts)
        self._on_wait = on_wait or (lambda _host, _seconds, _why: None)
        self._transport = Transport(settings, resolver)
        self._dice = dice or Random()  # noqa: S311 - spreads load, keeps no secret
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
        self,
        url: str,
        validators: Validators = UNCONDITIONAL,
        cap: int = PAGE_CAP,
        lane: Lane = Lane.BACKFILL,
    ) -> Page:
        """Fetch `url`, an https address of the site; at most `cap` decoded bytes.

        A page has the status 200, 304 (only if `validators` were given), 404 or 410. Only a 200
        has a body. Of those that wait for a host the better `lane` goes first.

        Raises Blocked, RedirectedAway, RobotsDenied, BodyTooLarge, HostResting, HostUnreachable,
        NetworkDown, or FetchFailed for everything else; each names `url`.
        """
        return await self._fetch(_Errand(url, lane), validators, cap)

    async def get_part(self, url: str, part: Part, lane: Lane = Lane.BACKFILL) -> Page:
        """Fetch a part of what is at `url`: a page of status 206, 404 or 410.

        Raises what `get` raises, and FetchFailed for an answer with the whole.
        """
        return await self._fetch(_Errand(url, lane, part), UNCONDITIONAL, part.length)

    async def _fetch(self, errand: _Errand, validators: Validators, cap: int) -> Page:
        start = self._site.check(errand.asked)

        def on_wait(seconds: float, error: FetchFailed) -> None:
            self._on_wait(start.raw_host or "", seconds, error.problem)

        try:
            return await self._try(errand, start, validators, cap)
        except FetchFailed as failure:
            failures = [failure]

        async def again() -> Page:
            if failures:  # the try above is the first of the policy's, and mostly the only one
                raise failures.pop()
            return await self._try(errand, start, validators, cap)

        policy = retrying(self._clock, self._settings.attempts, on_wait, errand.is_stuck)
        page: Page = await policy(again)
        return page

    def in_lane(self, lane: Lane) -> Getter:
        """Return this fetcher for requests of one lane."""
        return _InLane(self, lane)

    def hosts(self) -> Mapping[str, HostState]:
        """Return what is known of the hosts that were asked since the start, by name."""
        return {name: host.state for name, host in self._hosts.items()}

    def rest_left(self, name: str) -> float:
        """Return the seconds for which a host is left alone, by the monotonic clock."""
        return self._hosts[name].rest_left() if name in self._hosts else 0.0

    async def _try(self, errand: _Errand, start: URL, validators: Validators, cap: int) -> Page:
        obey = self._settings.robots
        answer = await self._follow(errand, start, validators, cap, obey=obey)
        if answer.url != start:  # validators are only sent to the first hop
            validators = UNCONDITIONAL
        if not answer.body.whole:
            del answer  # what holds on to the error would hold on to the body
            raise BodyTooLarge(errand.asked, f"larger than {cap:,} bytes")
        return _page(errand, answer, validators, self._clock.now())

    async def _follow(
        self, errand: _Errand, url: URL, validators: Validators, cap: int, *, obey: bool
    ) -> Answer:
        """Return the first answer that is no redirect; `obey` asks robots.txt at every hop."""
        seen: set[URL] = set()
        while True:
            host = errand.host = await self._host(url.raw_host or "")
            if obey:
                await self._obey(errand, host, url)
            answer = await self._visit(errand, host, url, validators, cap)
            if answer.status not in REDIRECTS:
                return answer
            seen.add(url)
            url = self._site.follow(errand.asked, url, answer.headers.get("Location", ""))
            if url in seen:
                raise Blocked(errand.asked, f"redirected in a circle by {url}")
            if len(seen) > MAX_REDIRECTS:
                raise Blocked(errand.asked, f"more than {MAX_REDIRECTS} redirects")
            validators = UNCONDITIONAL

    async def _obey(self, errand: _Errand, host: Host, url: URL) -> None:
        """Raise RobotsDenied if `url` must not be asked for."""
        host.check_gate(errand.asked)  # do not even queue for a robots.txt that will not come
        if not (await self._rules(errand.asked, host)).allows(str(url)):
            raise RobotsDenied(errand.asked, f"robots.txt of {host.name} forbids {url}")

    async def _visit(
        self, errand: _Errand, host: Host, url: URL, validators: Validators, cap: int
    ) -> Answer:
        """Exchange one request when the host lets us; raise FetchFailed if it is in trouble."""
        if left := host.check_rest(errand.asked):
            self._on_wait(host.name, left, "it asked for a pause, or was in trouble")
        async with host.turn(errand.asked, errand.lane, self._settings.rate_of(str(url))):
            self.asked[errand.lane] += 1
            try:
                answer = await self._transport.exchange(
                    errand.asked, url, validators, cap, errand.part
                )
            except (NetworkDown, Blocked):
                raise  # not the host's doing
            except HostUnreachable:
                await host.unreachable()
                raise
            except FetchFailed:
                await host.failed()
                raise
            await self._heed(errand.asked, host, answer)
        return answer

    async def _heed(self, asked: str, host: Host, answer: Answer) -> None:
        """Raise FetchFailed if the host says that it is in trouble; leave it alone if asked to.

        Done while the slot is held, so that nobody else is sent in between.
        """
        throttled = answer.status in self._settings.throttled
        if not (throttled or is_trouble(answer.status)):
            await host.answered()
            return
        pause = parse_retry_after(answer.headers.get("Retry-After"), self._clock.now())
        if throttled:
            pause = host.throttled(pause)
        elif answer.status != 429 or not pause:  # a host that says when to come again is well
            await host.failed()
        if pause:
            await host.rest(pause)
            host.check_rest(asked, let_in=True)
        raise FetchFailed(asked, answer.meaning, transient=True, retry_after=pause)

    async def _host(self, name: str) -> Host:
        async with self._loading:
            if name not in self._hosts:
                state = await self._memory.load_host(name)
                self._hosts[name] = Host(
                    name, state, self._settings, self._clock, self._memory, self._dice
                )
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
            errand = _Errand(asked, Lane.LIVE)  # everybody waits for it
            answer = await self._follow(errand, url, UNCONDITIONAL, ROBOTS_CAP, obey=False)
        except FetchFailed as error:
            raise _unknown_robots(asked, name, error) from error
        return _robots_text(asked, name, answer)


@dataclass(frozen=True, slots=True)
class _InLane:
    fetcher: Fetcher
    lane: Lane

    async def get(
        self, url: str, validators: Validators = UNCONDITIONAL, cap: int = PAGE_CAP
    ) -> Page:
        """Fetch as the fetcher does."""
        return await self.fetcher.get(url, validators, cap, self.lane)


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
        return decode(answer.body.data)
    if 400 <= answer.status < 500:
        return ""
    raise FetchFailed(asked, f"robots.txt of {name} cannot be read: {answer.meaning}")


def _page(errand: _Errand, answer: Answer, sent: Validators, at: datetime) -> Page:
    """Return `answer` as a page; raise FetchFailed if it is none.

    A 304 need not repeat the validators, so those sent stay valid.
    """
    usable = {206 if errand.part else 200, 404, 410} | ({304} if sent != UNCONDITIONAL else set())
    if answer.status not in usable:
        whole = ", the whole and not the part asked for" if answer.status == 200 else ""
        raise FetchFailed(errand.asked, answer.meaning + whole)
    kept = sent if answer.status == 304 else UNCONDITIONAL
    return Page(
        url=errand.asked,
        final_url=str(answer.url),
        status=answer.status,
        body=answer.body.data,
        fetched_at=at,
        charset=_clean(answer.charset),
        etag=_clean(answer.headers.get("ETag")) or kept.etag,
        last_modified=_clean(answer.headers.get("Last-Modified")) or kept.last_modified,
        max_age=max_age(answer.headers, at) if answer.status in {200, 304} else None,
        exchange=Exchange(str(answer.url), answer.request, answer.response, answer.body.wire),
    )


def _clean(value: str | None) -> str | None:
    """Return a header value that can be stored and sent back: printable ASCII, or nothing."""
    return value if value and value.isascii() and value.isprintable() else None
