"""Which stories stand in which list, kept in order so that a long list costs nothing."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from harvester.replica.story import Story


class Shelves:
    """The stories of every host and section; a section holds those below it, "" holds all."""

    def __init__(self) -> None:
        self._shelves: defaultdict[tuple[str, str], list[Story]] = defaultdict(list)

    def add(self, story: Story) -> None:
        """Put a story on the shelves of its sections."""
        for shelf in self._of(story):
            insort(shelf, story, key=_order)

    def drop(self, story: Story) -> None:
        """Take away a story that stands there."""
        for shelf in self._of(story):
            at = bisect_left(shelf, _order(story), key=_order)
            del shelf[at]

    def newest_first(self, host: str, section: str) -> list[Story]:
        """Return the stories of a section on a host."""
        return self._shelves.get((host, section), [])[::-1]

    def _of(self, story: Story) -> Iterator[list[Story]]:
        parts = story.path.split("/")[:-1]
        for host in story.hosts:
            for depth in range(len(parts) + 1):
                yield self._shelves[host, "/".join(parts[:depth])]


def _order(story: Story) -> tuple[datetime, str]:
    return story.published, story.path
