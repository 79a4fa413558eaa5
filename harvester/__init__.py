"""Asynchronous scrape-and-archive service for the Singapore newspaper 联合早报 (zaobao).

The names of `harvester.library` can be had from here: `Post`, `read_post`, `write_post`,
`diff_posts`, `normalise`, `open_archive`, `records`, `Record`, `Selection`. They are imported when
first used, so that the command line starts quickly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harvester.library import (
        Post,
        Record,
        Selection,
        diff_posts,
        normalise,
        open_archive,
        read_post,
        records,
        write_post,
    )

__version__ = "0.1.0"
__all__ = [
    "Post",
    "Record",
    "Selection",
    "__version__",
    "diff_posts",
    "normalise",
    "open_archive",
    "read_post",
    "records",
    "write_post",
]


def __getattr__(name: str) -> object:
    if name in __all__:
        import importlib  # noqa: PLC0415 - only when a name of the library is asked for

        return getattr(importlib.import_module("harvester.library"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
