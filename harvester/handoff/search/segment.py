"""Chinese text for a full-text index that knows words by the blanks around them.

Written Chinese has none: each ideograph becomes a word of its own, and a word that is looked for
becomes a phrase, so that words of any length are found (`新加坡国会` -> `新 加 坡 国 会`).
Index and query go through the same functions.
"""

from __future__ import annotations

import re
import unicodedata

import opencc

# Ideographs, kana, hangul and bopomofo. Planes 2 and 3 hold nothing else, so that ideographs that
# are newer than Python's tables are among them.
SINGLE = (
    "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u3096"
    "\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff"
    "\uf900-\ufaff\uff66-\uffdc\U0001b000-\U0001b16f\U00020000-\U0003fffd"
)
# A letter or digit that is part of a longer word.
JOINED = rf"[^\W_{SINGLE}]"

# Another text in the index for the same story needs another number here.
_RULES = 1
# What the index was made with; it is made again for any other.
VERSION = f"{_RULES}/{unicodedata.unidata_version}/{opencc.__version__}"

_WORD = re.compile(rf"[{SINGLE}]|{JOINED}+")
_SINGLE = re.compile(f"[{SINGLE}]")
_ACCENTS = re.compile("[\u0300-\u036f]+")


def segment(text: str) -> str:
    """Return the words of a text parted by blanks, nothing else: folded, each ideograph alone."""
    return " ".join(words(text))


def words(text: str) -> list[str]:
    """Return the words of a text, folded: ideographs one by one, others whole."""
    return _WORD.findall(fold(text))


def fold(text: str) -> str:
    """Return a text in the one form in which texts are compared, character for character.

    Traditional becomes Simplified, full width half width, capitals small; accents go. A character
    that would become several (`㎏`) stays as it is, so that positions are those of the text.
    """
    return text.translate(_FOLDED)


class _Folded(dict[int, str]):
    """Characters as they are folded, each converted when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _fold(chr(code))
        return folded


_FOLDED = _Folded()
# Single characters only, though OpenCC knows phrases: a phrase in a text would be converted in
# another way than a part of it in a query.
_simple = opencc.OpenCC("t2s").convert


def _fold(char: str) -> str:
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", char).lower())
    folded = unicodedata.normalize("NFKC", plain)
    if len(folded) != 1:
        return char
    # Twice: the simple form of 薴 is 苧, and that of 苧 is 苎.
    return _simple(_simple(folded)) if _SINGLE.match(folded) else folded
