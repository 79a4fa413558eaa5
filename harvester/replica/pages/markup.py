"""HTML building blocks shared by the eras: escapes, script data, body blocks."""

from __future__ import annotations

import html
import itertools
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator

from harvester.replica.story import Block

_GROUPS = {"li": "ul", "td": "table", "quote": "blockquote", "tweet": "tweet", "tweet-by": "tweet"}
_STRESSED = re.compile("([“《][^”》]{2,14}[”》])")


def esc(text: str) -> str:
    """Escape text for element content; the no-break blank stays raw."""
    return html.escape(text, quote=False)


def attr(text: str) -> str:
    """Escape text for a double-quoted attribute."""
    return html.escape(text, quote=True)


def script_json(value: object) -> str:
    """Return JSON that may stand inside a script element."""
    return json.dumps(value, ensure_ascii=False).replace("</", "<\\/")


def json_ld(value: object, attributes: str = "") -> str:
    """Return a JSON-LD script element."""
    return f'<script type="application/ld+json"{attributes}>{script_json(value)}</script>'


def dressed(text: str) -> str:
    """Escape a paragraph and put inline markup on the first quoted piece of every third one."""
    if len(text) % 3:
        return esc(text)
    tag = "strong" if len(text) % 2 else "em"
    return _STRESSED.sub(rf"<{tag}>\1</{tag}>", esc(text), count=1)


def chunks(body: Iterable[Block], write: Callable[[str], str] = dressed) -> list[str]:
    """Return the top-level elements of a body; list items, cells, quotes share their parent."""
    return list(itertools.chain.from_iterable(_elements(body, write)))


def _elements(body: Iterable[Block], write: Callable[[str], str]) -> Iterator[list[str]]:
    for group, blocks in itertools.groupby(body, lambda block: _GROUPS.get(block.tag, "")):
        texts = [(block.tag, write(block.text)) for block in blocks]
        match group:
            case "ul":
                yield ["<ul>" + "".join(f"<li>{text}</li>" for _, text in texts) + "</ul>"]
            case "table":
                yield [_table([text for _, text in texts])]
            case "blockquote":
                yield ["<blockquote>" + "".join(f"<p>{t}</p>" for _, t in texts) + "</blockquote>"]
            case "tweet":
                yield [_tweet(texts)]
            case _:
                yield [f"<{tag}>{text}</{tag}>" for tag, text in texts]


def _table(cells: list[str]) -> str:
    rows = (cells[at : at + 2] for at in range(0, len(cells), 2))
    lines = ("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return '<table border="1" cellpadding="1"><tbody>' + "".join(lines) + "</tbody></table>"


def _tweet(texts: list[tuple[str, str]]) -> str:
    inner = "".join(f'<p dir="ltr" lang="en">{t}</p>' if tag == "tweet" else t for tag, t in texts)
    quote = f'<blockquote class="twitter-tweet" height width>{inner}</blockquote>'
    return (
        f'<div class="media_embed">{quote}'
        '<script async src="https://platform.twitter.com/widgets.js"></script></div>'
    )


def with_attribute(element: str, attribute: str) -> str:
    """Return the element with one more attribute in its opening tag."""
    return re.sub(r"^<(\w+)", rf"<\1 {attribute}", element, count=1)


def interleave(elements: list[str], extras: dict[int, str]) -> list[str]:
    """Put each extra before the element of that index, or at the end when the body is short."""
    placed: dict[int, list[str]] = {}
    for at, extra in extras.items():
        placed.setdefault(min(at, len(elements)), []).append(extra)
    out: list[str] = []
    for at in range(len(elements) + 1):
        out += placed.get(at, [])
        out += elements[at : at + 1]
    return out


def dice(seed: str) -> random.Random:
    """Return the chance that decides a page's shape: the same at every rendering."""
    return random.Random(f"page:{seed}")  # noqa: S311 - layout, not secrets
