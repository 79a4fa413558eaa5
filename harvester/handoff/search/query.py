"""What is looked for: words, phrases in quotes, and what must not stand in a story.

    王毅 布林肯 "G20 峰会" -东京

A word of several ideographs is a phrase of them (`segment`); blanks and punctuation between the
words of a phrase do not count, neither here nor in the texts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harvester.errors import UsageError
from harvester.handoff.search.segment import words

Phrase = tuple[str, ...]

# Chinese keyboards give the curly and the full-width forms.
_QUOTES = '"“”＂'
_TERM = re.compile(
    rf"(?P<without>[-－]?)"
    rf"(?:[{_QUOTES}](?P<quoted>[^{_QUOTES}]*)[{_QUOTES}]?|(?P<word>[^\s{_QUOTES}]+))"
)
# A whole paragraph. The time it takes grows with the square: 10,000 words would take a minute.
_MOST = 200


@dataclass(frozen=True, slots=True)
class Query:
    """Phrases that must all stand in title or text of a story, and those of which none may."""

    wanted: tuple[Phrase, ...]
    unwanted: tuple[Phrase, ...] = ()


def parse(text: str) -> Query:
    """Read what a person wrote; what has no letter or digit is passed over.

    Raises `UsageError` where nothing is left that a story must have, or far too much.
    """
    terms: dict[bool, dict[Phrase, None]] = {True: {}, False: {}}  # dicts keep the order
    for term in _TERM.finditer(text):
        if phrase := tuple(words(term["quoted"] or term["word"] or "")):
            terms[not term["without"]][phrase] = None
    if not terms[True]:
        raise UsageError(
            f"nothing to look for in {text!r}: name a word that must stand, "
            "as in `harvester search '王毅 -东京'`"
        )
    if (count := sum(map(len, (*terms[True], *terms[False])))) > _MOST:
        raise UsageError(f"too much to look for: {count} words; expected {_MOST} at most")
    return Query(tuple(terms[True]), tuple(terms[False]))


def expression(query: Query) -> str:
    """Return a query in the language of FTS5 (https://sqlite.org/fts5.html, 3).

    Words hold nothing but letters and digits, so that none can end the string it stands in.
    """
    wanted = " AND ".join(map(_quoted, query.wanted))
    if not query.unwanted:
        return wanted
    return f"({wanted}) NOT ({' OR '.join(map(_quoted, query.unwanted))})"


def _quoted(phrase: Phrase) -> str:
    return f'"{" ".join(phrase)}"'
