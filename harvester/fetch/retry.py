"""When to try again: what is transient, after a growing random wait, a few times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, NoReturn

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from harvester.clock import Clock
from harvester.errors import FetchFailed

LONGEST_REST: Final = 24 * 3600.0


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, from 0 to a day.

    Both forms of RFC 9110, 10.2.3, are read; None if there is no header or it says nothing.
    """
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_REST)
    try:
        at = parsedate_to_datetime(value)
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    except (ValueError, OverflowError):
        return None
    return min(max(seconds.total_seconds(), 0.0), LONGEST_REST)


def retrying(
    clock: Clock, attempts: int, on_wait: Callable[[float, FetchFailed], None]
) -> AsyncRetrying:
    """Return the retry policy; it ends in the last error, which then tells the number of tries.

    `on_wait` hears of every wait: its seconds and the trouble that caused it. A pause asked for
    by the site is not waited for here but in the host's slot, where it holds for everybody.
    """

    def before_sleep(state: RetryCallState) -> None:
        on_wait(state.upcoming_sleep, _failure(state))

    return AsyncRetrying(
        sleep=clock.sleep,
        stop=stop_after_attempt(attempts),
        wait=wait_random_exponential(multiplier=0.5, max=30),
        retry=retry_if_exception(_may_pass),
        before_sleep=before_sleep,
        retry_error_callback=_give_up,
    )


def _may_pass(error: BaseException) -> bool:
    """Decide by type, never by status: errors of our own parser carry a made-up status."""
    return isinstance(error, FetchFailed) and error.transient


def _failure(state: RetryCallState) -> FetchFailed:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, FetchFailed):
        raise TypeError(f"retried after {error!r}")
    return error


def _give_up(state: RetryCallState) -> NoReturn:
    error, tries = _failure(state), state.attempt_number
    problem = f"{error.problem} after {tries} tries" if tries > 1 else error.problem
    raise type(error)(error.url, problem, transient=True, retry_after=error.retry_after) from error
