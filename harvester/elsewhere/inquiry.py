"""Asking an index again and again: what one answer lacks is told, and the work goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from harvester.errors import FetchFailed, HostUnreachable, SiteUnreachable, SourceUnreadable
from harvester.fetch import SITEMAP_CAP, Getter
from harvester.model import Page
from harvester.problems import Problems

log = logging.getLogger(__name__)

# So many questions in a row without any connection: the network or the service is down.
_UNREACHABLE_LIMIT: Final = 3

T = TypeVar("T")


@dataclass(slots=True)
class Inquiry:
    """The questions of one scope. `name` is the service's, to people."""

    name: str
    getter: Getter
    problems: Problems
    _answered: bool = False
    _failed: FetchFailed | SourceUnreadable | None = None
    _unreachable: int = 0

    async def ask(self, url: str, read: Callable[[Page], T]) -> T | None:
        """Return what `read` makes of the answer; None, and a problem, if nothing comes of it.

        `read` is given a page of status 200, 404 or 410 and may raise SourceUnreadable. Raises
        SiteUnreachable if the service cannot be reached at all.
        """
        try:
            answer = read(await self.getter.get(url, cap=SITEMAP_CAP))
        except (FetchFailed, SourceUnreadable) as problem:
            self._note(problem)
            return None
        self._answered = True
        self._unreachable = 0
        return answer

    def problem(self, url: str, text: str) -> None:
        """Note what could not be read."""
        log.info("%s: %s", url, text)
        self.problems.add(url, text)

    def end(self) -> None:
        """Raise SiteUnreachable if nothing came of all that was asked."""
        if self._failed and not self._answered:
            raise self._nothing(self._failed) from self._failed

    def _note(self, problem: FetchFailed | SourceUnreadable) -> None:
        self.problem(problem.url, problem.problem)
        self._failed = problem
        self._unreachable = self._unreachable + 1 if isinstance(problem, HostUnreachable) else 0
        if self._unreachable >= _UNREACHABLE_LIMIT:
            raise self._nothing(problem) from problem

    def _nothing(self, problem: FetchFailed | SourceUnreadable) -> SiteUnreachable:
        return SiteUnreachable(f"{self.name} cannot be asked: {problem}")
