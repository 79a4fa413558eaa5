"""Which reader it is: what another one made of a page may be otherwise."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import harvester
from harvester import drafts, judge, post, zaobao


@cache
def parser_version() -> str:
    """Return the version of the program and a sum of the code that makes posts of pages.

    Of the code, not a number to be raised by hand: one that is forgotten would leave old readings
    unread.
    """
    folders = [Path(each.__file__ or "").parent for each in (zaobao, post)]
    files = [Path(each.__file__ or "") for each in (drafts, judge)]
    code = [*files, *(path for folder in folders for path in folder.rglob("*.py"))]
    digest = hashlib.sha256()
    for path in sorted(code):
        digest.update(path.read_bytes())
    return f"{harvester.__version__}+{digest.hexdigest()[:12]}"
