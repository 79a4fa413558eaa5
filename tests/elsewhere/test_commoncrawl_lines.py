"""What the servers of Common Crawl write, read by the letter."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from harvester.elsewhere.commoncrawl import Lines, read_count, read_crawls, read_lines
from harvester.errors import SourceUnreadable
from harvester.model import Page
from tests.elsewhere.support import story

DEC_1 = datetime(2021, 12, 1, 1, 2, 3, tzinfo=UTC)
FIELDS = ("url", "timestamp", "digest", "filename", "offset", "length")


def page(body: bytes, status: int = 200) -> Page:
    """Return an answer."""
    url = "https://index.commoncrawl.org/CC-MAIN-2021-49-index"
    return Page(url, url, status, body, DEC_1)


def line(number: int, offset: int = 12, length: int = 34) -> dict[str, object]:
    """Return a line about a story."""
    given = (story(number), "20211201010203", f"D{number}", "crawl-data/a.warc.gz", offset, length)
    return {name: str(value) for name, value in zip(FIELDS, given, strict=True)}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner)
    ),
)
numbers = st.integers(0, 10**15)


@given(st.lists(st.tuples(st.integers(1, 10**7), numbers, numbers.map(lambda n: n + 1))))
def test_lines_are_read_as_they_were_written(told: list[tuple[int, int, int]]) -> None:
    """Each is one capture, and where it is stands in its place."""
    body = "\n".join(json.dumps(line(*each)) for each in told).encode()

    lines = read_lines(page(body))

    assert lines.broken == 0
    assert [story(number) for number, _, _ in told] == [seen.url for seen in lines.seen]
    assert [f"crawl-data/a.warc.gz#{offset}+{length}" for _, offset, length in told] == [
        seen.place for seen in lines.seen
    ]
    assert {DEC_1} >= {seen.captured_at for seen in lines.seen}


@given(st.lists(json_values, max_size=5), st.lists(st.integers(1, 10**7), min_size=1, max_size=5))
def test_lines_of_another_kind_do_no_harm(odd: list[object], told: list[int]) -> None:
    """Between odd lines the good ones are found; each odd one is counted."""
    lines = read_lines(page("\n".join(map(json.dumps, [*odd, *map(line, told)])).encode()))

    assert [story(number) for number in told] == [seen.url for seen in lines.seen]
    assert len(odd) == lines.broken


@given(st.binary(max_size=200) | json_values.map(json.dumps).map(str.encode))
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    """Nothing but SourceUnreadable comes of odd answers."""
    for read in (read_lines, read_count, read_crawls):
        with suppress(SourceUnreadable):
            read(page(body))


@given(st.binary(max_size=50))
def test_nothing_captured_is_an_answer(body: bytes) -> None:
    """A 404 has nothing, whatever it says."""
    assert (Lines(), 0) == (read_lines(page(body, 404)), read_count(page(body, 404)))
