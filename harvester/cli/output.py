"""Standard output: results alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from harvester.cli.text import escaped
from harvester.errors import DiskError


@contextmanager
def standard_output() -> Iterator[TextIO]:
    """Yield standard output; what is written has left this process when the block ends.

    Raises DiskError where it cannot be written, BrokenPipeError where nobody reads it any more.
    """
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has had enough: no failure of ours
        raise
    except OSError as problem:
        give_up_output()
        raise DiskError(f"standard output: {problem.strerror or problem}") from problem


def stdout_line(text: str) -> None:
    """Print a result, control characters escaped. Raises as `standard_output`."""
    with standard_output() as output:
        output.write(f"{escaped(text)}\n")


def give_up_output() -> None:
    """Throw away what could not be written: Python would try it again at the exit, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
