"""Hostile titles and bodies by the hundred thousand: one alphabet, the same texts for each seed.

Hypothesis tells best why something breaks; for great numbers a plain generator is much faster.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from random import Random

# What means something to YAML, Liquid, Markdown, HTML, a file system, a terminal or a spreadsheet.
TRAPS = (
    *('"', "\\", "'", '\\"', ": ", " #", "---", "\n---\n", "...", "\n...\n", "- ", "? ", "!!int "),
    *("!!python/object", "!ruby/object:Gem::Requirement ", "*a", "&a", "|", ">", "%YAML 1.1", "~"),
    *("{{", "{%", "{", "}", "%}", "}}", "{{{", "{ {", "{%-", "&#123;", "&#123;&#123;", "%7B"),
    *("{% raw %}", "{% include x %}", "[", "]", "](", ")", "(", "](javascript:x)", "------"),
    *("<!--", "-->", "--!>", "NaN", "<script>", "</div>", "\n<div>\n", "&quot;", "&lt;", "<b>"),
    *("/", "../", "..", "./", "%2e%2e", "%2f", "\\..\\", "~/", ".", "*", "?", "|", "CON", "NUL"),
    *("aux.txt", "com1", "LPT1.md", ".md", ".tmp", ".harvester-1.tmp", "\0", "\0.md"),
    *("=cmd|' /C calc'!A0", "=", "+", "-", "@", "\t", "\r", "\r\n", "\x1b[2J", "\x1b]0;x\x07"),
    *("\x9b31m", "\x9d0;x\x9c", "\x07", "\x08", "\x7f", "\x85", "\u2028", "\u2029", "\ufeff"),
    *("\u202e", "\u202c", "\u2066", "\u2069", "\u200e", "\u200b", "\u200d", "\u061c", "\u00ad"),
    *("\ud800", "\udfff", "\ufffe", "\uffff", "\U0001fffe", "\ue000", "\U000e0001"),
    *("😀", "👨\u200d👩", "🇸🇬", "字", "龍" * 60, "𠮷" * 60, "é" * 130, "e\u0301", "ﬁ", "ß", "İ"),
    *("  ", "\u00a0", "\u3000", "\u2003", "\u200a", "联合早报", "国会", "A", "z"),
)
_RANGES = (
    (0x00, 0x1F),
    (0x20, 0x7E),
    (0x7F, 0xFF),
    (0x2000, 0x206F),
    (0x4E00, 0x9FFF),
    (0x0300, 0x036F),
    (0x00, 0xFFFF),
    (0x10000, 0x10FFFF),
)
_LENGTHS = (0, 1, 1, 2, 3, 5, 8, 13, 30)


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


# Other texts that some file system, or some person, takes for the same.
_TWINS: tuple[Callable[[str], str], ...] = (
    str.upper,
    str.lower,
    str.swapcase,
    str.casefold,
    _nfc,
    _nfd,
    "{}.".format,
    "{} ".format,
    ".{}".format,
    "-{}".format,
    "{}\0".format,
    "\u200b{}".format,
    "../{}".format,
)


def texts(seed: str, count: int) -> Iterator[str]:
    """Return so many texts; every fourth is a twin of the one before."""
    random = Random(seed)  # noqa: S311 - the same texts in every run
    text = ""
    for number in range(count):
        if number % 4 == 3:
            text = random.choice(_TWINS)(text)
        else:
            text = "".join(_piece(random) for _ in range(random.choice(_LENGTHS)))
        yield text


def _piece(random: Random) -> str:
    if random.random() < 0.6:
        return random.choice(TRAPS)
    return "".join(
        chr(random.randint(*random.choice(_RANGES))) for _ in range(random.randint(1, 6))
    )
