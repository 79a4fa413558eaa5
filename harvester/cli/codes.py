"""Exit codes; those of sysexits.h where they fit."""

from __future__ import annotations

from collections.abc import Mapping

from harvester.errors import (
    Busy,
    DatabaseUnusable,
    DiskError,
    HarvesterError,
    HostResting,
    HostUnreachable,
    SiteUnreachable,
    UsageError,
)

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

_OF_ERRORS: Mapping[type[HarvesterError], int] = {
    UsageError: 2,
    DatabaseUnusable: 65,
    SiteUnreachable: 69,
    HostResting: 69,
    HostUnreachable: 69,
    DiskError: 74,
    Busy: 75,
}


def exit_code(error: HarvesterError) -> int:
    """Return the exit code that an error stands for."""
    return next((code for kind, code in _OF_ERRORS.items() if isinstance(error, kind)), EXIT_FAILED)
