"""What the machine may ask for, and the moments at which it kills."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hypothesis import strategies as st

from tests.model import stories
from tests.model.model import Event

NUMBER = st.integers(0, stories.STORIES - 1)
TEXT = st.integers(0, stories.TEXTS - 1)
PAIRS = st.lists(st.tuples(NUMBER, TEXT), min_size=1, max_size=4, unique_by=lambda pair: pair[0])
HOURS = st.sampled_from((1, 5, 24, 80, 24 * 30))


@dataclass(frozen=True)
class Fetch:
    """Ask for the pages of stories."""

    stories: tuple[int, ...]


@dataclass(frozen=True)
class Due:
    """Read the sitemap and take what is due."""


@dataclass(frozen=True)
class Put:
    """Put texts at the same time, as if their pages had been read."""

    texts: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Bury:
    """Note that a story is gone for good."""

    story: int


@dataclass(frozen=True)
class Import:
    """Import posts of texts, dated so many hours before or after now, or after publication."""

    texts: tuple[tuple[int, int], ...]
    hours: int
    old: bool


Job = Fetch | Due | Put | Bury | Import
JOBS: st.SearchStrategy[Job] = st.one_of(
    st.builds(Put, PAIRS.map(tuple)),
    st.builds(Fetch, st.lists(NUMBER, min_size=1, max_size=3, unique=True).map(tuple)),
    st.just(Due()),
    st.builds(Import, PAIRS.map(tuple), st.integers(-50, 50), st.booleans()),
    st.builds(Bury, NUMBER),
)


@dataclass(frozen=True)
class Errand:
    """A job with all that the model needs: for each story what comes of it, if it is taken up.

    `dates` are those in the posts.
    """

    order: str
    fields: dict[str, object]
    events: dict[int, Event]
    dates: dict[int, datetime]


@dataclass(frozen=True)
class Moment:
    """When a process is killed: before a call, or from outside after so many ends."""

    call: int | None
    ends: int = 0


MOMENTS = st.one_of(
    st.builds(Moment, st.integers(0, 60)), st.builds(Moment, st.none(), st.integers(0, 3))
)
