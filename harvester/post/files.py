"""Bytes <-> `Post`, strict by the grammar of the seed format."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import frontmatter

from harvester.errors import BadPost
from harvester.post.header import HeaderHandler
from harvester.post.post import Post

_HEADER = HeaderHandler()
_BOM = b"\xef\xbb\xbf"
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_EPOCH = re.compile("<!--([0-9]+|NaN)-->")


def read_post(data: bytes) -> Post:
    """Return the post that these bytes are; `write_post` gives the same bytes back.

    Raises `BadPost` with the first line that breaks the grammar and what was expected there.
    """
    header, content = _HEADER.split(_decoded(data))
    values = _HEADER.load(header)
    epoch_text, link_title, body = _read_content(content, len(values) + 3, values["from"])
    return Post(
        header_title=values["title"][1:-1],
        date=_instant(values["date"]),
        author=values["author"],
        url=values["from"],
        tags=_names(values["tags"]),
        categories=_names(values["categories"]),
        epoch_text=epoch_text,
        link_title=link_title,
        body=body,
        comments="comments" in values,
    )


def write_post(post: Post) -> bytes:
    """Return the post as the bytes of its file.

    Nothing is trusted: the bytes are read back. Raises ValueError if they are not this post (a
    title with a line end, a date with microseconds, ...), which no post made by `read_post` or
    `from_article` can bring about.
    """
    document = frontmatter.Post(_written_content(post), _HEADER, **_written_values(post))
    data = frontmatter.dumps(document).encode()
    try:
        same = read_post(data) == post
    except BadPost as error:
        raise ValueError(f"{post.url}: no post can be made of this: {error}") from error
    if not same:
        raise ValueError(f"{post.url}: the post would not be read back as it is")
    return data


def _decoded(data: bytes) -> str:
    if data.startswith(_BOM):
        raise BadPost(1, "expected no byte order mark")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadPost(line, f"expected UTF-8: {error.reason}") from error
    if control := _CONTROL.search(text):
        line = text.count("\n", 0, control.start()) + 1
        if control[0] == "\r":
            raise BadPost(line, "expected LF as line end, found CR")
        raise BadPost(line, f"expected no control character, found U+{ord(control[0]):04X}")
    return text


def _read_content(content: str, first: int, url: str) -> tuple[str, str, str]:
    """Return epoch, link title and body; `first` is the number of the content's first line."""
    lines = content.split("\n")
    epoch, link, rule, empty, opening, body, closing = [*lines, *[""] * 7][:7]
    epoch_text = _read_epoch(first, epoch)
    link_title = _read_link(first + 1, link, url)
    _expect("------", first + 2, rule)
    _expect("", first + 3, empty)
    _expect("<div>", first + 4, opening)
    _check_body(first + 5, body)
    _expect("</div>", first + 6, closing, " after a body of one line")
    _check_end(first + 6, lines[7:])
    return epoch_text, link_title, body


def _expect(expected: str, number: int, line: str, where: str = "") -> None:
    if line != expected:
        wanted = f'"{expected}"' if expected else "an empty line"
        raise BadPost(number, f"expected {wanted}{where}, found {line[:60]!r}")


def _read_epoch(number: int, line: str) -> str:
    comment = _EPOCH.fullmatch(line)
    if not comment:
        raise BadPost(number, f"expected <!--milliseconds--> or <!--NaN-->, found {line[:60]!r}")
    return comment[1]


def _read_link(number: int, line: str, url: str) -> str:
    end = f"]({url})"
    if line.startswith("[") and line.endswith(end):
        return line[1 : -len(end)]
    if line.startswith("[") and "](" in line[1:-1] and line.endswith(")"):
        raise BadPost(number, f"expected the link to be the same address as from: {url}")
    raise BadPost(number, f"expected [title](address), found {line[:60]!r}")


def _check_body(number: int, line: str) -> None:
    if line != line.strip(" "):
        raise BadPost(number, "expected a body without blanks at its ends")


def _check_end(number: int, rest: list[str]) -> None:
    if not rest:
        raise BadPost(number, "expected a line end at the end of the file")
    if rest != [""]:
        raise BadPost(number + 1, "expected the end of the file after one line end")


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise BadPost(4, f"expected a date of the calendar, found {text}: {error}") from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(text[2:-2].split(", "))


def _written_values(post: Post) -> dict[str, str]:
    date = post.date.astimezone(UTC).isoformat(timespec="milliseconds")
    values = {
        "layout": "post",
        "title": f'"{post.header_title}"',
        "date": date.replace("+00:00", "Z"),
        "author": post.author,
        "from": post.url,
        "tags": f"[ {', '.join(post.tags)} ]",
        "categories": f"[ {', '.join(post.categories)} ]",
    }
    return values | {"comments": "True"} if post.comments else values


def _written_content(post: Post) -> str:
    return (
        f"<!--{post.epoch_text}-->\n"
        f"[{post.link_title}]({post.url})\n"
        "------\n\n"
        f"<div>\n{post.body}\n</div>\n"
    )
