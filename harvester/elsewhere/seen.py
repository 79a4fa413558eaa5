"""What an index tells of a capture, and which capture of a story is the best. Pure."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from harvester.errors import NotAStory
from harvester.model import Page, Scope, StoryRef
from harvester.zaobao.urls import singapore_day, story_ref

_INSTANT: Final = re.compile(r"\d{14}", re.ASCII)
_NO_DIGEST: Final = frozenset({"", "-"})


@dataclass(frozen=True, slots=True)
class Seen:
    """One capture, as an index has it.

    `ref` is the story at the original address `url`; `digest` is that of what was captured, equal
    where the same bytes were. `place` says where the capture is: its address in the Wayback
    Machine, `FILE#OFFSET+LENGTH` in Common Crawl.
    """

    ref: StoryRef
    url: str
    captured_at: datetime
    digest: str
    place: str


class Index(Protocol):
    """Others' captures of stories. `problems` are what went wrong so far, each told once."""

    @property
    def problems(self) -> list[str]:
        """Return what could not be read, by the first address that had it."""

    def seen(self, scope: Scope) -> AsyncIterator[tuple[Seen, ...]]:
        """Yield everything that the index holds in `scope`, in batches.

        Without sections all known ones are meant. Raises SiteUnreachable if nothing can be had,
        HostResting if the service wants to be left alone for longer than a run waits.
        """

    async def page(self, seen: Seen) -> Page:
        """Return a capture as the page that the site served then.

        `url` and `final_url` are the story's, `fetched_at` is when it was captured, `exchange` what
        went over the wire now. Raises FetchFailed if it cannot be had whole, or HostResting.
        """


def best_first(seen: Sequence[Seen]) -> list[Seen]:
    """Return the captures of one story, the best first, those with one digest once.

    First comes the first capture of a later day than that of the issue: the edits of the first day
    are in it, redesigns and paywalls not yet. Then come later ones in order of time, then those
    before, the latest first.
    """
    in_time = sorted(seen, key=lambda each: (each.captured_at, each.place, each.digest))
    settled = [each for each in in_time if singapore_day(each.captured_at) > each.ref.day]
    early = [each for each in in_time if singapore_day(each.captured_at) <= each.ref.day]
    return list(_once([*settled, *reversed(early)]))


def story_at(url: str) -> StoryRef | None:
    """Return the story at an original address, or None where there is none."""
    try:
        return story_ref(url)
    except NotAStory:
        return None


def parse_instant(digits: str) -> datetime:
    """Return the instant of 14 digits, as all indexes write it; raise ValueError."""
    if not _INSTANT.fullmatch(digits):
        raise ValueError(f"no instant of 14 digits: {digits!r}")
    return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _once(captures: Sequence[Seen]) -> Iterator[Seen]:
    known: set[str] = set()
    for each in captures:
        if each.digest not in known:
            yield each
        known |= {each.digest} - _NO_DIGEST
