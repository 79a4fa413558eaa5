"""Bytes changed at random, in ways that hurt what reads markup."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

_WORDS = tuple(
    token.encode()
    for token in (
        *("<", ">", "</", "/>", "<!--", "-->", "<![CDATA[", "]]>", "&", "&#", "&#0;", "&nbsp;"),
        *("&#xd800;", "&#1114112;", '"', "'", "=", "\\", "\\u0000", "\\ud800", "\0", "\r\n"),
        *("\x0b", "\x1b[2J", "\u2028", "\ufeff", "\u202e", "\U0001f600", "{{", "{%", "]("),
        *("---\n", "\n", "<p>", "</p>", "<div>", "</div>", "<b>", "</b>", "<i>", "<a href='"),
        *("<table>", "<td>", "<tr>", "<caption>", "<svg>", "<math>", "<template>", "<select>"),
        *("<script>", "</script>", "<style>", "<title>", "<textarea>", "<noscript>", "<iframe>"),
        *("<plaintext>", "<pre>", "<li>", "<ul>", "<h1>", "<img src=x onerror=y>", "<figure>"),
        *("<figcaption>", "<article>", "<body>", "<html>", "<head>", "<base href=x>", "<frameset>"),
        *("<!DOCTYPE html>", '<meta charset="gb2312">', '<meta charset="big5">', "data-s='"),
        *("javascript:", "class=", "id=", "style=", "src=", "[", "{", "null", "1e999", "-1", "[[["),
        *("2023-03-12T10:30:05+08:00", "9999-12-31T23:59:59Z", "0000-00-00", "2023年3月12日"),
        *("/story20230312-1370001", "story00000000-0", "https://", "//", "\\\\", "%00", "热词："),
    )
)
_BYTES = (b"\xff", b"\xfe\xff", b"\xff\xfe", b"\x80", b"\xc0\x80", b"\xed\xa0\x80", b"\x81\x30\x81")
TOKENS = (*_WORDS, *_BYTES)

_LONGEST = 300_000


def mutated(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Return `data` with one to four changes; a splice takes a piece of one of the `others`."""
    for _ in range(random.randint(1, 4)):
        data = random.choice(_WAYS)(random, data, others)
    return data[:_LONGEST]


def _flip(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    changed = bytearray(data or b"x")
    for _each in range(random.randint(1, 8)):
        changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def _cut(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    begin, end = _stretch(random, data)
    return data[:begin] + data[end:]


def _end(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: random.randint(0, len(data))]


def _splice(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    other = random.choice(others)
    begin, end = _stretch(random, other)
    at = random.randint(0, len(data))
    return data[:at] + other[begin:end] + data[at:]


def _insert(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = random.randint(0, len(data))
    times = random.choice((1, 1, 1, 2, 3, 50))
    return data[:at] + random.choice(TOKENS) * times + data[at:]


def _repeat(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    begin, end = _stretch(random, data)
    return data[:end] + data[begin:end] * random.randint(1, 3) + data[end:]


def _stretch(random: Random, data: bytes) -> tuple[int, int]:
    begin = random.randint(0, len(data))
    return begin, min(len(data), begin + random.choice((1, 3, 10, 60, 400)))


_WAYS: tuple[Callable[[Random, bytes, Sequence[bytes]], bytes], ...] = (
    *(_flip, _cut, _splice, _insert, _insert, _repeat),
    _end,
)
