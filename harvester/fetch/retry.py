"""When to try again: what is transient, after a growing random wait, a few times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, NoReturn

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    wait_random_exponential,
)

from harvester.clock import Clock
from harvester.errors import FetchFailed, NetworkDown
from harvester.fetch.fields import parse_seconds, seconds_until

LONGEST_REST: Final = 24 * 3600.0


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, from 0 to a day.

    Both forms of RFC 9110, 10.2.3, are read; None if there is no header or it says nothing.
    """
    seconds = parse_seconds(value or "")
    if seconds is None:
        seconds = seconds_until(value or "", now)
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_REST)


def retrying(
    clock: Clock,
    attempts: int,
    on_wait: Callable[[float, FetchFailed], None],
    is_last: Callable[[], bool],
) -> AsyncRetrying:
    """Return the retry policy; it ends in the last error, which then tells the number of tries.

    `on_wait` hears of every wait: its seconds and the trouble that caused it. A pause asked for
    by the site is not waited for here but in the host's slot, where it holds for everybody.
    `is_last` is asked after every failure whether that try must be the last.
    """

    def before_sleep(state: RetryCallState) -> None:
        on_wait(state.upcoming_sleep, _failure(state))

    def is_over(state: RetryCallState) -> bool:
        return state.attempt_number >= attempts or is_last()

    return AsyncRetrying(
        sleep=clock.sleep,
        stop=is_over,
        wait=wait_random_exponential(multiplier=0.5, max=30),
        retry=retry_if_exception(_may_pass),
        before_sleep=before_sleep,
        retry_error_callback=_give_up,
    )


def _may_pass(error: BaseException) -> bool:
    """Decide by type, never by status: errors of our own parser carry a made-up status."""
    is_ours = isinstance(error, NetworkDown)
    return isinstance(error, FetchFailed) and error.transient and not is_ours


def _failure(state: RetryCallState) -> FetchFailed:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, FetchFailed):
        raise TypeError(f"retried after {error!r}")
    return error


def _give_up(state: RetryCallState) -> NoReturn:
    error, tries = _failure(state), state.attempt_number
    problem = f"{error.problem} after {tries} tries" if tries > 1 else error.problem
    raise type(error)(error.url, problem, transient=True, retry_after=error.retry_after) from error
