"""Which stories a command is about: the options that `export` and `search` share."""

from __future__ import annotations

import argparse
from datetime import date, datetime, time, timedelta

from harvester.cli.days import parse_day
from harvester.errors import UsageError
from harvester.model import Access
from harvester.store import Selection
from harvester.zaobao.urls import SINGAPORE


def selection_of(chosen: argparse.Namespace, today: date, after: int = 0) -> Selection:
    """Return what `--since`, `--until`, `--section` and `--access` come to.

    Days are Singapore days, both included; `today` is one. `after` is a number of the change log.
    Raises `UsageError`.
    """
    since, until = (_day(chosen, name, today) for name in ("since", "until"))
    if since and until and since > until:
        raise UsageError(f"--since {since} lies after --until {until}")
    return Selection(
        since=_begin(since) if since else None,
        until=_begin(until + timedelta(days=1)) if until else None,
        sections=tuple(map(_section, chosen.sections or ())),
        access=Access(chosen.access) if chosen.access else None,
        after=after,
    )


def _day(chosen: argparse.Namespace, name: str, today: date) -> date | None:
    text = getattr(chosen, name)
    return parse_day(text, today, f"--{name}") if text is not None else None


def _section(path: str) -> str:
    if not (name := path.strip("/ ")):
        raise UsageError(f"--section {path!r}: expected a path such as realtime/china")
    return name


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), SINGAPORE)
