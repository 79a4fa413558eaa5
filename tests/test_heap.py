"""Memory that is freed is kept for what comes next."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# Prints how many pages of memory the system had to give for a tree, in the middle of twenty.
TREES = """
import resource, sys
from statistics import median
from selectolax.lexbor import LexborHTMLParser
from harvester.heap import keep_freed

if sys.argv[1] == "kept":
    keep_freed()
page = b"<div class=a><p>" + b"text <b>bold</b> text</p><p>" * 4000 + b"</div>"
given = []
for _ in range(20):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    LexborHTMLParser(page)
    given.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(int(median(given)))
"""


def given(how: str) -> int:
    """Return how many pages of memory each tree took from the system."""
    told = subprocess.run(
        [sys.executable, "-c", TREES, how], capture_output=True, check=True, text=True
    )
    return int(told.stdout)


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back so soon"
)
def test_a_tree_takes_the_memory_of_the_one_before() -> None:
    """Page after page, hardly any memory is asked of the system."""
    assert given("kept") <= max(5, given("as it is") // 20)
