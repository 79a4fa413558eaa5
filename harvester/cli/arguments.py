"""How the command line is read: the parser, and the options that commands share."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from typing import Any, NoReturn

from harvester.cli.text import printable
from harvester.settings import OPTIONS

_GLOBAL = ("seeds", "state", "site_origin", "contact")
_DAY_HELP = "a day (2021-11-01) or an age (7d, 2w, 3m, 2y), by Singapore time, included"
_LAST_NUMBER = 2**63 - 1  # of SQLite


class Parser(argparse.ArgumentParser):
    """A parser that answers wrong usage in one line, naming the nearest option."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - passed through
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with 2."""
        self.exit(2, f"{self.prog}: {printable(message)} (see {self.prog} --help)\n")

    def refuse_unknown(self, words: Sequence[str]) -> None:
        """Name the first option that no command has, and the nearest that one has; exit with 2."""
        known = _all_flags(self)
        for word in words:
            flag = word.partition("=")[0]
            if flag == "--":
                return
            if flag.startswith("--") and flag not in known:
                near = difflib.get_close_matches(flag, known, n=1)
                self.error(
                    f"unknown option {flag}" + (f"; did you mean {near[0]}?" if near else "")
                )


def add_global(parser: argparse.ArgumentParser) -> None:
    """Add the options that stand before or after the command alike."""
    group = parser.add_argument_group(
        "global options", "each also HARVESTER_<NAME> and a key of harvester.toml"
    )
    # SUPPRESS on both levels: the one that is given wins, wherever it stands.
    group.add_argument(
        "--config", metavar="FILE", default=argparse.SUPPRESS, help="(default: harvester.toml)"
    )
    add_settings(group, _GLOBAL)


def add_settings(group: Any, names: tuple[str, ...]) -> None:  # noqa: ANN401 - argparse's group
    """Add the options of settings."""
    for option in OPTIONS:
        if option.name in names:
            standard = "on" if option.default is True else option.default
            default = f" (default: {standard})" if standard not in (None, "", ()) else ""
            group.add_argument(
                option.flag,
                dest=option.name,
                metavar=option.metavar,
                default=argparse.SUPPRESS,
                help=option.help + default,
            )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")


def add_days_and_sections(parser: argparse.ArgumentParser) -> None:
    """Add `--since`, `--until` and `--section`, of publication."""
    parser.add_argument("--since", metavar="D", help=f"first day of publication: {_DAY_HELP}")
    parser.add_argument("--until", metavar="D", help=f"last day of publication: {_DAY_HELP}")
    parser.add_argument(
        "--section",
        dest="sections",
        action="append",
        metavar="PATH",
        help="only this section, such as realtime/china; may be repeated",
    )


def add_selecting(parser: argparse.ArgumentParser) -> None:
    """Add what `selection_of` reads."""
    add_days_and_sections(parser)
    parser.add_argument("--access", choices=("full", "preview"), help="only stories served so")


def number(text: str) -> int:
    """Return a number as the catalogue has them."""
    if not 0 <= int(text) <= _LAST_NUMBER:
        raise ValueError
    return int(text)


def _all_flags(parser: argparse.ArgumentParser) -> list[str]:
    flags = list(parser._option_string_actions)  # noqa: SLF001 - argparse has no public list
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for child in action.choices.values():
                flags += _all_flags(child)
    return flags
