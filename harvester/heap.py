"""Memory for work that takes and gives back as much again and again, page after page."""

from __future__ import annotations

import ctypes

# Of malloc.h, for mallopt(3) of glibc.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT = 64 * 2**20
_LARGE = 8 * 2**20


def keep_freed() -> None:
    """Let this process keep what it frees for what it takes next, 64 MB at most.

    glibc gives the end of its heap back to the system, and gets it anew for the next page: some
    two hundred page faults each, in a virtual machine up to half of the time that its tree takes.
    Blocks larger than a page of the site still come from the system and go back at once. Other C
    libraries are left as they are.
    """
    try:
        adjust = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    adjust(_TRIM_THRESHOLD, _KEPT)
    adjust(_MMAP_THRESHOLD, _LARGE)
