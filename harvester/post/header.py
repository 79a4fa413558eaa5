"""The front matter of a post as a handler of python-frontmatter that loses no byte.

The stock YAML handler sorts keys, restyles dates and lists and strips blank lines, and
`frontmatter.loads` strips whatever a handler does. So posts are read by `split` and `load`
directly. Values stay the text they are: a YAML parser would refuse or lose a raw `"` or a lone
backslash, which real titles hold.
"""

from __future__ import annotations

import re
from itertools import takewhile, zip_longest
from typing import TYPE_CHECKING

from frontmatter.default_handlers import BaseHandler

from harvester.errors import BadPost

if TYPE_CHECKING:
    import frontmatter

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"

# The keys in their order, the form of each value, and that form in words.
_KEYS = {
    "layout": (re.compile("post"), "post"),
    "title": (re.compile('".*"'), 'the title in "double quotes"'),
    "date": (re.compile(_DATE), "YYYY-MM-DDThh:mm:ss.mmmZ"),
    "author": (re.compile(".*"), "a name"),
    "from": (re.compile("https?://.+"), "an http(s) address"),
    "tags": (re.compile(r"\[ .* \]"), "[ name ]"),
    "comments": (re.compile("True"), "True"),
    "categories": (re.compile(r"\[ .* \]"), "[ name ]"),
}


class HeaderHandler(BaseHandler):
    """Header text <-> a mapping of the keys to their values as they stand."""

    FM_BOUNDARY = re.compile(r"^---\n", re.MULTILINE)
    START_DELIMITER = END_DELIMITER = "---"

    def split(self, text: str) -> tuple[str, str]:
        """Return the lines of the header and, untouched, all that follows its last line.

        Raises `BadPost` if one of the two lines `---` is missing.
        """
        before, *parts = self.FM_BOUNDARY.split(text, maxsplit=2)
        if before or not parts:
            raise BadPost(1, f'expected "---", found {_shown(text)}')
        if len(parts) == 1:
            keyed = takewhile(lambda line: line.partition(":")[0] in _KEYS, parts[0].split("\n"))
            raise BadPost(2 + len(list(keyed)), 'expected "---" at the end of the header')
        header, content = parts
        return header, content

    def load(self, fm: str) -> dict[str, str]:
        """Return key -> value in the order of the file; raises `BadPost`."""
        lines = fm.split("\n")[:-1]
        has_comments = any(line.startswith("comments:") for line in lines)
        keys = [key for key in _KEYS if has_comments or key != "comments"]
        values: dict[str, str] = {}
        for number, (key, line) in enumerate(zip_longest(keys, lines), start=2):
            if key is None:
                raise BadPost(number, f'expected "---" after categories, found {_shown(line)}')
            values[key] = _value(key, "---" if line is None else line, number)
        return values

    def export(self, metadata: dict[str, object], **_: object) -> str:
        """Return the lines of the header, keys in their fixed order."""
        return "".join(f"{key}: {metadata[key]}\n" for key in _KEYS if key in metadata)

    def format(self, post: frontmatter.Post, **_: object) -> str:
        """Return header and content joined, nothing stripped."""
        return f"---\n{self.export(post.metadata)}---\n{post.content}"


def _value(key: str, line: str, number: int) -> str:
    found, colon, value = line.partition(": ")
    if found != key or not colon:
        raise BadPost(number, f'expected the key "{key}: ", found {_shown(line)}')
    form, in_words = _KEYS[key]
    if not form.fullmatch(value):
        raise BadPost(number, f"expected {key} as {in_words}, found {_shown(value)}")
    return value


def _shown(text: str) -> str:
    """Return the start of the first line, quoted, for a message."""
    return repr(text.partition("\n")[0][:60])
