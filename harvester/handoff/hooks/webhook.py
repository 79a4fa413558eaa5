"""Call a webhook once: a signed POST, and what its answer means."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp

from harvester import __version__
from harvester.clock import Clock
from harvester.handoff.hooks.message import Message, Outcome
from harvester.handoff.hooks.sign import signed_headers
from harvester.settings import Hook

LONGEST_REST = 24 * 3600.0
# Of an answer that is no success so much is read, in bytes, and waited for in seconds.
_BEGINNING = 2000
_BEGINNING_PATIENCE = 1.0
_PASSING = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
)


def open_session() -> aiohttp.ClientSession:
    """Return the session for all calls: no cookies, no proxy, nothing unpacked."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver()),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),  # each call has its own
        trust_env=False,
        auto_decompress=False,
        headers={
            "User-Agent": f"harvester/{__version__}",
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
        },
    )


async def call(
    session: aiohttp.ClientSession, hook: Hook, message: Message, clock: Clock
) -> Outcome:
    """Call the webhook; any 2xx is success, a redirect is not followed. Raises nothing of it."""
    body = message.body()
    headers = signed_headers(hook.key, message.id, clock.now(), body)
    try:
        async with (
            asyncio.timeout(hook.timeout),
            session.post(hook.url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            return await _outcome(response, clock.now())
    except TimeoutError:
        return Outcome(f"no answer within {hook.timeout:g} s")
    except (aiohttp.ClientError, OSError) as problem:
        return Outcome(f"{type(problem).__name__}: {problem}")


async def _outcome(response: aiohttp.ClientResponse, now: datetime) -> Outcome:
    status = response.status
    if 200 <= status < 300:
        return Outcome()
    said = await _beginning(response)
    reason = (response.reason or "")[:100]
    return Outcome(
        f"{status} {reason}".strip(),
        said,
        refused=300 <= status < 500 and status not in _PASSING,
        retry_after=parse_retry_after(response.headers.get("Retry-After", ""), now),
    )


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """Return how the answer begins, as far as it comes at once; it may be without end."""
    said = b""
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(_BEGINNING_PATIENCE):
            while len(said) < _BEGINNING and not response.content.at_eof():
                said += await response.content.read(_BEGINNING - len(said))
    return " ".join(said.decode("utf-8", "replace").split())


def parse_retry_after(value: str, now: datetime) -> float:
    """Return the seconds that a Retry-After header asks for, up to a day; 0 if it says nothing.

    Both forms of RFC 9110, 10.2.3: seconds, and a date.
    """
    text = value.strip()
    try:
        if text.isascii() and text.isdigit():
            seconds = float(text)
        else:
            at = parsedate_to_datetime(text)
            seconds = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_REST)
