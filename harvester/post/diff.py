"""What an edit changed, for people: the texts of two posts, paragraph by paragraph."""

from __future__ import annotations

import difflib
import html
import re

from harvester.post.files import read_post

_BLOCK = re.compile(r"</(?:p|h[1-6]|li|blockquote|figcaption|td|div)>|<br>")
_TAG = re.compile(r"<[^>]*>?")  # one without an end goes to the end, as browsers read it


def diff_posts(before: bytes, after: bytes, names: tuple[str, str] = ("before", "after")) -> str:
    """Return a unified diff of the titles and paragraphs of two posts; empty if none differs.

    Raises `BadPost` for what is no post.
    """
    old, new = _lines(before), _lines(after)
    return "\n".join(difflib.unified_diff(old, new, *names, lineterm="", n=1))


def _lines(post: bytes) -> list[str]:
    read = read_post(post)
    blocks = (html.unescape(_TAG.sub("", block)).strip() for block in _BLOCK.split(read.body))
    return [read.title, *filter(None, blocks)]
