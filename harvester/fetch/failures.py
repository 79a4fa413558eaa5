"""The edge at which errors of aiohttp and of the system become ours."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import aiohttp

from harvester.errors import Blocked, FetchFailed, HostUnreachable, NetworkDown
from harvester.fetch.settings import FetchSettings


class _Meaning(NamedTuple):
    """What an error of class `cause` is to us; `text` may name a limit of the settings."""

    cause: type[Exception]
    ours: type[FetchFailed]
    transient: bool
    text: str


# The first that fits: the classes overlap, and TimeoutError is an OSError. Errors of the HTTP
# parser carry a made-up status 400, so nothing here looks at a status.
_MEANINGS: Final = (
    _Meaning(
        aiohttp.ConnectionTimeoutError,
        HostUnreachable,
        True,
        "no connection within {0.connect_timeout:g} s",
    ),
    _Meaning(aiohttp.SocketTimeoutError, FetchFailed, True, "silent for {0.first_byte:g} s"),
    _Meaning(TimeoutError, FetchFailed, True, "no answer within {0.total:g} s"),
    _Meaning(aiohttp.ClientConnectorCertificateError, FetchFailed, False, "bad certificate"),
    _Meaning(aiohttp.ClientSSLError, FetchFailed, True, "no secure connection"),
    _Meaning(aiohttp.ClientConnectorDNSError, HostUnreachable, True, "no such host"),
    _Meaning(aiohttp.ClientConnectorError, HostUnreachable, True, "no connection"),
    _Meaning(aiohttp.ClientPayloadError, FetchFailed, True, "the body was cut or damaged"),
    _Meaning(aiohttp.ClientConnectionError, FetchFailed, True, "the connection was lost"),
    _Meaning(OSError, FetchFailed, True, "the connection was lost"),
    _Meaning(aiohttp.ClientError, FetchFailed, True, "not a readable HTTP answer"),
)


# There is no way out from here.
_NO_ROUTE: Final = frozenset(
    {errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL}
)


@contextmanager
def translated(asked: str, settings: FetchSettings) -> Iterator[None]:
    """Turn what the network does to an exchange into FetchFailed; bugs and cancellation fly on."""
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        raise _explain(asked, error, settings) from error


def _explain(asked: str, error: Exception, settings: FetchSettings) -> FetchFailed:
    cause = _system_cause(error)
    if cause and cause.errno == errno.EACCES:  # what the guard raises
        return Blocked(asked, _words(cause))
    if _is_ours(cause or error):
        return NetworkDown(asked, f"no network: {_words(cause or error)}", transient=True)
    meaning = next(meaning for meaning in _MEANINGS if isinstance(error, meaning.cause))
    text = meaning.text.format(settings)
    if cause:
        text = f"{text}: {_words(cause)}"
    return meaning.ours(asked, text, transient=meaning.transient)


def _system_cause(error: Exception) -> OSError | None:
    """Return why a connection could not be made, where the system or the guard said so."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return None
    return error.os_error if isinstance(error, aiohttp.ClientConnectorError) else None


def _is_ours(error: Exception) -> bool:
    """Return whether it is our own network that failed, not the site."""
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_AGAIN  # no name server could be asked
    return isinstance(error, OSError) and error.errno in _NO_ROUTE


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
