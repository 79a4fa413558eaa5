"""Entry point: arguments to settings, settings to a command, errors to one line and an exit code.

Imports stay light here, so that `--help` answers at once: a command's own imports are made when
it runs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from harvester import __version__
from harvester.cli.arguments import Parser, add_global
from harvester.cli.codes import EXIT_INTERRUPTED, exit_code
from harvester.cli.commands import COMMANDS
from harvester.cli.output import give_up_output
from harvester.cli.text import printable
from harvester.errors import DiskError, HarvesterError
from harvester.settings import Settings, load

_DESCRIPTION = "Archive the Singapore newspaper 联合早报 (zaobao) as Jekyll posts and SQLite."
_EPILOG = """\
examples:
  harvester demo                       the whole way, offline, against a replica of the site
  harvester backfill --since 7d        from a week ago to today, politely, newest first
  harvester fetch URL                  one story, now
  harvester status                     what is held, what failed, what to do
  harvester search 王毅 布林肯         find stories by their text
  harvester export --output all.jsonl  all of it for other tools; then --since-seq, or changes

exit codes:
  0 done · 1 differences found or stories failed · 2 wrong usage · 65 unusable database
  69 site unreachable or not recognised · 74 disk error · 75 another writer is at work
  130 interrupted, all finished work kept
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    parser = build_parser()
    parser.refuse_unknown(sys.argv[1:] if argv is None else argv)
    chosen, unknown = parser.parse_known_args(argv)
    if unknown:
        hint = f"; {chosen.hint}" if "hint" in chosen else ""
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    try:
        _require_output()
        return int(chosen.run(chosen, settings_of(chosen)))
    except HarvesterError as error:
        _complain(str(error))
        return exit_code(error)
    except KeyboardInterrupt:
        _complain("interrupted; all finished work is kept")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        give_up_output()  # its reader has gone; nothing is left to say to it
        return 0


def _require_output() -> None:
    """Refuse to work without standard output: a file opened later would get its number."""
    if sys.stdout is None:
        raise DiskError("standard output: closed; lead it somewhere, if only to /dev/null")


def build_parser() -> Parser:
    """Return the parser of the whole command line."""
    parser = Parser(
        prog="harvester",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"harvester {__version__}")
    add_global(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.configure(commands)
    return parser


def settings_of(chosen: argparse.Namespace) -> Settings:
    """Return the settings that flags, environment and file come to. Raises `UsageError`."""
    config = getattr(chosen, "config", None)
    return load(vars(chosen), os.environ, Path(config) if config else None)


def _complain(text: str) -> None:
    sys.stderr.write(f"harvester: {printable(' '.join(text.split()))}\n")
