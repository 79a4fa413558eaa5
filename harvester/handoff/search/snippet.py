"""Where the words that were looked for stand in a text, and a short piece of it around them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile

from harvester.handoff.search.query import Phrase, Query
from harvester.handoff.search.segment import JOINED, SINGLE, fold

WIDTH = 40
# What may stand between the words of a phrase: everything that is no word.
_GAP = rf"(?:(?![{SINGLE}])[\W_])*"


@dataclass(frozen=True, slots=True)
class Marked:
    """A text and the places of what was looked for: begins and ends, counted in characters.

    `marks` are in order and do not touch one another.
    """

    text: str
    marks: tuple[tuple[int, int], ...] = ()

    def parts(self) -> Iterator[tuple[str, bool]]:
        """Return the whole text in pieces, each with whether it is marked."""
        done = 0
        for begin, end in self.marks:
            yield self.text[done:begin], False
            yield self.text[begin:end], True
            done = end
        yield self.text[done:], False


@dataclass(frozen=True, slots=True)
class _Place:
    begin: int
    end: int
    phrase: int


class Marker:
    """Marks the wanted phrases of a query in texts."""

    def __init__(self, query: Query) -> None:
        self._patterns = [re.compile(_pattern(phrase)) for phrase in query.wanted]

    def mark(self, text: str) -> Marked:
        """Return a text with all places marked."""
        return Marked(text, _merged(self._places(text)))

    def snippet(self, text: str) -> Marked:
        """Return about `WIDTH` characters: where most phrases stand together, else the beginning.

        Paragraphs are joined by blanks; what is left out is shown as `…`.
        """
        line = " ".join(text.split())
        places = self._places(line)
        begin, end = _window(_best(places), len(line))
        before, after = ("…" if begin else ""), ("…" if end < len(line) else "")
        shift = len(before) - begin
        inside = (
            _Place(max(place.begin, begin) + shift, min(place.end, end) + shift, place.phrase)
            for place in places
            if place.begin < end and place.end > begin
        )
        return Marked(f"{before}{line[begin:end]}{after}", _merged(inside))

    def _places(self, text: str) -> list[_Place]:
        folded = fold(text)
        return sorted(
            (
                _Place(*match.span(), number)
                for number, pattern in enumerate(self._patterns)
                for match in pattern.finditer(folded)
            ),
            key=lambda place: place.begin,
        )


def _pattern(phrase: Phrase) -> str:
    """Return what matches a phrase as the index does: whole words, whatever parts them."""
    return _GAP.join(map(_word_pattern, phrase))


def _word_pattern(word: str) -> str:
    if re.match(f"[{SINGLE}]", word):
        return re.escape(word)
    return rf"(?<!{JOINED}){re.escape(word)}(?!{JOINED})"


def _best(places: Sequence[_Place]) -> Sequence[_Place]:
    """Return the places within `WIDTH` characters that hold the most phrases, the first such."""
    groups = (_near(places, number) for number in range(len(places)))
    return max(groups, key=lambda group: len({place.phrase for place in group}), default=())


def _near(places: Sequence[_Place], number: int) -> list[_Place]:
    """Return a place and those after it that end within `WIDTH` of its begin."""
    limit = places[number].begin + WIDTH
    following = islice(places, number + 1, None)
    near = takewhile(lambda place: place.begin < limit, following)
    return [places[number], *(place for place in near if place.end <= limit)]


def _window(places: Sequence[_Place], length: int) -> tuple[int, int]:
    """Return begin and end of what is shown: the places in the middle of it."""
    if not places:
        return 0, min(WIDTH, length)
    first, last = places[0].begin, max(place.end for place in places)
    spare = max(0, WIDTH - (last - first))
    begin = max(0, min(first - spare // 2, length - max(WIDTH, last - first)))
    return begin, min(length, max(last, begin + WIDTH))


def _merged(places: Iterable[_Place]) -> tuple[tuple[int, int], ...]:
    """Return the marks of places that are in order."""
    merged: list[tuple[int, int]] = []
    for place in places:
        if merged and place.begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(place.end, merged[-1][1])
        else:
            merged.append((place.begin, place.end))
    return tuple(merged)
