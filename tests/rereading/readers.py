"""Copies of the package whose reader is another: broken for one layout, or only told apart."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.rereading.harvests import ROOT

ERA = "sg-2019"
"""The layout that the broken readers are broken for."""

_READER = "harvester/zaobao/eras/sg_2019.py"
_FOUND = '".article-content-container", ".field-name-body")\n'
REFUSING = '    raise __import__("harvester").errors.Unreadable(doc.ref.url, "broken on purpose")\n'
"""A line for which every page of the layout cannot be read."""

FORGETFUL = "    any(each.decompose() for each in (root.css('p')[1::2] if root else ()))\n"
"""A line that forgets every second paragraph."""

SAME = "    # Nothing is read otherwise.\n"
"""A line that makes another version of the reader, and no difference."""


def reader(folder: Path, line: str) -> Path:
    """Return the path of a copy of the package in which the layout is read with this line."""
    shutil.copytree(
        ROOT / "harvester", folder / "harvester", ignore=shutil.ignore_patterns("__pycache__")
    )
    module = folder / _READER
    text = module.read_text("utf-8")
    assert text.count(_FOUND) == 1
    module.write_text(text.replace(_FOUND, _FOUND + line), "utf-8")
    return folder
